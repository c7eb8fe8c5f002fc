"""The shell of a service, as a process: its exit codes, signals, probes and last words."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SERVICE = Path(__file__).with_name("service_under_test.py")
DEADLINE = 20.0


class Service:
    """A running service under test."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self.process = process
        self._errors = errors

    def say(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Its exit code and what it printed, once it ended by itself."""
        printed, _ = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, printed

    @property
    def told(self) -> str:
        """What stands on its standard error."""
        return self._errors.read_text()

    def logged(self, event: str) -> dict[str, Any]:
        """The first message *event*, waited for."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            lines = [json.loads(line) for line in self.told.splitlines() if line.endswith("}")]
            found[:] = [line for line in lines if line["event"] == event]
            return bool(found)

        until(look)
        return found[0]

    def ask(self, path: str) -> tuple[int, str]:
        port = self.logged("HTTP is served")["port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # between two looks; another process cannot wake us


Start = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(behaviour: str = "good", *arguments: str, **settings: str) -> Service:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDKIT_")}
        environ |= {"CLOUDKIT_BEHAVIOUR": behaviour, "CLOUDKIT_NUMBER": "1", "CLOUDKIT_HTTP_PORT": "auto"}
        errors = tmp_path / f"errors-{len(started)}"
        with errors.open("w") as sink:
            process = subprocess.Popen(
                [sys.executable, str(SERVICE), *arguments],
                env=environ | settings,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
            )
        started.append(process)
        return Service(process, errors)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_sigterm_ends_loops_first_then_contexts_in_reverse_order(start: Start) -> None:
    service = start()
    service.logged("started")
    service.say(signal.SIGTERM)
    code, printed = service.end()
    assert code == 0
    assert printed.splitlines() == [
        "open first",
        "open second",
        "worker ends",
        "close second",
        "close first",
    ]


def test_sigint_ends_it_as_well(start: Start) -> None:
    service = start()
    service.logged("started")
    service.say(signal.SIGINT)
    assert service.end()[0] == 0


def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    service = start("stubborn-loop")
    service.logged("started")
    service.say(signal.SIGTERM)
    service.logged("stopping")
    service.say(signal.SIGTERM)
    code, printed = service.end()
    assert code == 128 + signal.SIGTERM
    assert "close" not in printed


def test_a_loop_that_need_not_be_waited_for_is_canceled_at_once(start: Start) -> None:
    service = start("deaf-loop", CLOUDKIT_SHUTDOWN_GRACE="1h")
    service.logged("started")
    service.say(signal.SIGTERM)
    code, printed = service.end()
    assert code == 0
    assert "close first" in printed


def test_a_loop_that_does_not_end_is_canceled_after_the_grace(start: Start) -> None:
    service = start("stubborn-loop", CLOUDKIT_SHUTDOWN_GRACE="200ms")
    service.logged("started")
    service.say(signal.SIGTERM)
    code, printed = service.end()
    assert code == 0
    assert "close first" in printed
    assert service.logged("canceled, because it did not end by itself")["loop"] == "worker"


def test_a_good_service_is_live_and_ready(start: Start) -> None:
    service = start()
    service.logged("started")
    assert service.ask("/livez") == (200, "ok\n")
    assert service.ask("/readyz") == (200, '{"service":"ok"}')
    assert "python_info" in service.ask("/metrics")[1]


def test_a_service_that_still_waits_is_live_not_ready_and_ends_promptly(start: Start) -> None:
    service = start("waits-in-build", CLOUDKIT_SHUTDOWN_GRACE="1h")
    until(lambda: "nats" in service.ask("/readyz")[1])
    assert service.ask("/readyz") == (503, '{"service":"starting","nats":"connection refused"}')
    assert service.ask("/livez")[0] == 200
    service.say(signal.SIGTERM)
    assert service.end()[0] == 0


def test_bad_settings_are_told_all_at_once_without_a_traceback(start: Start) -> None:
    service = start(CLOUDKIT_NUMBER="many", CLOUDKIT_LOG_LEVEL="loud")
    assert service.end()[0] == 2
    assert service.told.splitlines() == [
        "tested: CLOUDKIT_LOG_LEVEL is 'loud', but must be one of debug, info, warning, error",
        "tested: CLOUDKIT_NUMBER is 'many', but must be a whole number",
    ]


def test_a_port_in_use_is_told_without_a_traceback(start: Start) -> None:
    with socket.create_server(("", 0)) as taken:
        service = start(CLOUDKIT_HTTP_PORT=str(taken.getsockname()[1]))
        assert service.end()[0] == 2
    assert "tested: CLOUDKIT_HTTP_PORT is" in service.told
    assert "Traceback" not in service.told


@pytest.mark.parametrize(
    ("behaviour", "problems"),
    [
        (
            "misconfigured-in-build",
            ["tested: the stream has another shape", "tested: the server is too old"],
        ),
        ("misconfigured-in-loop", ["tested: the stream was changed"]),
    ],
)
def test_what_only_a_person_can_change_ends_with_two(
    start: Start, behaviour: str, problems: list[str]
) -> None:
    service = start(behaviour)
    code, printed = service.end()
    assert code == 2
    assert service.told.splitlines()[-len(problems) :] == problems
    assert "Traceback" not in service.told
    assert printed.splitlines()[-2:] == ["close second", "close first"]


@pytest.mark.parametrize(
    ("behaviour", "bug"),
    [("crashes-in-build", "a bug in build"), ("crashes-in-loop", "a bug in a loop")],
)
def test_a_bug_ends_it_in_order_with_one_and_a_traceback(start: Start, behaviour: str, bug: str) -> None:
    service = start(behaviour)
    code, printed = service.end()
    assert code == 1
    assert bug in service.logged("crashed")["exception"]
    assert "Traceback" in service.logged("crashed")["exception"]
    assert printed.splitlines()[-2:] == ["close second", "close first"]


def test_a_loop_that_is_canceled_by_nobody_is_a_bug(start: Start) -> None:
    assert start("canceled-loop").end()[0] == 1


def test_a_context_that_cannot_be_closed_is_told_and_the_others_are_closed(start: Start) -> None:
    service = start("crashes-while-closing")
    service.logged("started")
    service.say(signal.SIGTERM)
    code, printed = service.end()
    assert code == 1
    assert "it broke while it was closed" in service.logged("crashed")["exception"]
    assert printed.splitlines()[-1] == "close first"


def test_the_ready_file_names_process_and_port(start: Start, tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    service = start(CLOUDKIT_READY_FILE=str(ready_file))
    until(ready_file.exists)
    port = service.logged("HTTP is served")["port"]
    assert json.loads(ready_file.read_text()) == {"pid": service.process.pid, "http": port}


def test_there_is_no_ready_file_while_build_waits(start: Start, tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    service = start("waits-in-build", CLOUDKIT_READY_FILE=str(ready_file))
    until(lambda: "nats" in service.ask("/readyz")[1])
    assert not ready_file.exists()


def test_a_ready_file_that_cannot_be_written_is_a_setting_to_change(start: Start, tmp_path: Path) -> None:
    service = start(CLOUDKIT_READY_FILE=str(tmp_path / "missing" / "ready.json"))
    assert service.end()[0] == 2
    assert "tested: CLOUDKIT_READY_FILE is" in service.told


def test_without_a_port_nothing_is_served(start: Start) -> None:
    service = start(CLOUDKIT_HTTP_PORT="0")
    service.logged("started")
    assert "HTTP is served" not in service.told
    service.say(signal.SIGTERM)
    assert service.end()[0] == 0


def test_a_misspelled_variable_is_warned_of(start: Start) -> None:
    warning = start(CLOUDKIT_LOG_LEVELS="debug").logged("unknown setting")
    assert (warning["variable"], warning["did_you_mean"]) == ("CLOUDKIT_LOG_LEVELS", "CLOUDKIT_LOG_LEVEL")


def test_help_says_what_it_hears_and_every_setting(start: Start) -> None:
    code, printed = start("good", "--help").end()
    assert code == 0
    assert "hears nothing, says what it was told to say" in printed
    assert "CLOUDKIT_NUMBER  (integer, required)" in printed
    assert "CLOUDKIT_HTTP_PORT  (port, default 8080)" in printed


def test_it_says_its_version(start: Start) -> None:
    code, printed = start("good", "--version").end()
    assert code == 0
    assert printed.startswith("cloudkit-tested 0.")


def test_arguments_that_it_does_not_know_are_refused(start: Start) -> None:
    assert start("good", "--port=1").end()[0] == 2
