"""Run eda-dispatcher."""

from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.again import with_twins
from cloudkit.runtime.delivery import deliver
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.wiring import open_bus
from eda_dispatcher.assembly import Surroundings, assemble
from eda_dispatcher.connections import open_client
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
    for subscription in with_twins(assemble(settings, around)):
        shell.spawn(subscription.durable, deliver(bus, subscription, stopping=shell.stopping))


def main() -> None:
    run_service("eda-dispatcher", Settings, build)


if __name__ == "__main__":
    main()
