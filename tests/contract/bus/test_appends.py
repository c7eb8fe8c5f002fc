"""How an append survives lost answers, and what stands on the wire."""

from collections.abc import Callable, Mapping
from uuid import uuid4

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event

from cloudkit.contracts.errors import Conflict, Malformed, Unanswered
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.subjects import INTENTS, JOBS, Addressee, intent_subject, job_subject, jobs_of_uid
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.connection import REQUEST_TIMEOUT
from cloudkit.runtime.jetstream import JetStreamRefused, PubAck
from cloudkit.runtime.joblog import NatsJobLog
from contract.bus.conftest import SERVERS, servers_of
from contract.bus.forwarding import ForwardingJetStream
from contract.bus.messages import OffsetClock, claimed, provision, said
from contract.bus.servers import Servers


@pytest.fixture(params=SERVERS)
def servers(request: pytest.FixtureRequest) -> Servers:
    """All of them: what comes of a repeated append depends on replicas."""
    return servers_of(request)


class UnreliableJetStream(ForwardingJetStream):
    """Stores every append, and loses the first answers. *meanwhile* happens before each answer is lost."""

    def __init__(self, bus: Bus, *, lost_answers: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        super().__init__(bus.jetstream)
        self._lost_answers = lost_answers
        self._meanwhile = meanwhile
        self.appends = 0

    async def append(
        self, subject: str, body: bytes, headers: Mapping[str, str], *, within: float = REQUEST_TIMEOUT
    ) -> PubAck:
        self.appends += 1
        ack = await super().append(subject, body, headers, within=within)
        if self.appends <= self._lost_answers:
            self._meanwhile()
            raise Unanswered("the answer was lost")
        return ack


class ForgetfulJetStream(UnreliableJetStream):
    """Has also forgotten the message ids when the append is repeated."""

    async def append(
        self, subject: str, body: bytes, headers: Mapping[str, str], *, within: float = REQUEST_TIMEOUT
    ) -> PubAck:
        if self.appends:
            raise JetStreamRefused("wrong last sequence", code=10071, status=400)
        return await super().append(subject, body, headers, within=within)


async def test_an_append_whose_answer_was_lost_is_repeated_and_stands_once(
    bus: Bus, clock: OffsetClock, instance: InstanceRef
) -> None:
    jetstream = UnreliableJetStream(bus, lost_answers=2)
    log = NatsJobLog(jetstream, service="tester", clock=clock)

    after = await log.append(claimed(instance), await log.position(instance))

    assert jetstream.appends > 1
    assert await log.history(instance) == (claimed(instance),)
    assert after.sequence == (await log.position(instance)).sequence


async def test_our_own_event_in_the_way_of_its_repetition_is_success(
    bus: Bus, clock: OffsetClock, instance: InstanceRef
) -> None:
    log = NatsJobLog(ForgetfulJetStream(bus, lost_answers=1), service="tester", clock=clock)

    after = await log.append(claimed(instance), await log.position(instance))

    assert after.sequence == (await log.position(instance)).sequence


async def test_an_append_is_not_repeated_once_its_read_is_old(
    bus: Bus, clock: OffsetClock, instance: InstanceRef
) -> None:
    frozen = UnreliableJetStream(bus, lost_answers=99, meanwhile=lambda: clock.pass_time(10))
    log = NatsJobLog(frozen, service="tester", clock=clock)

    with pytest.raises(Unanswered):
        await log.append(claimed(instance), await log.position(instance))
    assert frozen.appends == 1


async def test_somebody_elses_event_after_a_lost_answer_is_a_conflict(
    bus: Bus, clock: OffsetClock, instance: InstanceRef
) -> None:
    at = await bus.jobs.position(instance)
    await bus.jobs.append(claimed(instance), at)
    jetstream = UnreliableJetStream(bus, lost_answers=1)
    log = NatsJobLog(jetstream, service="tester", clock=clock)

    with pytest.raises(Conflict):
        await log.append(claimed(instance), at)


async def test_the_age_of_a_position_counts_from_before_the_append(
    bus: Bus, clock: OffsetClock, instance: InstanceRef
) -> None:
    slow = UnreliableJetStream(bus, lost_answers=1, meanwhile=lambda: clock.pass_time(6))
    log = NatsJobLog(slow, service="tester", clock=clock)
    after = await log.append(claimed(instance), await log.position(instance))
    clock.pass_time(5)

    with pytest.raises(Conflict):
        await log.append(said(instance, JobEventName.LAUNCHED), after)


async def test_a_stored_event_that_cannot_be_read_says_so(bus: Bus, instance: InstanceRef) -> None:
    await bus.jetstream.append(job_subject(claimed(instance)), b"{garbage", {})

    with pytest.raises(Malformed):
        await bus.jobs.position(instance)


async def test_a_job_event_is_a_cloudevent(bus: Bus, instance: InstanceRef) -> None:
    id = str(uuid4())
    await bus.jobs.append(claimed(instance), await bus.jobs.position(instance), id=id)

    stored = await bus.jetstream.last(JOBS, jobs_of_uid(instance))
    assert stored is not None
    event = from_binary_event(HTTPMessage(dict(stored.headers), stored.data))

    assert (event.get_id(), event.get_specversion()) == (id, "1.0")
    assert event.get_type() == "io.openshift.cloudkit.job.claimed"
    assert (event.get_source(), event.get_subject()) == ("/cloudkit/tester", str(instance))
    assert event.get_time() == claimed(instance).job.timestamp
    assert stored.headers["Nats-Msg-Id"] == id


async def test_an_intent_is_a_cloudevent_without_a_message_id(bus: Bus, instance: InstanceRef) -> None:
    await bus.intents.publish(Addressee.AAP, provision(instance))

    stored = await bus.jetstream.last(INTENTS, intent_subject(Addressee.AAP, instance))
    assert stored is not None
    event = from_binary_event(HTTPMessage(dict(stored.headers), stored.data))

    assert event.get_type() == "io.openshift.cloudkit.intent.provision"
    assert event.get_datacontenttype() == "application/json"
    assert "Nats-Msg-Id" not in stored.headers


async def test_a_dot_in_a_name_becomes_an_underscore_in_its_subject(bus: Bus) -> None:
    dotted = InstanceRef("name.space", "a.b.c", f"uid-{uuid4()}")
    await bus.jobs.append(claimed(dotted), await bus.jobs.position(dotted))

    stored = await bus.jetstream.last(JOBS, jobs_of_uid(dotted))

    assert stored is not None
    assert stored.subject == f"cloudkit.job.name_space.a_b_c.{dotted.uid}.aap.provision.claimed"


async def test_garbage_in_the_log_is_left_out_of_the_history(bus: Bus, instance: InstanceRef) -> None:
    claim = claimed(instance)
    await bus.jobs.append(claim, await bus.jobs.position(instance))
    await bus.jetstream.append(job_subject(claim), b"{garbage", {})

    assert await bus.jobs.history(instance) == (claim,)
