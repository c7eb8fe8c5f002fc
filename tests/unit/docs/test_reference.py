"""The reference pages say what the code says. ``make docs`` draws them anew."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from cloudkit.runtime import deadletters
from cloudkit.runtime.settings import Row, describe
from fromcode.__main__ import DOCS, pages, parts
from fromcode.loglines import SHARED, log_lines
from fromcode.pages import MISSING, Parts, part_names, refreshed, table_rows
from fromcode.program import ROOT, Service, services, trees

REFERENCE = DOCS / "reference"
METRIC_TYPES = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}

KNOWN_LINES = (
    "triggering provisioning",
    "provision job triggered",
    "provision job still running",
    "provision job succeeded",
    "provision job failed: [error details]",
    "checking provision job before deprovision",
    "provision job is running, attempting to cancel",
    "canceled provision job",
    "provision job already terminal",
    "deprovisioning not ready, requeueing",
    "deprovision job triggered",
    "deprovision job succeeded",
    "deprovision job failed: [error details]",
)
"""What operators have searched the logs for since before this project."""

PROSE = [ROOT / "README.md", ROOT / "CHANGELOG.md", *pages()]
NAMES_BESIDES = {"cloudkit_job"}
"""A variable of every job in AAP."""

each_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(DOCS)))
each_service = pytest.mark.parametrize("service", services(), ids=lambda service: service.name)


@pytest.fixture(scope="module")
def drawn() -> Parts:
    return parts()


def read(name: str) -> str:
    return (REFERENCE / name).read_text()


@each_page
def test_a_page_is_what_the_code_says(page: Path, drawn: Parts) -> None:
    text = page.read_text()
    assert text == refreshed(text, drawn), "run `make docs`, and look at what it changed"


@each_page
def test_a_page_leaves_nothing_to_be_written(page: Path) -> None:
    left = [line for line in page.read_text().splitlines() if MISSING in line]
    assert not left, "write what these rows mean"


def test_everything_that_is_drawn_stands_on_a_page(drawn: Parts) -> None:
    placed = set[str]().union(*(part_names(page.read_text()) for page in pages()))
    assert placed == {*drawn.tables, *drawn.blocks}


@each_service
def test_every_setting_of_a_service_stands_in_the_reference(service: Service) -> None:
    written = {cells[0].strip("`"): cells for cells in table_rows(read("settings.md"), "settings")}
    rows = describe(service.module("settings").Settings)
    assert {row.variable for row in rows} == {
        variable for variable, cells in written.items() if _reads(service, cells[3])
    }
    for row in rows:
        assert written[row.variable][1] == _default(row), row.variable
        assert written[row.variable][4] == row.meaning.replace("|", "\\|")


def _reads(service: Service, readers: str) -> bool:
    return readers == "all" or service.name in readers.split(", ")


def _default(row: Row) -> str:
    return "**required**" if row.required else f"`{row.default}`" if row.default else "not set"


def test_metrics_are_declared_where_the_reference_looks_for_them() -> None:
    elsewhere = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for folder in (ROOT / "libs/cloudkit", *(service.folder for service in services()))
        for file, module in trees(folder)
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module == "prometheus_client"
        if METRIC_TYPES & {name.name for name in node.names} and file.name != "metrics.py"
    ]
    assert not elsewhere


def test_alerts_ask_for_metrics_that_there_are() -> None:
    page = read("metrics.md")
    metrics = {cells[0].strip("`") for cells in table_rows(page, "metrics")}
    asked = set(re.findall(r"cloudkit_\w+", "".join(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))))
    assert asked
    assert asked <= metrics


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_settings_streams_and_metrics_that_there_are(page: Path, drawn: Parts) -> None:
    tables = ("settings", "streams", "metrics")
    known = {row[0].strip("`") for table in tables for row in drawn.tables[table]} | NAMES_BESIDES
    named = set(re.findall(r"\bcloudkit_[a-z_]+[a-z]\b|\bCLOUDKIT_[A-Z_]+[A-Z]\b", page.read_text()))
    assert named <= known


@pytest.mark.parametrize("line", KNOWN_LINES)
def test_the_lines_that_operators_know_are_said_word_for_word(line: str) -> None:
    folders = [SHARED, *(service.folder for service in services())]
    said = [line.text for folder in folders for line in log_lines(folder)]
    patterns = [re.sub(r"<\w+>", "(.+)", re.escape(text).replace("\\ ", " ")) for text in said]
    assert any(re.fullmatch(pattern, line) for pattern in patterns)


class Kept:
    """A JetStream that keeps what is appended."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    async def append(self, _subject: str, _body: bytes, headers: dict[str, str]) -> None:
        self.headers = headers


async def test_the_headers_of_a_dead_letter_stand_in_the_reference() -> None:
    kept: Any = Kept()
    token = "$JS.ACK.CLOUDKIT_INTENTS.aap-poller-intents.1.7.7.1700000000000000000.0"
    letter = Msg(Client(), subject="cloudkit.intent.aap.ns.vm", reply=token, data=b"?")
    await deadletters.bury(kept, letter, service="aap-poller", reason="why", traceback="where")
    written = set(re.findall(r"^\| `([\w-]+)` \|", read("dead-letters.md"), re.MULTILINE))
    assert set(kept.headers) <= written
    assert {name for name in written if "-" in name} <= set(kept.headers)


@pytest.mark.parametrize("answer", ["malformed", "never", "crashed"])
def test_every_way_into_the_dead_letters_stands_in_the_reference(answer: str) -> None:
    source = (ROOT / "libs/cloudkit/runtime/handling.py").read_text()
    assert set(re.findall(r'_put_aside\(message, "(\w+)"', source)) == {"malformed", "never", "crashed"}
    assert f"| `{answer}` |" in read("dead-letters.md")
