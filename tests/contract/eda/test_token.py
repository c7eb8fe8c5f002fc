"""The token for EDA from a file: it is rotated without a restart, and nobody else reads it."""

import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, generate_latest

from cloudkit.contracts.errors import ProvisionerError, Refused
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.settings import read_settings
from contract.eda.conftest import Running, Serve
from eda_dispatcher.connections import open_client
from eda_dispatcher.settings import Settings
from eda_dispatcher.webhooks import HttpWebhooks
from sandbox.eda.faults import Fault
from sandbox.eda.settings import STREAMS
from sandbox.eda.settings import Settings as AskedFor

BEFORE, AFTER = "s3cret-t0ken-of-before", "s3cret-t0ken-of-after"
RESOURCE: dict[str, Any] = {"metadata": {"name": "vm"}}
PATHS = ("/create-compute-instance", next(iter(STREAMS)))
EVERY_FAULT = (
    Fault(drop=True),
    Fault(latency=0.4),
    *(Fault(status=status, location="/login") for status in (302, 400, 401, 403, 404, 413, 429, 500)),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(BEFORE)
    return file


def rewrite(file: Path, content: str | None) -> None:
    """What Kubernetes does when a Secret changes; or is deleted, without *content*."""
    if content is None:
        file.unlink()
    else:
        file.write_text(content)


@asynccontextmanager
async def process(receiver: Running, file: Path, path: str = PATHS[0]) -> AsyncIterator[HttpWebhooks]:
    """The webhooks of one process, which was started with the token in *file*."""
    environ = {
        "CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK": receiver.url + path,
        "CLOUDKIT_COMPUTE_INSTANCE_DEPROVISION_WEBHOOK": receiver.url + path,
        "CLOUDKIT_EDA_TOKEN_FILE": str(file),
    }
    settings = read_settings(Settings, environ)
    urls = {JobType.PROVISION: settings.provision_webhook}
    async with open_client(settings) as client:
        yield HttpWebhooks(client, urls, within=0.2, signed_with=settings.hmac_secret)


@pytest.mark.parametrize("path", PATHS, ids=("a webhook", "an event stream"))
async def test_a_token_is_rotated_without_a_restart(serve: Serve, file: Path, path: str) -> None:
    async with serve(AskedFor(token=AFTER)) as receiver, process(receiver, file, path) as webhooks:
        with pytest.raises(Refused):
            await webhooks.send(JobType.PROVISION, RESOURCE)
        rewrite(file, AFTER)
        await webhooks.send(JobType.PROVISION, RESOURCE)
    assert len(receiver.heard) == 1


async def test_a_file_that_is_gone_leaves_the_last_token(serve: Serve, file: Path) -> None:
    async with serve(AskedFor(token=BEFORE)) as receiver, process(receiver, file) as webhooks:
        rewrite(file, None)
        await webhooks.send(JobType.PROVISION, RESOURCE)
    assert len(receiver.heard) == 1


async def test_nobody_reads_the_token_whatever_goes_wrong(
    serve: Serve, file: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    async with serve(AskedFor(token=BEFORE)) as receiver, process(receiver, file) as webhooks:
        for fault in EVERY_FAULT:
            receiver.goes_wrong(fault)
            with pytest.raises(ProvisionerError) as raised:
                await webhooks.send(JobType.PROVISION, RESOURCE)
            told += [*traceback.format_exception(raised.value), repr(vars(raised.value))]
        rewrite(file, f"{BEFORE} {AFTER}")
        await webhooks.send(JobType.PROVISION, RESOURCE)
        told += [repr(webhooks), repr(vars(webhooks))]
    logged = caplog.text + capsys.readouterr().out
    assert "keeping the last token" in logged
    assert "HTTP Request: POST" in logged, "httpx told what it did"
    everything = "\n".join([logged, *told, generate_latest(REGISTRY).decode()])
    assert [secret for secret in (BEFORE, AFTER) if secret in everything] == []
