"""What is concluded from a dead letter, and how it is shown."""

import io
import json
from datetime import timedelta

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cloudkit.cli.__main__ import app
from cloudkit.cli.deadletters.replaying import Again, Look, Replay, Useless, replay_of
from cloudkit.cli.deadletters.showing import MOST_OF_A_BODY, as_json, page, short, table
from cloudkit.contracts.events import encode_event
from cloudkit.contracts.intents import Cancel, Deprovision, Provision, encode_intent
from cloudkit.contracts.subjects import JOBS, Addressee, again_subject, intent_subject, job_subject
from cloudkit.runtime.deadletters import TRACEBACK, Letter, letter_of
from cloudkit.runtime.jetstream import Stored
from unit.cli.letters import CLAIMED, NOON, OTHER, RECONCILE, VM, letter, of_event, of_intent

PROVISION = Provision(instance=VM, born=NOON, number=3, config_version="v1", attempt=1, resource={"spec": {}})
DEPROVISION = Deprovision(instance=VM, born=NOON, number=4, attempt=1, resource={})
AGAIN = Again("aap-poller-claims", 7, VM)
ONCE_MORE = again_subject("aap-poller-claims", 7)

REPLAYS: dict[str, tuple[Letter, Replay]] = {
    "a wish to provision becomes a look, for its resource may be another by now": (
        of_intent(PROVISION),
        Look(VM),
    ),
    "a wish to remove becomes a look, too": (of_intent(DEPROVISION), Look(VM)),
    "a look is asked for again": (of_intent(RECONCILE, addressee=Addressee.STATUS), Look(VM)),
    "a wish that went to the wrong service still names its instance": (
        of_intent(Cancel(instance=VM, born=NOON, number=3), addressee=Addressee.EDA),
        Look(VM),
    ),
    "an event goes to the durable that gave it up": (of_event(), AGAIN),
    "an event that was given up twice goes there once more": (
        letter(ONCE_MORE, encode_event(CLAIMED), consumer="aap-poller-claims-again", sequence="99"),
        AGAIN,
    ),
    "a wish about another instance than its subject is garbage": (
        of_intent(PROVISION, about=OTHER),
        Useless("it speaks of lab/vm.example on a subject that does not"),
    ),
    "an event about another instance than its subject is garbage": (
        letter("cloudkit.job.lab.other.u.aap.provision.claimed", encode_event(CLAIMED), stream=JOBS),
        Useless("it speaks of lab/vm.example on a subject that does not"),
    ),
    "a letter that others wrote says not where it belongs": (
        letter(job_subject(CLAIMED), encode_event(CLAIMED), stream="OTHERS"),
        Useless("it does not say which stream it comes from"),
    ),
    "what was asked for again under no number is garbage": (
        letter("cloudkit.intent.again.aap-poller-claims.x", encode_event(CLAIMED)),
        Useless("its subject names no event of the job log"),
    ),
}


@pytest.mark.parametrize(("given", "expected"), REPLAYS.values(), ids=REPLAYS)
def test_replay(given: Letter, expected: Replay) -> None:
    assert replay_of(given) == expected


@pytest.mark.parametrize("body", [b"", b"{garbage", b"[]", b"\xff", b'{"type": "Explode"}'], ids=repr)
@pytest.mark.parametrize("stream", ["CLOUDKIT_INTENTS", JOBS])
def test_what_nobody_can_read_cannot_be_replayed(body: bytes, stream: str) -> None:
    replay = replay_of(letter("cloudkit.intent.aap.lab.vm", body, stream=stream))
    assert isinstance(replay, Useless)
    assert replay.because.startswith("it cannot be read: ")


def test_no_intent_is_ever_sent_as_it_was() -> None:
    """Whatever is asked of a provider, a look is all that comes of it."""
    for intent in (PROVISION, DEPROVISION):
        for addressee in Addressee:
            assert replay_of(of_intent(intent, addressee=addressee)) == Look(VM)


def test_a_letter_without_our_headers_is_read_as_far_as_it_goes() -> None:
    stored = Stored("cloudkit.dead.somebody.a.b", 1, NOON, b"?", {"Cloudkit-Sequence": "many", "mine": "1"})
    read = letter_of(stored)
    assert (read.service, read.subject, read.sequence, read.headers) == ("somebody", "a.b", 0, {"mine": "1"})


