"""A stand-in for Event-Driven Ansible: webhooks, a rulebook, and what its playbooks do in Kubernetes.

::

    webhook ──► receiver ──► rulebook ──► a job on the AAP stand-in
                 200, and in memory                │ it has started, it has ended
                                                   ▼
                               playbooks ──► finalizer and annotation of the ComputeInstance

The machines stand in AAP, as do the rules for how long a playbook runs and how it ends. Facts about
EDA that the code relies on are those of the collection ansible.eda and of eda-server, 2026.
"""

from sandbox.eda.app import Surroundings, create_app
from sandbox.eda.settings import Settings

__all__ = ["Settings", "Surroundings", "create_app"]
