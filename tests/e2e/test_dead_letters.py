"""``cloudkit dead-letters`` as an operator runs it, on letters of services that run."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from cloudkit.contracts.events import JobEvent, JobEventName, read_event
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.contracts.subjects import JOBS, events_named, jobs_of_uid
from cloudkit.runtime.answers import Answer, Never, Received
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.delivery import Subscription, deliver
from e2e.commands import Answered, run
from e2e.states import is_ready, says
from e2e.vm import Vm
from e2e.world import StartWorld, World
from sandbox.nats import start_nats

GARBAGE = {
    "cloudkit.intent.aap.lab.poison": b"{not even \x1b[31m JSON",
    "cloudkit.intent.status.lab.poison": b'{"type": "Dance"}',
}


async def dead_letters(url: str, *arguments: str, stdin: str = "") -> Answered:
    """``cloudkit dead-letters`` with *arguments*, on the NATS at *url*."""
    command = (sys.executable, "-m", "cloudkit.cli", "dead-letters", *arguments)
    return await run(*command, stdin=stdin, environment={"CLOUDKIT_NATS_URL": url})


async def test_garbage_is_listed_shown_refused_and_dropped(world: World) -> None:
    url = world.stack.nats.url
    assert (await dead_letters(url, "list")).out == "There are no dead letters.\n"
    for subject, body in GARBAGE.items():
        await world.bus.jetstream.append(subject, body, {"ce-id": "poison"})

    async def are_buried() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((await dead_letters(url, "list", "--json")).out)
        return found if len(found) == len(GARBAGE) else []

    letters = await world.eventually(are_buried, "the garbage was listed")
    assert {one["subject"]: one["service"] for one in letters} == {
        "cloudkit.intent.aap.lab.poison": "aap-poller",
        "cloudkit.intent.status.lab.poison": "status-writer",
    }
    (number,) = [str(one["number"]) for one in letters if one["service"] == "aap-poller"]

    listed = await dead_letters(url, "list", "--service", "aap-poller")
    assert number in listed.out
    assert "cloudkit.intent.aap.lab.poison" in listed.out
    assert "status-writer" not in listed.out

    shown = await dead_letters(url, "show", number)
    assert "not a valid" in shown.out
    assert "{not even \\x1b[31m JSON" in shown.out
    assert f"cloudkit dead-letters drop {number}" in shown.out

    refused = await dead_letters(url, "replay", "--all")
    assert refused.code == 1
    assert f"letter {number}: not replayed: it cannot be read" in refused.err
    assert len(await world.dead_letters()) == len(GARBAGE)

    kept = await dead_letters(url, "drop", number, stdin="n\n")
    assert (kept.code, len(await world.dead_letters())) == (1, len(GARBAGE))
    for _ in range(2):  # the second time it is gone, and that is fine
        assert (await dead_letters(url, "drop", number, "--yes")).code == 0
    assert (await dead_letters(url, "show", number)).code == 1
    dropped = await dead_letters(url, "drop", "--all", stdin="y\n")
    assert dropped.code == 0, dropped.err
    assert await world.dead_letters() == []


async def test_a_claim_that_was_given_up_holds_its_instance_up_until_it_is_replayed(
    start_world: StartWorld,
) -> None:
    world = await start_world(environment={"CLOUDKIT_AAP_LOST_ANSWER_TIMEOUT": "1s"})
    poller = world.stack.process("aap-poller")
    await poller.stop()
    vm = await world.create()
    await vm.until(is_adopted)
    await _claim(world, vm)
    async with giving_up_claims(world):
        await world.eventually(world.dead_letters, "the claim was given up")
    await poller.restart()
    await world.eventually(lambda: _is_held_up(world), "its intents were found stale")

    replayed = await dead_letters(world.stack.nats.url, "replay", "--all")
    assert replayed.code == 0, replayed.err
    assert "aap-poller-claims gets it once more" in replayed.out
    await vm.until(says("Progressing", "True", "LaunchLost"))
    await vm.change(vcpu=4)  # so that the watcher asks at once, and not within a minute
    await vm.until(is_ready)
    assert await vm.launches() == ["provision"]
    log = [read_event(one.data).event for one in await world.bus.jetstream.every(JOBS, jobs_of_uid(vm.ref))]
    assert log[:3] == [JobEventName.CLAIMED, JobEventName.DELAYED, JobEventName.CLAIMED]
    await world.finish()


async def test_where_no_letters_can_be_the_command_says_why(tmp_path: Path) -> None:
    async with start_nats(tmp_path) as nats:
        empty = await dead_letters(nats.url, "list")
        assert empty.code == 1
        assert "has no stream CLOUDKIT_DEADLETTERS" in empty.err
    away = await dead_letters(nats.url.replace("//", "//me:secret@"), "replay", "--all")
    assert away.code == 1
    assert "is CLOUDKIT_NATS_URL right?" in away.err
    assert "secret" not in away.err
    assert "Traceback" not in away.err


def is_adopted(instance: ComputeInstance) -> bool:
    return instance.adopted


async def _claim(world: World, vm: Vm) -> None:
    """Claim its first number, as a service that died before it launched anything has done a minute ago."""
    job = JobRecord(
        type=JobType.PROVISION,
        state=JobState.PENDING,
        timestamp=SystemClock().now() - timedelta(minutes=1),
        block_deletion_on_failure=True,
        number=1,
        revision=1,
        claimant="somebody",
    )
    at = await world.bus.jobs.position(vm.ref)
    await world.bus.jobs.append(JobEvent(event=JobEventName.CLAIMED, instance=vm.ref, job=job), at)


@asynccontextmanager
async def giving_up_claims(world: World) -> AsyncIterator[None]:
    """Be an aap-poller with a bug: it puts every claim aside."""

    async def give_up(_: Received[JobEvent]) -> Answer:
        return Never("a bug")

    claims = Subscription(
        stream=JOBS,
        subjects=(events_named(JobEventName.CLAIMED),),
        durable="aap-poller-claims",
        read=read_event,
        handler=give_up,
    )
    stopping = asyncio.Event()
    delivery = asyncio.create_task(deliver(world.bus, claims, stopping=stopping))
    try:
        yield
    finally:
        stopping.set()
        await delivery


async def _is_held_up(world: World) -> bool:
    return any(line["event"] == "intent is stale" for line in world.log_lines("aap-poller"))
