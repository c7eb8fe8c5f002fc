"""A service for the tests of the shell: hears nothing, says what it was told to say.

Started as a process; CLOUDKIT_BEHAVIOUR chooses what its parts do.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.settings import CommonSettings, choice, integer, setting


class Behaviour(StrEnum):
    GOOD = "good"
    WAITS_IN_BUILD = "waits-in-build"
    MISCONFIGURED_IN_BUILD = "misconfigured-in-build"
    CRASHES_IN_BUILD = "crashes-in-build"
    CRASHES_IN_LOOP = "crashes-in-loop"
    MISCONFIGURED_IN_LOOP = "misconfigured-in-loop"
    CRASHES_WHILE_CLOSING = "crashes-while-closing"
    STUBBORN_LOOP = "stubborn-loop"
    DEAF_LOOP = "deaf-loop"
    CANCELED_LOOP = "canceled-loop"


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    behaviour: Behaviour = setting("CLOUDKIT_BEHAVIOUR", choice(Behaviour), default="good", doc="What to do.")
    number: int = setting("CLOUDKIT_NUMBER", integer, doc="A number.")


@asynccontextmanager
async def connection(name: str, *, breaks: bool = False) -> AsyncIterator[None]:
    tell(f"open {name}")
    try:
        yield
        if breaks:
            raise RuntimeError("it broke while it was closed")
    finally:
        tell(f"close {name}")


def tell(what: str) -> None:
    print(what, flush=True)  # noqa: T201  # what the test reads


async def build(settings: Settings, shell: Shell) -> None:
    behaviour = settings.behaviour
    await shell.enter(connection("first"))
    await shell.enter(connection("second", breaks=behaviour is Behaviour.CRASHES_WHILE_CLOSING))
    match behaviour:
        case Behaviour.WAITS_IN_BUILD:
            shell.health.down("nats", "connection refused")
            await asyncio.Event().wait()
        case Behaviour.MISCONFIGURED_IN_BUILD:
            raise Misconfigured("the stream has another shape", "the server is too old")
        case Behaviour.CRASHES_IN_BUILD:
            raise ValueError("a bug in build")
    shell.spawn("worker", work(behaviour, shell), cancel_at_stop=behaviour is Behaviour.DEAF_LOOP)


async def work(behaviour: Behaviour, shell: Shell) -> None:
    match behaviour:
        case Behaviour.CRASHES_IN_LOOP:
            raise ValueError("a bug in a loop")
        case Behaviour.MISCONFIGURED_IN_LOOP:
            raise Misconfigured("the stream was changed")
        case Behaviour.CANCELED_LOOP:
            raise asyncio.CancelledError
        case Behaviour.STUBBORN_LOOP | Behaviour.DEAF_LOOP:
            await asyncio.Event().wait()
    await shell.stopping.wait()
    tell("worker ends")


def main() -> None:
    run_service("tested", Settings, build)


if __name__ == "__main__":
    main()
