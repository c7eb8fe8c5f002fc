"""What Ansible said, in a line that fits on a resource.

Results of tasks come as JSON of any shape, with colours for terminals, with tracebacks and pages of
output. What tells most stands at the end of output, and in the first words of a message.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
TRACEBACK = "Traceback (most recent call last)"
HIDDEN = "its output is hidden by no_log"
SAYS_LITTLE = ("non-zero return code", "MODULE FAILURE", "One or more items failed", "All items completed")
"""How Ansible begins a message that leaves the reason to the output."""
OUTPUT = ("stderr", "module_stderr", "exception", "stdout", "module_stdout")
MOST_LINES = 3
LONGEST_INPUT = 100_000
"""Characters from either end of a text that are looked at."""


def task_failed(task: str, host: str, result: Any) -> str:  # noqa: ANN401  # any JSON
    """Which task failed where, and what it said."""
    return f"{task or 'a task'} on {host or 'a host'}: {_said(result) or 'no message'}"


def telling_end(text: str) -> str:
    """The last few lines of *text*, as one; of a Python traceback the last one."""
    lines = _lines(text)
    if any(TRACEBACK in line for line in lines):
        return lines[-1]
    return " / ".join(lines[-MOST_LINES:])


def one_line(text: str) -> str:
    """*text* as one line: if it has many, the first and the last ones."""
    lines = _lines(text)
    if any(TRACEBACK in line for line in lines):
        return lines[-1]
    if len(lines) > MOST_LINES:
        lines = [lines[0], "…", *lines[1 - MOST_LINES :]]
    return " / ".join(lines)


def _said(result: Any, depth: int = 0) -> str:  # noqa: ANN401  # any JSON
    if not isinstance(result, Mapping):
        return one_line(_text(result))
    if result.get("censored") or result.get("_ansible_no_log"):
        return HIDDEN
    message = one_line(_text(result.get("msg")))
    if message and not message.startswith(SAYS_LITTLE):
        return message
    item = _failed_item(result.get("results"))
    more = _said(item, depth + 1) if item is not None and depth == 0 else _output(result)
    return f"{message}: {more}" if message and more else message or more


def _failed_item(results: Any) -> Any:  # noqa: ANN401  # any JSON
    """Of a loop, the result of the first item that failed."""
    if not isinstance(results, Sequence) or isinstance(results, str):
        return None
    return next((one for one in results if isinstance(one, Mapping) and one.get("failed")), None)


def _output(result: Mapping[str, Any]) -> str:
    ends = (telling_end(_text(result.get(name))) for name in OUTPUT)
    return next((end for end in ends if end), "")


def _text(value: Any) -> str:  # noqa: ANN401  # any JSON
    match value:
        case None:
            return ""
        case str():
            return value
        case list() if all(isinstance(part, str) for part in value):
            return "\n".join(value)
        case _:
            return msgspec.json.encode(value).decode()


def _lines(text: str) -> list[str]:
    """Without what only a terminal understands; of a line that was overwritten, what is left in the end."""
    if len(text) > 2 * LONGEST_INPUT:
        text = text[:LONGEST_INPUT] + "\n" + text[-LONGEST_INPUT:]
    text = ANSI.sub("", text).replace("\r\n", "\n")
    lines = (CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2]).strip() for line in text.split("\n"))
    return [line for line in lines if line]
