"""Faults on demand: what goes wrong with which requests.

::

    answer            another answer than the controller's: a status with a body, perhaps Retry-After
    drop              the connection breaks before anything is done
    drop_after        the connection breaks after everything was done
    delay             nothing but a late answer
    login             302 to a login page, as during a database migration
    commit_late       the connection breaks; the launched job has an id and creation time from now,
                      but nobody sees it for `seconds` (its transaction is still open)
    launch_late       the connection breaks; the launch waits in a queue and is done after `seconds`
"""

import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from sandbox.aap.answers import page

BAD_GATEWAY = page("502 Bad Gateway")
LOGIN_PAGE = page("Log in to Ansible Automation Platform")


class FaultKind(StrEnum):
    ANSWER = "answer"
    DROP = "drop"
    DROP_AFTER = "drop_after"
    DELAY = "delay"
    LOGIN = "login"
    COMMIT_LATE = "commit_late"
    LAUNCH_LATE = "launch_late"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """``method`` and ``path`` are regular expressions; the path has no base: ``/jobs/4711/``.

    It strikes ``times`` times, for ever if None, after ``skip`` requests that match were spared.
    ``latency`` passes first, in seconds. A ``body`` that is HTML is sent as such, otherwise as JSON.
    """

    kind: FaultKind
    method: str = ".*"
    path: str = ".*"
    times: int | None = 1
    skip: int = 0
    latency: float = 0
    status: int = 502
    body: str = BAD_GATEWAY
    retry_after: str = ""
    seconds: float = 0


def proxy_error(status: int, title: str, *, path: str = ".*", times: int | None = 1) -> Fault:
    """An error in the HTML of a proxy: 502, 503, 504."""
    body = page(f"{status} {title}")
    return Fault(kind=FaultKind.ANSWER, path=path, times=times, status=status, body=body)


def too_many_requests(retry_after: str, *, path: str = ".*", times: int | None = 1) -> Fault:
    """429; *retry_after* is in seconds or a date, as the header's."""
    body = '{"detail": "Request was throttled."}'
    return Fault(
        kind=FaultKind.ANSWER, path=path, times=times, status=429, body=body, retry_after=retry_after
    )


def unavailable(retry_after: str, *, path: str = ".*", times: int | None = 1) -> Fault:
    """503 for maintenance, which says when to come back."""
    refusal = proxy_error(503, "Service Temporarily Unavailable", path=path, times=times)
    return msgspec.structs.replace(refusal, retry_after=retry_after)


def login_page(*, path: str = ".*", times: int | None = 1) -> Fault:
    """200 and a page for people: what a proxy answers that asks everybody to log in."""
    return Fault(kind=FaultKind.ANSWER, path=path, times=times, status=200, body=LOGIN_PAGE)


class _Armed:
    """A fault, and how often it may still strike."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._method = re.compile(fault.method, re.IGNORECASE)
        self._path = re.compile(fault.path)
        self._spare = fault.skip
        self._left = fault.times

    def strikes(self, method: str, path: str) -> bool:
        if self._left == 0 or not (self._method.fullmatch(method) and self._path.search(path)):
            return False
        if self._spare:
            self._spare -= 1
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Faults:
    """The faults in force; the one added first strikes first. Every answer takes ``latency`` seconds."""

    def __init__(self, *, latency: float = 0.0) -> None:
        self._armed: list[_Armed] = []
        self._usual_latency = latency
        self.latency = latency

    def add(self, faults: Iterable[Fault]) -> None:
        """Arm *faults*. Raises `re.error` for a pattern that is none."""
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        self._armed.clear()
        self.latency = self._usual_latency

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets; it is used up once more."""
        return next((one.fault for one in self._armed if one.strikes(method, path)), None)
