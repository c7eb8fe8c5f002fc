"""What is answered instead of what was asked for: a ``Status`` with code, reason, message and causes."""

from collections.abc import Iterable
from typing import NamedTuple

from sandbox.kube.objects import Object

INVALID = "FieldValueInvalid"
REQUIRED = "FieldValueRequired"
FORBIDDEN = "FieldValueForbidden"


class Cause(NamedTuple):
    """One field, and what is wrong with it; a cause that is about no field names none."""

    field: str
    message: str
    reason: str = INVALID

    def shown(self) -> dict[str, str]:
        said = {"reason": self.reason, "message": self.message, "field": self.field}
        return {name: value for name, value in said.items() if value}


class ApiError(Exception):
    """Raised when a request gets a ``Status`` of failure for an answer.

    ``metadata`` is that of the Status: an expired list tells there how to go on.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Object | None = None,
        causes: Iterable[Cause] = (),
        metadata: Object | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self._reason = reason
        self._message = message
        self._details = {**(details or {})}
        self._metadata = metadata or {}
        if shown := [cause.shown() for cause in causes]:
            self._details["causes"] = shown

    def status(self) -> Object:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self._metadata,
            "status": "Failure",
            "message": self._message,
            "reason": self._reason,
            "details": self._details,
            "code": self.code,
        }


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> ApiError:
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )


def unsupported_media_type(message: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", message)


def expired(message: str, *, go_on_with: str = "") -> ApiError:
    """410. *go_on_with* is a token with which a list may go on, at the price of consistency."""
    return ApiError(410, "Expired", message, metadata={"continue": go_on_with} if go_on_with else None)


def wrong_options(kind: str, cause: Cause) -> ApiError:
    """422: the query, read as options of a *kind*, makes no sense."""
    return ApiError(
        422,
        "Invalid",
        f'{kind}.meta.k8s.io "" is invalid: {cause.field}: {cause.message}',
        details={"group": "meta.k8s.io", "kind": kind},
        causes=[cause],
    )


def read_number(text: str) -> int:
    """A version or a limit, as a query says it. Raises `ApiError` if it is none."""
    if not text.isdigit():
        raise bad_request(f'Invalid value: "{text}": strconv.ParseUint: invalid syntax')
    return int(text)
