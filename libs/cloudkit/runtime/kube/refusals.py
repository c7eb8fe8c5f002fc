"""What the API server and the way to it may say instead of an answer, as errors of ours.

::

    no connection, no credentials             Unreachable
    timeout, reset, cut off, 429, 5xx         Unanswered
    401 403 404 409 410 and any other status  Unauthorized Forbidden NotFound Conflict Expired Refused
"""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import msgspec
from kubernetes_asyncio.config import ConfigException

from cloudkit.contracts.errors import (
    Conflict,
    Expired,
    Forbidden,
    NotFound,
    ProvisionerError,
    Refused,
    Unanswered,
    Unauthorized,
    Unreachable,
)

SYSTEM = "Kubernetes"
TOO_MANY_REQUESTS = 429
NO_SUCH_RESOURCE = "NoSuchResource"
"""The reason of a 404 that is about the path: the server does not know the kind (yet)."""
NAMESPACE_TERMINATING = "NamespaceTerminating"
"""The reason of a 403 because the namespace is being deleted: nothing can be created there any more."""

CLASSES: dict[int, type[Refused]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
}


class Cause(msgspec.Struct, frozen=True):
    """Why, more closely than the reason says."""

    reason: str = ""


class Details(msgspec.Struct, frozen=True):
    """What a refusal is about."""

    name: str = ""
    causes: tuple[Cause, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """How the API server puts a refusal."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: Details = Details()


def refusal(http_status: int, body: bytes | msgspec.Raw) -> ProvisionerError:
    """What *body*, an answer with *http_status* that is no success, means for us."""
    status = _read_status(body)
    told = f"Kubernetes answered {http_status}: {status.message}"
    if http_status == TOO_MANY_REQUESTS or http_status >= 500:
        return Unanswered(told, system=SYSTEM)
    reason = status.reason
    if http_status == 404 and not status.details.name:
        reason = NO_SUCH_RESOURCE
    if Cause(NAMESPACE_TERMINATING) in status.details.causes:
        reason = NAMESPACE_TERMINATING
    return CLASSES.get(http_status, Refused)(told, system=SYSTEM, status=http_status, reason=reason)


def told_by_watch(body: msgspec.Raw) -> ProvisionerError:
    """What the object of an ERROR event means for us."""
    return refusal(_read_status(body).code or 500, body)


@contextmanager
def translated() -> Iterator[None]:
    """Within it, errors of the libraries become errors of ours."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Unreachable(f"cannot connect to Kubernetes: {error}", system=SYSTEM) from error
    except (ConfigException, FileNotFoundError, PermissionError) as error:
        raise Unreachable(f"no credentials for Kubernetes: {error}", system=SYSTEM) from error
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise Unanswered(f"no answer from Kubernetes: {reason}", system=SYSTEM) from error


def _read_status(body: bytes | msgspec.Raw) -> Status:
    try:
        return msgspec.json.decode(body, type=Status)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Status(message=bytes(body)[:200].decode(errors="replace"))
