"""What is read from the source of a log line."""

from pathlib import Path

import pytest

from fromcode.loglines import LogLine, log_lines

CASES = {
    "a plain message with a field": (
        'log.info("started", port=port)',
        LogLine("started", {"info"}, {"port"}),
    ),
    "a value in the message is named": (
        'log.warning(f"{job.type} job failed: {details or job.message}")',
        LogLine("<type> job failed: <message>", {"warning"}),
    ),
    "a message from a constant": ('CHECKING = "checking"\nlog.info(CHECKING)', LogLine("checking", {"info"})),
    "a message from another module's constant": (
        'BUSY = "busy"\nlog.info(lines.BUSY)',
        LogLine("busy", {"info"}),
    ),
    "a level that depends": (
        'tell = log.info if new else log.debug\ntell("decided", because=why)',
        LogLine("decided", {"info", "debug"}, {"because"}),
    ),
    "a traceback is an exception": (
        'log.error("crashed", exc_info=error)',
        LogLine("crashed", {"error"}, {"exception"}),
    ),
    "fields that a function returns": (
        'def about(job):\n    return {"uid": job.uid, **names(job)}\n'
        'def names(job):\n    return {"instance": job.name}\n'
        'log.info("seen", **about(job), number=1)',
        LogLine("seen", {"info"}, {"uid", "instance", "number"}),
    ),
    "fields that stand in a variable": (
        'def about(job):\n    return {"uid": 1}\njob, fields = it, about(it)\nlog.info("seen", **fields)',
        LogLine("seen", {"info"}, {"uid"}),
    ),
    "one message that is said in two places": (
        'log.info("seen", a=1)\nlog.warning("seen", b=2)',
        LogLine("seen", {"info", "warning"}, {"a", "b"}),
    ),
}


def lines_of(source: str, folder: Path) -> list[LogLine]:
    (folder / "module.py").write_text(source)
    return log_lines(folder)


@pytest.mark.parametrize(("source", "line"), CASES.values(), ids=CASES)
def test_a_log_line_is_read(source: str, line: LogLine, tmp_path: Path) -> None:
    assert lines_of(source, tmp_path) == [line]


def test_each_message_of_a_table_is_a_line(tmp_path: Path) -> None:
    source = 'TRIGGERING = {A: "triggering a", B: "triggering b"}\nlog.info(TRIGGERING[kind])'
    assert [line.text for line in lines_of(source, tmp_path)] == ["triggering a", "triggering b"]


def test_a_message_that_nobody_could_search_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"module\.py:1"):
        lines_of("log.info(compose(it))", tmp_path)
