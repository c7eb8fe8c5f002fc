"""Settings: what is read, what is refused, and what a person is told."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.settings import (
    CommonSettings,
    NamespaceSettings,
    PolicySettings,
    Secret,
    choice,
    describe,
    duration,
    flag,
    integer,
    misspelled,
    optional,
    path,
    read_settings,
    secret,
    setting,
    text,
    url,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One of each kind."""

    name: str = setting("CLOUDKIT_NAME", text, doc="What it is called.")
    token: Secret = setting("CLOUDKIT_TOKEN", secret, default="", doc="A token.")
    place: str = setting("CLOUDKIT_PLACE", url, default="https://example.com/api", doc="Where it is.")
    pause: float = setting("CLOUDKIT_PAUSE", duration, default="30s", minimum=1, maximum=3600, doc="Rest.")
    count: int = setting("CLOUDKIT_COUNT", integer, default="3", minimum=1, doc="How many.")
    eager: bool = setting("CLOUDKIT_EAGER", flag, default="false", doc="Whether.")
    colour: Colour = setting("CLOUDKIT_COLOUR", choice(Colour), default="red", doc="Which.")
    file: Path | None = setting("CLOUDKIT_FILE", optional(path), default="", doc="Where to.")


NAMED = {"CLOUDKIT_NAME": "it"}
AAP = {"CLOUDKIT_PROVISIONING_PROVIDER": "aap"}


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(Misconfigured) as refused:
        read_settings(Settings, NAMED | environ)
    return refused.value.problems


def test_what_is_not_set_has_its_default() -> None:
    assert read_settings(Settings, NAMED) == Settings(
        name="it",
        token=Secret(""),
        place="https://example.com/api",
        pause=30.0,
        count=3,
        eager=False,
        colour=Colour.RED,
        file=None,
    )


def test_a_class_can_be_made_in_code_with_the_same_defaults() -> None:
    assert Settings(name="it") == read_settings(Settings, NAMED)


READABLE = {
    "a duration in seconds": ("CLOUDKIT_PAUSE", "45s", "pause", 45.0),
    "a duration in hours and minutes": ("CLOUDKIT_PAUSE", "0h30m", "pause", 1800.0),
    "a fraction of a duration": ("CLOUDKIT_PAUSE", "1.5s", "pause", 1.5),
    "the longest duration that is allowed": ("CLOUDKIT_PAUSE", "1h", "pause", 3600.0),
    "a whole number": ("CLOUDKIT_COUNT", "17", "count", 17),
    "yes": ("CLOUDKIT_EAGER", "yes", "eager", True),
    "True with a capital": ("CLOUDKIT_EAGER", "True", "eager", True),
    "0 for no": ("CLOUDKIT_EAGER", "0", "eager", False),
    "a word of a choice": ("CLOUDKIT_COLOUR", "blue", "colour", Colour.BLUE),
    "a word of a choice in capitals": ("CLOUDKIT_COLOUR", "BLUE", "colour", Colour.BLUE),
    "a path": ("CLOUDKIT_FILE", "/tmp/x", "file", Path("/tmp/x")),
    "a URL, with the slash at its end": ("CLOUDKIT_PLACE", "http://h:80/a/", "place", "http://h:80/a/"),
    "a secret with the line end of the file it came from": ("CLOUDKIT_TOKEN", "s\n", "token", Secret("s")),
    "an empty value as not set": ("CLOUDKIT_COUNT", " ", "count", 3),
}


@pytest.mark.parametrize(("variable", "given", "field", "value"), READABLE.values(), ids=READABLE)
def test_reads(variable: str, given: str, field: str, value: object) -> None:
    assert getattr(read_settings(Settings, NAMED | {variable: given}), field) == value


REFUSED = {
    "a duration without its unit": ("CLOUDKIT_PAUSE", "30"),
    "a duration with a gap": ("CLOUDKIT_PAUSE", "1m and 2s"),
    "a duration in days, which Go does not know": ("CLOUDKIT_PAUSE", "1d"),
    "a negative duration": ("CLOUDKIT_PAUSE", "-30s"),
    "a duration below its minimum": ("CLOUDKIT_PAUSE", "10ms"),
    "a duration above its maximum": ("CLOUDKIT_PAUSE", "61m"),
    "a number with a fraction": ("CLOUDKIT_COUNT", "1.5"),
    "a number as Python would write it": ("CLOUDKIT_COUNT", "1_000"),
    "a number below its minimum": ("CLOUDKIT_COUNT", "0"),
    "a flag that says perhaps": ("CLOUDKIT_EAGER", "perhaps"),
    "a word that is no choice": ("CLOUDKIT_COLOUR", "green"),
    "a URL without a scheme": ("CLOUDKIT_PLACE", "example.com/api"),
    "a URL of another scheme": ("CLOUDKIT_PLACE", "ftp://example.com"),
    "a URL with a port that is none": ("CLOUDKIT_PLACE", "https://example.com:99999"),
    "two URLs where one belongs": ("CLOUDKIT_PLACE", "https://a.example.com, https://b.example.com"),
}


@pytest.mark.parametrize(("variable", "given"), REFUSED.values(), ids=REFUSED)
def test_refuses(variable: str, given: str) -> None:
    (problem,) = problems(**{variable: given})
    assert problem.startswith(f"{variable} is '{given}', but must be ")


