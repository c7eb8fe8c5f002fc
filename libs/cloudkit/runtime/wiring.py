"""What every service's ``__main__`` opens in the same way."""

from contextlib import AbstractAsyncContextManager

from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.service import Shell
from cloudkit.runtime.settings import CommonSettings


def open_bus(settings: CommonSettings, shell: Shell, *, service: str) -> AbstractAsyncContextManager[Bus]:
    """The bus that *settings* name, for *service*. Entering it waits until NATS is there, and raises
    `Misconfigured` when a person must help."""
    return connect(
        settings.nats_url,
        service=service,
        clock=shell.clock,
        health=shell.health,
        replicas=settings.nats_replicas,
    )
