"""Run aap-poller."""

import ssl
from urllib.parse import urlsplit

import httpx

from aap_poller.claiming import Claiming
from aap_poller.exchange import Exchange
from aap_poller.following import Following
from aap_poller.handlers import Handlers
from aap_poller.http_controller import HttpController
from aap_poller.launching import Launching, Slots
from aap_poller.lost_log import LostLog
from aap_poller.presence import Presence
from aap_poller.records import Records
from aap_poller.recovery import Recovery
from aap_poller.search import Search
from aap_poller.settings import Settings
from aap_poller.stopping import Stopping
from aap_poller.subscriptions import subscriptions
from aap_poller.sweep import Sweep
from aap_poller.templates import Templates
from cloudkit.contracts.errors import Misconfigured
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.delivery import deliver
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.wiring import open_bus

CONNECT_TIMEOUT = 5.0
QUESTIONS_AT_ONCE = 20


async def build(settings: Settings, shell: Shell) -> None:
    """Wire everything together and start the loops."""
    clock, health = shell.clock, shell.health
    presence = Presence(health)
    aap = await open_aap(settings, shell)
    bus = await shell.enter(open_bus(settings, shell, service="aap-poller"))
    names = {
        JobType.PROVISION: settings.provision_template,
        JobType.DEPROVISION: settings.deprovision_template,
    }
    templates = Templates(aap, clock, names)
    records = Records(bus.jobs, aap, clock)
    stopping = Stopping(bus.jobs, aap, records, clock)
    recovery = Recovery(
        log=bus.jobs,
        intents=bus.intents,
        clock=clock,
        records=records,
        templates=templates,
        search=Search(aap),
        lost_answer_timeout=settings.lost_answer_timeout,
    )
    launching = Launching(
        log=bus.jobs,
        intents=bus.intents,
        clock=clock,
        records=records,
        presence=presence,
        templates=templates,
        lost_log=LostLog(bus.jobs, aap, records, templates, settings.lost_answer_timeout),
        stopping=stopping,
        claiming=Claiming(bus.jobs, aap, clock, records, templates, recovery, presence),
        slots=Slots(settings.concurrent_launches),
        cancel_grace=settings.cancel_grace,
    )
    following = Following(bus.jobs, bus.intents, aap, records, stopping, settings.status_poll_interval)
    handlers = Handlers(bus.intents, launching, following)
    for subscription in subscriptions(handlers, recovery, following, launches=launching.slots.most):
        shell.spawn(subscription.durable, deliver(bus, subscription, stopping=shell.stopping))
    sweep = Sweep(bus.jobs, aap, clock, records, templates, presence, health, settings.sweep_interval)
    shell.spawn("sweep", sweep.run(shell.stopping))


async def open_aap(settings: Settings, shell: Shell) -> HttpController:
    """AAP, with one set of connections for questions and one for launches."""
    questions = await shell.enter(open_client(settings, QUESTIONS_AT_ONCE))
    launches = await shell.enter(open_client(settings, settings.concurrent_launches))
    within = settings.request_timeout + CONNECT_TIMEOUT
    return HttpController(Exchange(questions, within=within), Exchange(launches, within=within))


def open_client(settings: Settings, connections: int) -> httpx.AsyncClient:
    """A client of AAP's API at the settings' URL, which may end with ``/v2`` or not. It follows no
    redirects: they would turn a launch into a GET."""
    return httpx.AsyncClient(
        base_url=settings.aap_url.rstrip("/").removesuffix("/v2") + "/v2/",
        headers={"Authorization": f"Bearer {settings.aap_token.reveal()}", "Accept": "application/json"},
        timeout=httpx.Timeout(
            settings.request_timeout, connect=min(CONNECT_TIMEOUT, settings.request_timeout)
        ),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        verify=_trust(settings) if urlsplit(settings.aap_url).scheme == "https" else False,
    )


def _trust(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.certificates)
    except OSError as error:
        raise Misconfigured(f"SSL_CERT_FILE cannot be used: {error}") from error
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def main() -> None:
    run_service("aap-poller", Settings, build)


if __name__ == "__main__":
    main()
