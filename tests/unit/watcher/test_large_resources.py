"""A resource that is too large for a message: asked for without it, so that its provider can say why."""

from cloudkit.contracts.errors import TooLarge
from cloudkit.contracts.intents import Deprovision, Intent, Provision, encode_intent
from cloudkit.contracts.subjects import Addressee
from unit.watcher.world import Board, World

LIMIT = 5000
LARGE, SMALL = "x" * LIMIT, "x"


class NarrowBoard(Board):
    """Takes no message of more than LIMIT bytes."""

    async def publish(self, addressee: Addressee, intent: Intent) -> None:
        size = len(encode_intent(intent))
        if size > LIMIT:
            raise TooLarge("too large", size=size, limit=LIMIT, system="NATS")
        await super().publish(addressee, intent)


def narrow(world: World) -> World:
    world.board = NarrowBoard()
    return world


async def test_an_intent_goes_out_without_the_resource_and_says_how_large_it_was(world: World) -> None:
    async with narrow(world).watching():
        world.create("vm", templateParameters=LARGE)
        await world.settle()
        (provision,) = [i for _, i in world.board.waiting if isinstance(i, Provision)]
        assert provision.resource is None
        assert provision.oversize > LIMIT
        assert provision.size_limit == LIMIT


async def test_it_is_asked_once_a_minute_and_not_in_a_loop(world: World) -> None:
    async with narrow(world).watching():
        world.create("vm", templateParameters=LARGE)
        await world.clock.advance(30)
        assert world.board.verbs().count("Provision vm") == 1
        await world.clock.advance(31)
        assert world.board.verbs().count("Provision vm") == 2


async def test_a_smaller_spec_is_asked_for_at_once(world: World) -> None:
    async with narrow(world).watching():
        world.create("vm", templateParameters=LARGE)
        await world.settle()
        world.instances.edit("ns", "vm", spec={"templateParameters": SMALL})
        await world.settle()
        (provision,) = [i for _, i in world.board.waiting if isinstance(i, Provision)]
        assert provision.resource is not None
        assert (provision.oversize, provision.size_limit) == (0, 0)


async def test_a_cleanup_is_asked_for_too(world: World) -> None:
    async with narrow(world).watching():
        world.create("vm", templateParameters=LARGE)
        world.instances.delete("ns", "vm")
        await world.settle()
        (deprovision,) = [i for _, i in world.board.waiting if isinstance(i, Deprovision)]
        assert deprovision.resource is None
        assert deprovision.oversize > LIMIT
