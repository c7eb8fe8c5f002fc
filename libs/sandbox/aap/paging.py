"""One page of a list, as the query string asks for it."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from sandbox.aap.answers import json_response, not_found

DEFAULT_PAGE_SIZE = 25
MAX_PAGE_SIZE = 200
UNCOUNTED_PAGES = 1
"""With ``count_disabled`` there is a first page and no other."""


def page_of(
    request: web.Request, rows: Sequence[Any], encode: Callable[[Any], bytes], *, takes_limit: bool = False
) -> web.Response:
    """The page of *rows* that *request* asks for. ``limit`` replaces paging where it is taken.

    Raises `Answer` 404 for a page beyond the end.
    """
    if takes_limit and "limit" in request.query:
        first = rows[: _positive(request.query["limit"], DEFAULT_PAGE_SIZE)]
        return _uncounted([encode(row) for row in first])
    size = min(_positive(request.query.get("page_size", ""), DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
    uncounted = "count_disabled" in request.query
    pages = UNCOUNTED_PAGES if uncounted else max(1, -(-len(rows) // size))
    number = _page_number(request.query.get("page", "1"), pages)
    results = [encode(row) for row in rows[(number - 1) * size : number * size]]
    if uncounted:
        return _uncounted(results)
    following = _link(request, number + 1) if number < pages else None
    former = _link(request, number - 1) if number > 1 else None
    links = msgspec.json.encode({"count": len(rows), "next": following, "previous": former})
    return json_response(b'%b,"results":[%b]}' % (links[:-1], b",".join(results)))


def _uncounted(results: Sequence[bytes]) -> web.Response:
    return json_response(b'{"results":[%b]}' % b",".join(results))


def _positive(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and int(text) > 0 else default


def _page_number(text: str, pages: int) -> int:
    number = pages if text == "last" else int(text) if text.isdecimal() else 0
    if not 1 <= number <= pages:
        raise not_found("Invalid page.")
    return number


def _link(request: web.Request, number: int) -> str:
    """A path, not a URL: without scheme and host."""
    query = [(key, _capped(value) if key == "page_size" else value) for key, value in request.query.items()]
    query = [pair for pair in query if pair[0] != "page"]
    if number > 1:
        query.append(("page", str(number)))
    return f"{request.path}?{urlencode(query)}" if query else request.path


def _capped(page_size: str) -> str:
    return str(min(_positive(page_size, DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE))