def test_every_problem_is_told_at_once() -> None:
    told = problems(CLOUDKIT_NAME="", CLOUDKIT_PAUSE="soon", CLOUDKIT_COUNT="0")
    assert told == (
        "CLOUDKIT_NAME is required: a text. What it is called.",
        "CLOUDKIT_PAUSE is 'soon', but must be a duration such as 500ms, 30s, 10m or 1h30m, from 1s to 1h",
        "CLOUDKIT_COUNT is '0', but must be a whole number, at least 1",
    )


def test_a_required_setting_that_is_misspelled_is_told_so() -> None:
    with pytest.raises(Misconfigured) as refused:
        read_settings(Settings, {"CLOUDKIT_NAMME": "it"})
    assert refused.value.problems[0].endswith("(CLOUDKIT_NAMME is set: a slip?)")


def test_credentials_in_a_bad_url_are_not_told() -> None:
    (problem,) = problems(CLOUDKIT_PLACE="ftp://user:hunter2@example.com")
    assert "hunter2" not in problem


def test_a_secret_does_not_show_itself() -> None:
    settings = read_settings(Settings, NAMED | {"CLOUDKIT_TOKEN": "hunter2"})
    assert "hunter2" not in f"{settings} {settings.token} {settings.token!r}"
    assert settings.token.reveal() == "hunter2"


def test_a_secret_that_is_not_set_is_false() -> None:
    assert not read_settings(Settings, NAMED).token
    assert read_settings(Settings, NAMED | {"CLOUDKIT_TOKEN": "x"}).token


def test_fields_may_be_checked_against_each_other() -> None:
    with pytest.raises(Misconfigured, match="CLOUDKIT_RETRY_BASE must not be longer"):
        read_settings(PolicySettings, AAP | {"CLOUDKIT_RETRY_BASE": "1h"})


def test_misspelled_variables_are_found_with_what_they_probably_mean() -> None:
    environ = {"CLOUDKIT_PAUS": "1s", "CLOUDKIT_AAP_URL": "not of this service", "PATH": "/bin"}
    assert misspelled(Settings, environ) == {"CLOUDKIT_PAUS": "CLOUDKIT_PAUSE"}


def test_a_variable_is_no_slip_of_one_that_is_set_as_well() -> None:
    assert misspelled(Settings, {"CLOUDKIT_PAUS": "1s", "CLOUDKIT_PAUSE": "2s"}) == {}


def test_a_description_has_a_row_for_every_field() -> None:
    rows = {row.variable: row for row in describe(Settings)}
    assert list(rows)[:2] == ["CLOUDKIT_NAME", "CLOUDKIT_TOKEN"]
    assert rows["CLOUDKIT_NAME"].required
    assert (rows["CLOUDKIT_PAUSE"].default, rows["CLOUDKIT_PAUSE"].kind) == ("30s", "duration")
    assert rows["CLOUDKIT_PAUSE"].meaning == "Rest."


def test_a_service_inherits_the_groups_that_it_needs() -> None:
    @dataclass(frozen=True, kw_only=True)
    class OfAService(CommonSettings, NamespaceSettings, PolicySettings):
        own: str = setting("CLOUDKIT_OWN", text, default="x", doc="Its own.")

    environ = AAP | {"CLOUDKIT_COMPUTE_INSTANCE_NAMESPACE": "tenant", "CLOUDKIT_MAX_ATTEMPTS": "2"}
    settings = read_settings(OfAService, environ)
    assert settings.nats_url == "nats://127.0.0.1:4222"
    assert settings.compute_instance_namespace == "tenant"
    assert settings.policy.max_attempts == 2
    assert "CLOUDKIT_OWN" in {row.variable for row in describe(OfAService)}


PORTS = {
    "0 is no port": ("0", None),
    "auto is any port": ("auto", 0),
    "a number is that port": ("9090", 9090),
}


@pytest.mark.parametrize(("given", "port"), PORTS.values(), ids=PORTS)
def test_the_http_port(given: str, port: int | None) -> None:
    assert read_settings(CommonSettings, {"CLOUDKIT_HTTP_PORT": given}).http_port == port


def test_several_nats_servers_are_separated_by_commas() -> None:
    settings = read_settings(CommonSettings, {"CLOUDKIT_NATS_URL": "nats://a:4222/, tls://b:4222"})
    assert settings.nats_url == "nats://a:4222,tls://b:4222"


@pytest.mark.parametrize("given", ["65536", "-1", "http"])
def test_a_port_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(Misconfigured, match="CLOUDKIT_HTTP_PORT"):
        read_settings(CommonSettings, {"CLOUDKIT_HTTP_PORT": given})


def test_what_another_variable_makes_unnecessary_is_required_without_it() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Either:
        name: str = setting("CLOUDKIT_NAME", text, default="", instead="CLOUDKIT_PREFIX", doc="A name.")
        prefix: str = setting("CLOUDKIT_PREFIX", text, default="", doc="Of a name.")

    with pytest.raises(Misconfigured, match="CLOUDKIT_NAME is required, or CLOUDKIT_PREFIX instead: a text"):
        read_settings(Either, {"CLOUDKIT_PREFIX": " "})
    assert read_settings(Either, {"CLOUDKIT_PREFIX": "a"}).name == ""
    assert read_settings(Either, {"CLOUDKIT_NAME": "a"}).name == "a"
