"""What Ansible said, in a line that fits on a resource."""

from typing import Any

import pytest

from aap_poller.telling import one_line, task_failed, telling_end

PYTHON = (
    "Traceback (most recent call last):\n"
    '  File "/tmp/ansible_k8s.py", line 12, in <module>\n'
    "    main()\n"
    "ModuleNotFoundError: No module named 'kubernetes'\n"
)
TERRAFORM = (
    "Initializing...\nUpgrading...\nPlanning...\n\nError: Invalid provider\n  on main.tf line 3\nexit 1\n"
)

RESULTS: dict[str, tuple[Any, str]] = {
    "a message is told as it is": ({"msg": "exceeded quota"}, "exceeded quota"),
    "a message that says little is followed by the end of the errors": (
        {"msg": "non-zero return code", "rc": 1, "stderr": "warming up\n1\n2\n3\nno such host"},
        "non-zero return code: 2 / 3 / no such host",
    ),
    "errors without a message": ({"stderr": "no such host\n"}, "no such host"),
    "output, if that is all there is": ({"msg": "", "stdout": "mount failed"}, "mount failed"),
    "a module that crashed tells the last line of its traceback": (
        {"msg": "MODULE FAILURE\nSee stdout/stderr for the exact error", "module_stderr": PYTHON, "rc": 1},
        "MODULE FAILURE / See stdout/stderr for the exact error: "
        "ModuleNotFoundError: No module named 'kubernetes'",
    ),
    "of a loop, the item that failed": (
        {
            "msg": "One or more items failed",
            "results": [{"msg": "fine"}, {"failed": True, "msg": "disk 2 is full"}, {"failed": True}],
        },
        "One or more items failed: disk 2 is full",
    ),
    "of a loop whose item is hidden, that it is": (
        {"msg": "All items completed", "results": [{"failed": True, "censored": "hidden", "msg": "s3cret"}]},
        "All items completed: its output is hidden by no_log",
    ),
    "what is hidden stays hidden": (
        {"censored": "the output has been hidden due to the fact that 'no_log: true' was specified"},
        "its output is hidden by no_log",
    ),
    "what is marked as hidden stays hidden": (
        {"_ansible_no_log": True, "msg": "s3cret"},
        "its output is hidden by no_log",
    ),
    "a list of lines": ({"msg": ["one", "two"]}, "one / two"),
    "an object": ({"msg": {"code": 5}}, '{"code":5}'),
    "a number": ({"msg": 5}, "5"),
    "a text in place of a result": ("broken", "broken"),
    "nothing": (None, "no message"),
    "an empty result": ({}, "no message"),
    "results of another shape": ({"msg": "", "results": "none"}, "no message"),
    "a loop in a loop ends": (
        {"results": [{"failed": True, "results": [{"failed": True, "msg": "x"}]}]},
        "no message",
    ),
}


@pytest.mark.parametrize(("result", "expected"), RESULTS.values(), ids=RESULTS)
def test_a_failed_task_says(result: object, expected: str) -> None:
    assert task_failed("Create disk", "node-1", result) == f"Create disk on node-1: {expected}"


def test_a_task_without_a_name_or_a_host_is_told_too() -> None:
    assert task_failed("", "", {"msg": "no"}) == "a task on a host: no"


LINES = {
    "colours of a terminal": ("\x1b[0;31mfatal\x1b[0m: no", "fatal: no"),
    "links and titles of a terminal": ("\x1b]0;title\x07fatal \x1b]8;;http://x\x1b\\here", "fatal here"),
    "control characters": ("a\x00b\x08c", "abc"),
    "lines of Windows": ("one\r\ntwo\r\n", "one / two"),
    "a progress bar": ("10%\r50%\rdone\nfailed", "done / failed"),
    "blank lines": ("\n\n one \n\n\n two \n", "one / two"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "expected"), LINES.values(), ids=LINES)
def test_what_only_a_terminal_understands_is_left_out(text: str, expected: str) -> None:
    assert one_line(text) == telling_end(text) == expected


def test_of_long_output_the_end_tells() -> None:
    assert telling_end(TERRAFORM) == "Error: Invalid provider / on main.tf line 3 / exit 1"


def test_of_a_long_message_the_beginning_tells_too() -> None:
    assert one_line(TERRAFORM) == "Initializing... / … / on main.tf line 3 / exit 1"


def test_of_a_traceback_the_last_line_tells() -> None:
    assert telling_end(PYTHON) == one_line(PYTHON) == "ModuleNotFoundError: No module named 'kubernetes'"


def test_pages_and_pages_of_output_are_read_from_their_ends() -> None:
    text = "first\n" + "noise\n" * 1_000_000 + "last"
    assert one_line(text) == "first / … / noise / last"
    assert telling_end(text) == "noise / noise / last"
