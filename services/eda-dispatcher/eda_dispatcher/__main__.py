"""Run eda-dispatcher."""

import ssl

import httpx

from cloudkit.contracts.errors import Misconfigured
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.delivery import deliver
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.wiring import open_bus
from eda_dispatcher.assembly import Surroundings, assemble
from eda_dispatcher.settings import Settings
from eda_dispatcher.webhooks import HttpWebhooks


async def build(settings: Settings, shell: Shell) -> None:
    """Connect, wire everything together and start the loops."""
    client = await shell.enter(open_client(settings))
    urls = {
        JobType.PROVISION: settings.provision_webhook,
        JobType.DEPROVISION: settings.deprovision_webhook,
    }
    webhooks = HttpWebhooks(client, urls, within=settings.request_timeout, signed_with=settings.hmac_secret)
    bus = await shell.enter(open_bus(settings, shell, service="eda-dispatcher"))
    around = Surroundings(
        jobs=bus.jobs, intents=bus.intents, webhooks=webhooks, clock=shell.clock, health=shell.health
    )
    for subscription in assemble(settings, around):
        shell.spawn(subscription.durable, deliver(bus, subscription, stopping=shell.stopping))


def open_client(settings: Settings) -> httpx.AsyncClient:
    """A client of EDA. It follows no redirects: they would turn a webhook into a GET."""
    headers = {"Authorization": f"Bearer {settings.token.reveal()}"} if settings.token else {}
    connections = settings.webhooks_at_once
    return httpx.AsyncClient(
        headers=headers,
        timeout=httpx.Timeout(settings.request_timeout),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        verify=_trust(settings),
        trust_env=False,
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
    run_service("eda-dispatcher", Settings, build)


if __name__ == "__main__":
    main()
