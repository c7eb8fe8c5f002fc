"""What every board of intents keeps to: one intent per name and addressee, the newest."""

from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.subjects import Addressee
from cloudkit.runtime.ports import Intents
from contract.bus.conftest import Ports
from contract.bus.messages import an_instance, provision, reborn, reconcile

AAP, STATUS = Addressee.AAP, Addressee.STATUS


async def waiting(intents: Intents, instance: InstanceRef) -> dict[Addressee, str]:
    """The uid that waits for each addressee under the instance's name."""
    return {
        each.addressee: each.instance.uid
        for each in await intents.outstanding(instance.namespace)
        if each.instance.name == instance.name
    }


async def test_the_newest_intent_replaces_what_was_asked_before(ports: Ports, instance: InstanceRef) -> None:
    for number in (1, 2, 3):
        await ports.intents.publish(AAP, provision(instance, number))

    assert await waiting(ports.intents, instance) == {AAP: instance.uid}


async def test_each_addressee_has_an_intent_of_its_own(ports: Ports, instance: InstanceRef) -> None:
    await ports.intents.publish(AAP, provision(instance))
    await ports.intents.publish(STATUS, reconcile(instance))

    assert await waiting(ports.intents, instance) == {AAP: instance.uid, STATUS: instance.uid}


async def test_a_repeat_does_not_vanish(ports: Ports, instance: InstanceRef) -> None:
    await ports.intents.publish(AAP, provision(instance))
    (first,) = [each for each in await ports.intents.outstanding() if each.instance == instance]
    await ports.intents.publish(AAP, provision(instance))
    (second,) = [each for each in await ports.intents.outstanding() if each.instance == instance]

    assert second.sequence > first.sequence


async def test_withdrawing_takes_every_intent_of_this_life(ports: Ports, instance: InstanceRef) -> None:
    await ports.intents.publish(AAP, provision(instance))
    await ports.intents.publish(STATUS, reconcile(instance))

    await ports.intents.withdraw(instance)

    assert await waiting(ports.intents, instance) == {}


async def test_withdrawing_leaves_the_next_life_alone(ports: Ports, instance: InstanceRef) -> None:
    next_life = reborn(instance)
    await ports.intents.publish(AAP, provision(instance))
    await ports.intents.publish(AAP, provision(next_life))

    await ports.intents.withdraw(instance)

    assert await waiting(ports.intents, instance) == {AAP: next_life.uid}


async def test_withdrawing_nothing_is_fine(ports: Ports, instance: InstanceRef) -> None:
    await ports.intents.withdraw(instance)

    assert await waiting(ports.intents, instance) == {}


async def test_intents_of_one_namespace_can_be_asked_for(ports: Ports, instance: InstanceRef) -> None:
    elsewhere = an_instance("else.where")
    await ports.intents.publish(AAP, provision(instance))
    await ports.intents.publish(AAP, provision(elsewhere))

    assert elsewhere in [each.instance for each in await ports.intents.outstanding("else.where")]
    assert instance not in [each.instance for each in await ports.intents.outstanding("else.where")]
    assert {instance, elsewhere} <= {each.instance for each in await ports.intents.outstanding()}
