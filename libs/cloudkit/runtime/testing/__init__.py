"""Fakes for the ports, to test handlers without a network.

They pass the same suites as the real things (``tests/contract``).
"""

from cloudkit.runtime.testing.manual_clock import ManualClock
from cloudkit.runtime.testing.memory_bus import MemoryIntents, MemoryJobLog

__all__ = ["ManualClock", "MemoryIntents", "MemoryJobLog"]
