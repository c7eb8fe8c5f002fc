"""What an answer that is no success means, and what it says to a person."""

from datetime import UTC, datetime

import httpx
import pytest

from aap_poller.http_errors import Broken, error_of
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

NOW = datetime(2026, 9, 1, 10, 0, 0, tzinfo=UTC)
IN_A_MINUTE = "Tue, 01 Sep 2026 10:01:00 GMT"


def meaning(status: int, body: str = "", **headers: str) -> ProvisionerError | None:
    """*headers* are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_of(httpx.Response(status, text=body, headers=named), "GET jobs", NOW)


def page(title: str) -> str:
    return f"<!DOCTYPE html>\n<html><head><title>\n{title}\n</title></head><body>…</body></html>"


TOLD: dict[str, tuple[ProvisionerError | None, type[ProvisionerError], str]] = {
    "AAP's own words are told": (
        meaning(403, '{"detail": "You may not."}'),
        Forbidden,
        "AAP refused GET jobs: 403 Forbidden: You may not.",
    ),
    "so are its words on single fields": (
        meaning(400, '{"limit": ["is too long"]}'),
        Refused,
        'AAP refused GET jobs: 400 Bad Request: {"limit":["is too long"]}',
    ),
    "and its words on its own bugs": (
        meaning(500, '{"detail": "A server error has occurred."}'),
        Broken,
        "AAP answered GET jobs with 500 Internal Server Error: A server error has occurred.",
    ),
    "a proxy is told from AAP": (
        meaning(502, page("502 Bad Gateway")),
        Broken,
        "A proxy answered GET jobs with 502 Bad Gateway ('502 Bad Gateway')",
    ),
    "a page is known without its type": (
        meaning(503, "\n <html>", content_type="text/plain"),
        Unanswered,
        "A proxy answered GET jobs with 503 Service Unavailable",
    ),
    "the title of a page is for people": (
        meaning(503, page("R&amp;D &mdash; try   later")),
        Unanswered,
        "A proxy answered GET jobs with 503 Service Unavailable ('R&D — try later')",
    ),
    "a long title is no title": (
        meaning(504, page("x" * 81)),
        Unanswered,
        "A proxy answered GET jobs with 504 Gateway Timeout",
    ),
    "nor is one that holds markup": (
        meaning(504, page("&lt;script&gt;")),
        Unanswered,
        "A proxy answered GET jobs with 504 Gateway Timeout",
    ),
    "a login page is no answer": (
        meaning(200, page("Sign in")),
        Unanswered,
        "GET jobs was answered with a page instead of data ('Sign in'): is CLOUDKIT_AAP_URL right?",
    ),
    "what AAP does not have is not found": (
        meaning(404, '{"detail": "Not found."}'),
        NotFound,
        "AAP refused GET jobs: 404 Not Found: Not found.",
    ),
    "what a proxy does not have may well be there": (
        meaning(404, page("Not here")),
        Unanswered,
        "A proxy answered GET jobs with 404 Not Found ('Not here'): is CLOUDKIT_AAP_URL right?",
    ),
    "also if the proxy says nothing": (
        meaning(404),
        Unanswered,
        "A proxy answered GET jobs with 404 Not Found: is CLOUDKIT_AAP_URL right?",
    ),
    "a proxy that refuses has refused": (
        meaning(413, page("413 Request Entity Too Large")),
        Refused,
        "A proxy refused GET jobs: 413 Request Entity Too Large ('413 Request Entity Too Large')",
    ),
    "an unknown token": (meaning(401, "{}"), Unauthorized, "AAP refused GET jobs: 401 Unauthorized"),
    "a conflict": (meaning(409, "{}"), Conflict, "AAP refused GET jobs: 409 Conflict"),
    "a redirect says where to": (
        meaning(302, location="https://sso.example.com:8443/login?token=s3cret#s3cret"),
        Refused,
        "AAP sent GET jobs elsewhere (302 to https://sso.example.com:8443/login): is CLOUDKIT_AAP_URL right?",
    ),
    "also within the same host": (
        meaning(301, location="/migrations_notran/"),
        Refused,
        "AAP sent GET jobs elsewhere (301 to /migrations_notran/): is CLOUDKIT_AAP_URL right?",
    ),
    "and never who it says we are": (
        meaning(307, location="http://me:s3cret@aap.example.com/"),
        Refused,
        "AAP sent GET jobs elsewhere (307 to http://aap.example.com/): is CLOUDKIT_AAP_URL right?",
    ),
    "a redirect to nonsense": (
        meaning(302, location="http://[nonsense:99999999"),
        Refused,
        "AAP sent GET jobs elsewhere (302 to nowhere): is CLOUDKIT_AAP_URL right?",
    ),
}


@pytest.mark.parametrize(("problem", "kind", "text"), TOLD.values(), ids=TOLD)
def test_what_is_told(problem: ProvisionerError | None, kind: type[ProvisionerError], text: str) -> None:
    assert type(problem) is kind
    assert problem is not None
    assert problem.message == text
    assert problem.system == "AAP"


@pytest.mark.parametrize(("status", "body"), [(200, "{}"), (201, "[]"), (202, ""), (204, "")])
def test_a_success_means_nothing_else(status: int, body: str) -> None:
    assert meaning(status, body) is None


PAUSES: dict[str, tuple[ProvisionerError | None, float]] = {
    "in seconds": (meaning(429, retry_after="17"), 17),
    "until a moment, by the clock of who says so": (
        meaning(503, retry_after=IN_A_MINUTE, date="Tue, 01 Sep 2026 10:00:40 GMT"),
        20,
    ),
    "until a moment, by our clock if there is no other": (meaning(503, retry_after=IN_A_MINUTE), 60),
    "until a moment that is past": (meaning(503, retry_after="Tue, 01 Sep 2026 09:59:00 GMT"), 0),
    "a 429 that does not say for how long": (meaning(429), 5),
    "a 429 that says nonsense": (meaning(429, retry_after="soon"), 5),
    "a 429 whose moment is past": (meaning(429, retry_after="Tue, 01 Sep 2026 09:59:00 GMT"), 5),
    "a 503 that asks for none": (meaning(503), 0),
    "a 503 that says nonsense": (meaning(503, retry_after="-3"), 0),
    "a moment without a day": (meaning(503, retry_after="Tue, 99 Foo 2026 10:01:00"), 0),
    "digits without end": (meaning(503, retry_after="9" * 5000), 999_999_999),
    "the word of a redirect, which is meant otherwise": (meaning(301, retry_after="17"), 0),
}


@pytest.mark.parametrize(("problem", "seconds"), PAUSES.values(), ids=PAUSES)
def test_for_how_long_a_pause_is_asked_for(problem: ProvisionerError | None, seconds: float) -> None:
    assert problem is not None
    assert problem.retry_after == seconds


def test_a_429_was_not_looked_at_and_a_503_may_have_been() -> None:
    assert type(meaning(429, retry_after="1")) is Unreachable
    assert type(meaning(503, retry_after="1")) is Unanswered
