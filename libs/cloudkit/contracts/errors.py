"""Errors, grouped by what to do next.

::

    ProvisionerError
    ├── Unreachable         nothing was sent: try again
    ├── Unanswered          something may have been received: look before trying again
    ├── Refused             it said no: trying the same again will not help
    │   ├── Conflict        somebody was faster: read again, think again
    │   ├── NotFound        it does not exist (any more)
    │   ├── Unauthorized    it does not know who we are (401)
    │   ├── Forbidden       it knows who we are, and we may not (403)
    │   ├── TooLarge        it takes nothing of that size (413)
    │   └── Expired         what we resume from is forgotten: start over (410)
    ├── Malformed           what we were given cannot be read
    └── Misconfigured       a person must change a setting or a deployment

Errors of libraries are translated where they arise and go no further.
"""


class ProvisionerError(Exception):
    """The root: catch it only to report it.

    ``system`` names who it was about: "AAP", "NATS", "Kubernetes". ``retry_after`` is for how long, in
    seconds, it asked not to be asked again; 0 if it did not.
    """

    def __init__(self, message: str, *, system: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.message = message
        self.system = system
        self.retry_after = retry_after


class Unreachable(ProvisionerError):
    """Raised when nothing was sent: no connection, no name, no circuit."""


class Unanswered(ProvisionerError):
    """Raised when a request may have been received, but no answer came, or none that can be trusted."""


class Refused(ProvisionerError):
    """Raised when the other side understood and said no. ``status`` is its HTTP status or 0,
    ``reason`` one CamelCase word for a condition."""

    reason = "Refused"

    def __init__(self, message: str, *, system: str = "", status: int = 0, reason: str = "") -> None:
        super().__init__(message, system=system)
        self.status = status
        self.reason = reason or type(self).reason


class Conflict(Refused):
    """Raised when something changed since it was read."""

    reason = "Conflict"


class NotFound(Refused):
    """Raised when the thing asked for does not exist."""

    reason = "NotFound"


class Unauthorized(Refused):
    """Raised when credentials are missing, wrong or expired."""

    reason = "Unauthorized"


class Forbidden(Refused):
    """Raised when the credentials are known and do not suffice."""

    reason = "Forbidden"


class TooLarge(Refused):
    """Raised when the other side takes nothing as large as what it was sent: ``size`` bytes, of at most
    ``limit`` (0: it did not say)."""

    reason = "PayloadTooLarge"

    def __init__(self, message: str, *, size: int, limit: int = 0, system: str = "", status: int = 0) -> None:
        super().__init__(message, system=system, status=status)
        self.size = size
        self.limit = limit


class Expired(Refused):
    """Raised when a watch resumes from a version that the server no longer has."""

    reason = "Expired"


class Malformed(ProvisionerError):
    """Raised when a message or an answer cannot be read; its text says where and why."""


class Misconfigured(ProvisionerError):
    """Raised when only a person can help: a bad setting, a stream of another shape, a server too old.
    ``problems`` has one line each, saying what to do."""

    def __init__(self, *problems: str, system: str = "") -> None:
        super().__init__("\n".join(problems), system=system)
        self.problems = problems
