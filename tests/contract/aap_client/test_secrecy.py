"""The token is for AAP alone: whatever goes wrong, nobody reads it in a log, an error or a metric."""

import io
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from prometheus_client import REGISTRY, generate_latest

from aap_poller.connections import credentials_of, open_aap
from aap_poller.http_controller import HttpController
from aap_poller.limiter import Limiter
from aap_poller.presence import Presence
from aap_poller.settings import Settings
from cloudkit.contracts.errors import Misconfigured, ProvisionerError
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from cloudkit.runtime.logs import configure_logs
from cloudkit.runtime.settings import LogFormat, LogLevel, read_settings
from contract.aap_client.conftest import StandIn
from sandbox.aap.control import Control
from sandbox.aap.faults import Fault, FaultKind
from sandbox.aap.model import User

CREATE = "innabox-create-compute-instance"
TOKEN = "s3cret-t0ken-of-before"
NEW_TOKEN = "s3cret-t0ken-of-after"
SECRETS = (TOKEN, NEW_TOKEN)
EVERY_FAULT = (
    Fault(kind=FaultKind.DROP),
    Fault(kind=FaultKind.DROP_AFTER),
    Fault(kind=FaultKind.LOGIN),
    *(
        Fault(kind=FaultKind.ANSWER, status=status)
        for status in (200, 400, 401, 403, 404, 409, 429, 500, 503)
    ),
    Fault(kind=FaultKind.ANSWER, status=200, body='{"results": 1}'),
    Fault(kind=FaultKind.ANSWER, status=401, body='{"detail": "who?"}'),
)

log = structlog.get_logger(__name__)


@dataclass
class Told:
    """Everything that a person or a machine could read."""

    logs: io.StringIO = field(default_factory=io.StringIO)
    errors: list[str] = field(default_factory=list)

    def error(self, error: BaseException) -> None:
        """*error* as a traceback, a log line, and whatever its chain holds."""
        self.errors.append("".join(traceback.format_exception(error)))
        log.error("it failed", exc_info=error, error=error)
        link: BaseException | None = error
        while link is not None:
            self.errors += [str(link), repr(link), repr(vars(link)), str(getattr(link, "_request", ""))]
            link = link.__cause__ or link.__context__

    @property
    def everything(self) -> str:
        return "\n".join([self.logs.getvalue(), *self.errors, generate_latest(REGISTRY).decode()])


@pytest.fixture
def told() -> Iterator[Told]:
    """With the logs of every library at their most talkative."""
    told, root = Told(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs("aap-poller", level=LogLevel.DEBUG, format=LogFormat.JSON, stream=told.logs)
    root.setLevel(logging.DEBUG)
    yield told
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def environment(url: str, file: Path) -> dict[str, str]:
    return {
        "CLOUDKIT_AAP_URL": f"{url}/api/controller",
        "CLOUDKIT_AAP_TOKEN_FILE": str(file),
        "CLOUDKIT_AAP_PROVISION_TEMPLATE": CREATE,
        "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": "innabox-delete-compute-instance",
        "CLOUDKIT_AAP_REQUEST_TIMEOUT": "1s",
    }


@asynccontextmanager
async def process(settings: Settings, told: Told) -> AsyncIterator[HttpController]:
    """AAP as one process sees it, and what that says of itself in the end."""
    clock, health = SystemClock(), Health()
    presence = Presence(health, clock)
    async with open_aap(settings, clock, presence, Limiter(clock, 0)) as aap:
        yield aap
    told.errors += [str(health.parts()), repr(settings), repr(vars(presence)), repr(aap)]
    if presence.trouble is not None:
        told.error(presence.trouble)


async def try_everything(aap: HttpController, told: Told) -> None:
    async def launched() -> None:
        (template,) = await aap.templates(CREATE)
        row = await aap.launch(template, {"cloudkit_job": "lab/vm/uid-1/1"})
        await aap.cancel(row.type, str(row.id))

    for question in (launched(), aap.job(None, "4711"), aap.jobs(["1"]), aap.changed_since(None, {7})):
        try:
            await question
        except ProvisionerError as error:
            told.error(error)


async def test_nobody_reads_the_token_whatever_goes_wrong(
    stand_in: StandIn, control: Control, told: Told, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    settings = read_settings(Settings, environment(stand_in.url, file))
    await control.add_token(TOKEN, User())
    for fault in EVERY_FAULT:
        await control.add_faults(fault)
        async with process(settings, told) as aap:
            await try_everything(aap, told)
        await control.clear_faults()
    async with process(settings, told) as aap:
        await try_everything(aap, told)
        await control.revoke_token(TOKEN)
        await control.add_token(NEW_TOKEN, User())
        file.write_text(NEW_TOKEN)
        await try_everything(aap, told)
        file.write_text(f"{TOKEN}\n{NEW_TOKEN}")
        await try_everything(aap, told)
        file.unlink()
        await try_everything(aap, told)
    nowhere = read_settings(
        Settings, environment("http://127.0.0.1:1", file) | {"CLOUDKIT_LOG_LEVEL": "debug"}
    )
    with pytest.raises(Misconfigured) as missing:
        credentials_of(nowhere)
    told.error(missing.value)
    everything = told.everything
    assert "keeping the last token" in everything
    assert "HTTP Request: GET" in everything, "httpx told what it did"
    assert "cloudkit_aap_requests_total" in everything
    assert [secret for secret in SECRETS if secret in everything] == []


def test_nobody_reads_a_token_that_is_no_token(told: Told, tmp_path: Path) -> None:
    environ = environment("https://aap.example.com", tmp_path / "token")
    for given in ({"CLOUDKIT_AAP_TOKEN": f"{TOKEN} {NEW_TOKEN}"}, {"CLOUDKIT_AAP_TOKEN": TOKEN}):
        with pytest.raises(Misconfigured) as misconfigured:
            read_settings(Settings, environ | given)
        told.error(misconfigured.value)
    (tmp_path / "token").write_text(f"{TOKEN} {NEW_TOKEN}")
    with pytest.raises(Misconfigured) as misconfigured:
        credentials_of(read_settings(Settings, environ))
    told.error(misconfigured.value)
    assert [secret for secret in SECRETS if secret in told.everything] == []