def shown(*letters: Letter, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table(letters, [90.0] * len(letters)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_says_who_gave_up_on_what_and_why() -> None:
    text = shown(of_event())
    for word in ("42", "1m", "aap-poller", job_subject(CLAIMED), "lab/vm.example", "a bug"):
        assert word in text


def test_a_page_has_headers_traceback_body_and_what_to_do() -> None:
    told = letter(
        job_subject(CLAIMED),
        encode_event(CLAIMED),
        stream=JOBS,
        consumer="aap-poller-claims",
        **{TRACEBACK: json.dumps("Traceback\n  File x\nKeyError: 'a bug'"), "ce-id": "e-1"},
    )
    text = page(told, 7200.0)
    assert "2h ago, 2026-01-01 12:00:00 UTC" in text
    assert "ce-id      e-1" in text
    assert "\n  File x\n" in text
    assert '\n  "event": "claimed",\n' in text
    assert "cloudkit dead-letters replay 42" in text


def test_a_page_of_garbage_says_that_there_is_nothing_to_replay() -> None:
    text = page(letter("cloudkit.intent.aap.lab.vm", b"\xff\x00"), 1.0)
    assert "nobody can tell" in text
    assert "\\xff" in text
    assert "cloudkit dead-letters drop 42" in text


def test_a_large_body_is_cut_and_json_has_all_of_it() -> None:
    large = letter("cloudkit.intent.aap.lab.vm", b"x" * (MOST_OF_A_BODY + 5))
    assert "and 5 characters more, with --json" in page(large, 1.0)
    assert as_json(large, 1.0)["body"] == "x" * (MOST_OF_A_BODY + 5)


EVIL = "\x1b[2J\x07\u202eevil\r\n"


def test_nothing_in_a_letter_reaches_the_terminal_as_a_command() -> None:
    subject = intent_subject(Addressee.AAP, VM)
    evil = letter(subject, f'{{"a": "{EVIL}"}}'.encode(), reason=EVIL, **{f"x{EVIL}": EVIL, TRACEBACK: EVIL})
    for text in (shown(evil), page(evil, 1.0), json.dumps(as_json(evil, 1.0))):
        assert not set("\x1b\x07\u202e\r") & set(text)


@pytest.mark.parametrize(
    ("seconds", "age"), [(0.2, "0s"), (59, "59s"), (60, "1m"), (3600 * 25, "1d"), (-3, "0s")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, age: str) -> None:
    assert short(timedelta(seconds=seconds).total_seconds()) == age


MISTAKES = {
    "no letters to replay": (["replay"], "say which letters"),
    "no letters to drop": (["drop", "--yes"], "say which letters"),
    "numbers and all": (["replay", "3", "--all"], "say which letters"),
    "a number that is none": (["show", "x"], "valid integer"),
    "no number": (["show"], "Missing argument"),
    "a service with a wildcard": (["list", "--service", ">"], "a name such as aap-poller"),
}


@pytest.mark.parametrize(("arguments", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_on_the_command_line_is_told(arguments: list[str], told: str) -> None:
    answer = CliRunner().invoke(app, ["dead-letters", *arguments])
    assert answer.exit_code == 2
    assert told in answer.output


def test_a_setting_that_is_wrong_is_told() -> None:
    answer = CliRunner().invoke(app, ["dead-letters", "list"], env={"CLOUDKIT_NATS_URL": "nats"})
    assert answer.exit_code == 2
    assert "CLOUDKIT_NATS_URL is 'nats', but must be" in answer.output


@pytest.mark.parametrize("command", ["list", "show", "replay", "drop"])
def test_every_command_has_help(command: str) -> None:
    answer = CliRunner().invoke(app, ["dead-letters", command, "--help"])
    assert answer.exit_code == 0
    assert "Usage" in answer.output


def test_what_encodes_a_letter_of_an_intent_and_what_reads_it_agree() -> None:
    assert as_json(of_intent(PROVISION), 0)["body"] == encode_intent(PROVISION).decode()
