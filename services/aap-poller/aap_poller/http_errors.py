"""What an answer means that is no success, or none of AAP's.

::

    429                                                          Unreachable   it was not looked at
    408, 5xx; a page instead of JSON; a 404 that is not JSON      Unanswered    who knows
    500, 502                                                      Broken        the same; maybe of one row
    any other 4xx; a redirect                                    Refused

AAP's API answers in JSON. A page (HTML) comes from a proxy, a login, AAP's user interface: from something
on the way. So does a 404 that is not JSON, and to believe it would mean that a job is gone from AAP.
"""

import html
import re
from datetime import datetime

import httpx
import msgspec

from aap_poller.presence import REDIRECTED
from cloudkit.contracts.errors import (
    Conflict,
    Forbidden,
    NotFound,
    ProvisionerError,
    Refused,
    Unanswered,
    Unauthorized,
    Unreachable,
)
from cloudkit.runtime.http_said import read_date, redirect_target

NO_TRUE_ANSWER = frozenset({408})
"""A proxy says so of a request that it may have passed on; the same goes for every 5xx."""
REFUSALS: dict[int, type[Refused]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict}
BROKEN = frozenset({500, 502})
"""What AAP, or the proxy for a worker of AAP that died, says also if it is one row that it cannot write."""
PAUSES = frozenset({429, 503})
"""Whose ``Retry-After`` is heeded. AWX's source has neither; what stands in front of AAP sends them."""
USUAL_PAUSE = 5.0
"""After a 429 that does not say for how long, in seconds."""
MOST_DIGITS = 9
MAX_WORDS = 500
MAX_TITLE = 80
TITLE = re.compile(rb"<title[^>]*>(.{0,400}?)</title>", re.IGNORECASE | re.DOTALL)
IS_THE_URL_RIGHT = "is CLOUDKIT_AAP_URL right?"


class Broken(Unanswered):
    """Raised when AAP came to no answer, and the cause may be AAP or what was asked for."""


def error_of(response: httpx.Response, route: str, now: datetime) -> ProvisionerError | None:
    """What *response* to a request for *route* means, unless it is a success; *now* is the time here."""
    status = response.status_code
    if response.is_success:
        return _instead_of_an_answer(response, route)
    if status < 400:
        target = redirect_target(response.headers.get("location", ""))
        text = f"AAP sent {route} elsewhere ({status} to {target}): {IS_THE_URL_RIGHT}"
        return Refused(text, system="AAP", status=status, reason=REDIRECTED)
    pause = _pause(response, now)
    if status == 429:
        text = f"AAP asks for a pause of {pause:g} s (429 Too Many Requests)"
        return Unreachable(text, system="AAP", retry_after=pause)
    if status >= 500 or status in NO_TRUE_ANSWER:
        text = f"{_who(response)} answered {route} with {_said(response)}"
        kind = Broken if status in BROKEN else Unanswered
        return kind(text, system="AAP", retry_after=pause)
    if status == 404 and not _is_json(response):
        text = f"A proxy answered {route} with {_said(response)}: {IS_THE_URL_RIGHT}"
        return Unanswered(text, system="AAP")
    text = f"{_who(response)} refused {route}: {_said(response)}"
    return REFUSALS.get(status, Refused)(text, system="AAP", status=status)


def _instead_of_an_answer(response: httpx.Response, route: str) -> Unanswered | None:
    """A page with a success: somebody asks us to log in, or we talk to AAP's user interface."""
    if not _is_page(response):
        return None
    text = f"{route} was answered with a page instead of data{_title(response)}: {IS_THE_URL_RIGHT}"
    return Unanswered(text, system="AAP")


def _who(response: httpx.Response) -> str:
    return "A proxy" if _is_page(response) else "AAP"


def _said(response: httpx.Response) -> str:
    """Status and words, as far as they help a person."""
    told = _title(response) if _is_page(response) else _words(response)
    return f"{response.status_code} {response.reason_phrase}".rstrip() + told


def _words(response: httpx.Response) -> str:
    """What AAP itself said."""
    said = _body(response)
    detail = said.get("detail") if isinstance(said, dict) else None
    return f": {detail or msgspec.json.encode(said).decode()}"[:MAX_WORDS] if said else ""


def _title(response: httpx.Response) -> str:
    """The title of a page, if it is short."""
    found = TITLE.search(response.content[:10_000])
    if found is None:
        return ""
    title = " ".join(html.unescape(found[1].decode(errors="replace")).split())
    return f" ('{title}')" if 0 < len(title) <= MAX_TITLE and title.isprintable() and "<" not in title else ""


def _pause(response: httpx.Response, now: datetime) -> float:
    """For how many seconds AAP, or what stands in front of it, asks for a pause; 0 if it does not."""
    if response.status_code not in PAUSES:
        return 0.0
    given = response.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdecimal():
        seconds = float(given[:MOST_DIGITS])
    elif until := read_date(given):
        seconds = (until - (read_date(response.headers.get("date", "")) or now)).total_seconds()
    else:
        seconds = 0.0
    return max(seconds, USUAL_PAUSE if response.status_code == 429 and seconds <= 0 else 0.0)


def _is_page(response: httpx.Response) -> bool:
    kind = response.headers.get("content-type", "")
    return kind.startswith(("text/html", "application/xhtml")) or response.content.lstrip()[:1] == b"<"


def _is_json(response: httpx.Response) -> bool:
    return _body(response) is not None


def _body(response: httpx.Response) -> object:
    """The JSON of *response*; None if it has none."""
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
