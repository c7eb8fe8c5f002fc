"""Logs: one shape for everything that a process says."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from cloudkit.runtime.logs import configure_logs
from cloudkit.runtime.settings import LogFormat, LogLevel, Secret


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def former_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(say: Callable[[], object], level: LogLevel = LogLevel.INFO) -> list[dict[str, Any]]:
    stream = io.StringIO()
    configure_logs("watcher", level=level, stream=stream)
    say()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_message_is_one_line_of_json_in_reading_order() -> None:
    (line,) = logged(lambda: structlog.get_logger().info("it happened", instance="a/b", number=3))
    assert list(line) == ["time", "level", "event", "service", "instance", "number"]
    assert line["level"] == "info"
    assert line["event"] == "it happened"
    assert line["service"] == "watcher"
    assert line["time"].endswith("Z")


def test_what_is_below_the_level_is_not_logged() -> None:
    assert logged(lambda: structlog.get_logger().info("it happened"), LogLevel.WARNING) == []
    assert len(logged(lambda: structlog.get_logger().debug("it happened"), LogLevel.DEBUG)) == 1


def test_a_traceback_stands_in_the_line_of_its_message() -> None:
    def fail() -> None:
        try:
            int("no")
        except ValueError:
            structlog.get_logger().exception("it failed")

    (line,) = logged(fail)
    assert line["exception"].startswith("Traceback")
    assert "ValueError" in line["exception"]


def test_libraries_are_heard_from_warning_up() -> None:
    def talk() -> None:
        logging.getLogger("a.library").info("chatter")
        logging.getLogger("a.library").warning("trouble %s", 7)

    (line,) = logged(talk)
    assert (line["event"], line["logger"], line["service"]) == ("trouble 7", "a.library", "watcher")


def test_warnings_of_python_are_logged() -> None:
    def warn() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("old fashioned", UserWarning, stacklevel=1)

    (line,) = logged(warn)
    assert "old fashioned" in line["event"]


def test_values_that_json_does_not_know_are_logged_as_text() -> None:
    (line,) = logged(lambda: structlog.get_logger().info("it happened", error=ValueError("no")))
    assert line["error"] == "no"


def test_a_secret_is_not_logged() -> None:
    (line,) = logged(lambda: structlog.get_logger().info("it happened", token=Secret("hunter2")))
    assert "hunter2" not in str(line)


def test_fields_of_the_context_stand_in_every_message() -> None:
    def talk() -> None:
        with structlog.contextvars.bound_contextvars(instance="a/b"):
            structlog.get_logger().info("it happened")

    (line,) = logged(talk)
    assert line["instance"] == "a/b"


def test_on_a_terminal_messages_are_for_people() -> None:
    terminal = Terminal()
    configure_logs("watcher", stream=terminal)
    structlog.get_logger().info("it happened", number=3)
    assert "it happened" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_the_format_can_be_chosen_against_the_stream() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    configure_logs("watcher", format=LogFormat.JSON, stream=terminal)
    structlog.get_logger().info("it happened")
    configure_logs("watcher", format=LogFormat.CONSOLE, stream=pipe)
    structlog.get_logger().info("it happened")
    assert terminal.getvalue().startswith("{")
    assert not pipe.getvalue().startswith("{")


def test_a_traceback_on_a_terminal_does_not_show_local_variables() -> None:
    def fail() -> None:
        password = str(len("no")) + "hunter"
        raise ValueError(len(password))

    terminal = Terminal()
    configure_logs("watcher", stream=terminal)
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("it failed")
    assert "ValueError: 7" in terminal.getvalue()
    assert "2hunter" not in terminal.getvalue()
