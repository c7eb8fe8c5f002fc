"""Run aap-poller."""

import asyncio
import ssl
from urllib.parse import urlsplit

import httpx

from aap_poller.following import Following
from aap_poller.handlers import Handlers
from aap_poller.http_controller import HttpController
from aap_poller.launching import Launching
from aap_poller.lost_log import LostLog
from aap_poller.records import Records
from aap_poller.recovery import Recovery
from aap_poller.settings import Settings
from aap_poller.stopping import Stopping
from aap_poller.subscriptions import subscriptions
from aap_poller.sweep import PART, Sweep
from aap_poller.templates import Templates
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.bus import connect
from cloudkit.runtime.delivery import deliver
from cloudkit.runtime.service import Shell, run_service

CONNECT_TIMEOUT = 5.0
SPARE_CONNECTIONS = 20


async def build(settings: Settings, shell: Shell) -> None:
    """Wire everything together and start the loops."""
    shell.health.down(PART, "not asked yet")
    client = await shell.enter(open_client(settings))
    bus = await shell.enter(
        connect(settings.nats_url, service="aap-poller", clock=shell.clock, health=shell.health)
    )
    aap, clock = HttpController(client), shell.clock
    names = {
        JobType.PROVISION: settings.provision_template,
        JobType.DEPROVISION: settings.deprovision_template,
    }
    templates = Templates(aap)
    records = Records(bus.jobs, aap, clock)
    stopping = Stopping(aap, records, clock)
    recovery = Recovery(bus.jobs, bus.intents, aap, clock, records, templates, settings.lost_answer_timeout)
    following = Following(bus.jobs, bus.intents, aap, records, stopping, settings.status_poll_interval)
    launching = Launching(
        log=bus.jobs,
        intents=bus.intents,
        aap=aap,
        clock=clock,
        records=records,
        templates=templates,
        names=names,
        lost_log=LostLog(bus.jobs, aap, records, templates, names, settings.lost_answer_timeout),
        stopping=stopping,
        recovery=recovery,
        slots=asyncio.Semaphore(settings.concurrent_launches),
        cancel_grace=settings.cancel_grace,
    )
    sweep = Sweep(bus.jobs, aap, clock, records, templates, names, shell.health, settings.sweep_interval)
    for subscription in subscriptions(Handlers(bus.intents, launching, following), recovery, following):
        shell.spawn(subscription.durable, deliver(bus, subscription, stopping=shell.stopping))
    shell.spawn("sweep", sweep.run(shell.stopping))


def open_client(settings: Settings) -> httpx.AsyncClient:
    """A client of AAP's API at the settings' URL, which may end with ``/v2`` or not. It follows no
    redirects: they would turn a launch into a GET."""
    return httpx.AsyncClient(
        base_url=settings.aap_url.rstrip("/").removesuffix("/v2") + "/v2/",
        headers={"Authorization": f"Bearer {settings.aap_token.reveal()}", "Accept": "application/json"},
        timeout=httpx.Timeout(settings.request_timeout, connect=CONNECT_TIMEOUT),
        limits=httpx.Limits(max_connections=settings.concurrent_launches + SPARE_CONNECTIONS),
        verify=_trust(settings) if urlsplit(settings.aap_url).scheme == "https" else False,
    )


def _trust(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.certificates)
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def main() -> None:
    run_service("aap-poller", Settings, build)


if __name__ == "__main__":
    main()
