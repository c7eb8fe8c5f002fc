"""What people and strangers send that nobody can use."""

from cloudkit.contracts.subjects import DEAD_LETTERS
from cloudkit.runtime.deadletters import REASON
from cloudkit.runtime.jetstream import Stored
from e2e.commands import Kubectl, manifest
from e2e.states import is_ready
from e2e.world import StartWorld, World

GARBAGE = {
    "cloudkit.intent.aap.x.y": b"not even JSON",
    "cloudkit.intent.status.x.y": b'{"type": "Reconcile", "instance": "somewhere"}',
    "cloudkit.intent.status.x.z": b'{"type": "Dance"}',
    "cloudkit.job.x.y.1.aap.provision.launched": b"[]",
}
PUT_ASIDE = {
    "cloudkit.dead.aap-poller.cloudkit.intent.aap.x.y",
    "cloudkit.dead.status-writer.cloudkit.intent.status.x.y",
    "cloudkit.dead.status-writer.cloudkit.intent.status.x.z",
    "cloudkit.dead.aap-poller.cloudkit.job.x.y.1.aap.provision.launched",
    "cloudkit.dead.status-writer.cloudkit.job.x.y.1.aap.provision.launched",
}


async def test_kubectl_is_told_which_field_is_wrong(world: World, kubectl: Kubectl) -> None:
    refused = await kubectl("apply", "-f", "-", stdin=manifest("wrong", {"vcpu": 0, "memory": "much"}))
    assert refused.code != 0
    assert "spec.vcpu" in refused.err
    assert "spec.memory" in refused.err
    assert await world.instances.get("wrong") is None


async def test_garbage_on_the_bus_is_put_aside_with_the_reason_and_the_services_go_on(
    start_world: StartWorld,
) -> None:
    world = await start_world()
    for subject, body in GARBAGE.items():
        await world.bus.jetstream.append(subject, body, {})
    letters = await world.eventually(lambda: _letters_about_all(world), "all garbage was put aside")
    for letter in letters:
        assert letter.data == GARBAGE[letter.headers["Cloudkit-Subject"]]
        assert letter.headers[REASON].startswith("not a valid")
    vm = await world.create()
    await vm.until(is_ready)
    for letter in letters:
        await world.bus.jetstream.purge(DEAD_LETTERS, letter.subject, up_to=letter.seq)
    await world.finish()


async def _letters_about_all(world: World) -> list[Stored]:
    letters = await world.dead_letters()
    return letters if {letter.subject for letter in letters} == PUT_ASIDE else []
