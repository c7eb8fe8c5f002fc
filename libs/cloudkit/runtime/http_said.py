"""What headers of an HTTP answer say, whoever wrote them. None is a reason to crash; secrets stay secret."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

YEARS = range(1970, 9000)
"""Those of which a clock can speak."""
LONGEST_TARGET = 500


def read_date(text: str) -> datetime | None:
    """The time in an HTTP-date; None if there is none that a clock could show."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if date.year not in YEARS:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def redirect_target(location: str) -> str:
    """Where a redirect leads, for people: who may stand before the host, and what follows the path, may be a
    secret."""
    try:
        to = urlsplit(location)
        host = f"{to.scheme}://{to.hostname}" + (f":{to.port}" if to.port else "") if to.hostname else ""
    except ValueError:
        return "nowhere"
    target = "".join(one for one in host + to.path if one.isprintable())
    return target[:LONGEST_TARGET] or "nowhere"
