"""Run aap-poller."""

import ssl
from urllib.parse import urlsplit

import httpx

from aap_poller.assembly import Surroundings, assemble
from aap_poller.exchange import Exchange
from aap_poller.http_controller import HttpController
from aap_poller.presence import Presence
from aap_poller.settings import Settings
from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.delivery import deliver
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.wiring import open_bus

CONNECT_TIMEOUT = 5.0
QUESTIONS_AT_ONCE = 20


async def build(settings: Settings, shell: Shell) -> None:
    """Connect, wire everything together and start the loops."""
    presence = Presence(shell.health)
    aap = await open_aap(settings, shell)
    bus = await shell.enter(open_bus(settings, shell, service="aap-poller"))
    around = Surroundings(jobs=bus.jobs, intents=bus.intents, aap=aap, clock=shell.clock, health=shell.health)
    poller = assemble(settings, around, presence)
    for subscription in poller.subscriptions:
        shell.spawn(subscription.durable, deliver(bus, subscription, stopping=shell.stopping))
    shell.spawn("sweep", poller.sweep.run(shell.stopping))


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
