"""A stand-in for the AAP Controller: its REST API in memory, with virtual playbooks and faults on demand.

Jobs advance lazily: each has a plan, and whatever is due by the clock happens when somebody looks.
Facts about AAP that the code relies on are those of AWX, devel of October 2024 (AAP 2.5).
"""

from sandbox.aap.app import create_app
from sandbox.aap.settings import Settings

__all__ = ["Settings", "create_app"]
