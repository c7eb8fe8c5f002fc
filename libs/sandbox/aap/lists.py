"""Lists over HTTP: filter, order, page."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, TypeVar

from aiohttp import web

from sandbox.aap.filters import Filter, Model, ordered, read_filter
from sandbox.aap.paging import page_of

K = TypeVar("K", bound=StrEnum)
R = TypeVar("R")


def listed(
    request: web.Request,
    rows: Callable[[Filter], Iterable[R]],
    model: Model,
    encode: Callable[[R], bytes],
    *,
    takes_limit: bool = False,
) -> web.Response:
    """The page that the query string asks for. *rows* are at least those which pass the filter that
    they are asked with. Raises `Answer`."""
    filter = read_filter(request.query.items(), model)
    passing = [row for row in rows(filter) if filter.passes(row)]
    found = ordered(passing, request.query.get("order_by", ""), model)
    return page_of(request, found, encode, takes_limit=takes_limit)


def kinds_asked_for(request: web.Request, kinds: Iterable[K]) -> tuple[K, ...]:
    """Those of *kinds* that ``?type=`` names; all of them without it."""
    asked: Any = request.query.get("type")
    return tuple(kind for kind in kinds if asked is None or kind in asked.split(","))
