"""How the controller says no, and how it writes JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web


def page(title: str) -> str:
    """HTML for people, as proxies write it."""
    return f"<html>\r\n<head><title>{title}</title></head>\r\n<body></body>\r\n</html>\r\n"


class Answer(Exception):
    """Raised to end a request with *status* and *body* (text is a page, all else JSON; None for none)."""

    def __init__(self, status: int, body: object = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers

    def response(self) -> web.Response:
        if self.body is None:
            return web.Response(status=self.status, headers=self.headers)
        if isinstance(self.body, str):
            return web.Response(
                status=self.status, text=self.body, headers=self.headers, content_type="text/html"
            )
        return json_response(msgspec.json.encode(self.body), status=self.status, headers=self.headers)


def json_response(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """*body*, which is JSON already."""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def encoded(value: Any, *, status: int = 200) -> web.Response:  # noqa: ANN401 -- whatever msgspec encodes
    """*value* as JSON."""
    return json_response(msgspec.json.encode(value), status=status)


def _detail(status: int, text: str) -> Answer:
    return Answer(status, {"detail": text})


def bad_request(text: str) -> Answer:
    return _detail(400, text)


def unauthenticated() -> Answer:
    """One answer for a missing, unknown, expired or revoked token."""
    return Answer(
        401,
        {
            "detail": "Authentication credentials were not provided. "
            "To establish a login session, visit /api/login/."
        },
        {"WWW-Authenticate": "Bearer realm=api authorization_url=/api/o/authorize/"},
    )


def forbidden(text: str = "You do not have permission to perform this action.") -> Answer:
    return _detail(403, text)


def not_found(text: str = "Not found.") -> Answer:
    return _detail(404, text)


def method_not_allowed(method: str) -> Answer:
    return _detail(405, f'Method "{method}" not allowed.')


def bad_gateway() -> Answer:
    """The proxy's word for a worker that died."""
    return Answer(502, page("502 Bad Gateway"))


def too_large() -> Answer:
    """The proxy's word for a body that it does not let through."""
    return Answer(413, page("413 Request Entity Too Large"))


def unsupported_media_type(content_type: str) -> Answer:
    return _detail(415, f'Unsupported media type "{content_type}" in request.')
