"""Faults on demand: what goes wrong with which webhooks.

::

    Fault(heard=False)                          200, and the event is lost in memory
    Fault(status=500), Fault(status=500, heard=False)
                                                an error, after the event was taken, or before
    Fault(status=302, location=…, heard=False)  a redirect
    Fault(drop=True)                            the connection breaks, after the event was taken
    Fault(starts_after=5)                       the rulebook is slow
    Fault(latency=5)                            the answer is
"""

import re
from collections.abc import Iterable

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Strikes webhooks whose path has a match of the regular expression ``path``, and about an instance
    whose name has one of ``name``; ``times`` times, for ever if None. Durations are in seconds.

    A ``status`` of 0 is the one that there would have been anyway.
    """

    path: str = ""
    name: str = ""
    times: int | None = 1
    latency: float = 0
    status: int = 0
    location: str = ""
    drop: bool = False
    heard: bool = True
    starts_after: float = 0


NONE = Fault()
"""What befalls most webhooks."""


class _Armed:
    """A fault, and how often it may still strike."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._path, self._name = re.compile(fault.path), re.compile(fault.name)
        self._left = fault.times

    def strikes(self, path: str, name: str) -> bool:
        if self._left == 0 or not (self._path.search(path) and self._name.search(name)):
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Faults:
    """The faults in force; the one added first strikes first."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def add(self, faults: Iterable[Fault]) -> None:
        """Arm *faults*. Raises `re.error` for a pattern that is none."""
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        self._armed.clear()

    def strike(self, path: str, name: str) -> Fault:
        """What this webhook meets; a fault is used up once more."""
        return next((one.fault for one in self._armed if one.strikes(path, name)), NONE)
