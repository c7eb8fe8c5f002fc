"""From what is seen in Kubernetes to what is asked: decide, publish, and wake up to decide again.

Each instance has a lane. What is seen of it waits there until its decision is carried out, and something
newer takes its place meanwhile; so nothing is lost while the bus is away, and what is kept never grows
beyond the instances there are. An intent that is published twice, late or by two watchers does no harm.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from msgspec.structs import replace

from cloudkit.contracts.errors import Malformed, TooLarge, Unanswered, Unreachable
from cloudkit.contracts.instance import ComputeInstance, InstanceRef
from cloudkit.contracts.intents import Deprovision, Intent, Provision, Reconcile, without_resource
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.decide import Decision, decide
from cloudkit.lifecycle.orphans import may_leave_a_machine
from cloudkit.lifecycle.policy import Policy
from cloudkit.runtime.lanes import Lane, Lanes
from cloudkit.runtime.metrics import DECISIONS, UNREADABLE_INSTANCES
from cloudkit.runtime.ports import Clock, Instances, Intents, Outstanding
from watcher.asked import Asked
from watcher.doubts import Doubts

log = structlog.get_logger()

AT_ONCE = 64
"""Instances that are attended to side by side: enough to publish hundreds of intents a second."""
SOONEST_WAKE_UP = 0.5
"""Seconds. Two clocks measure one wake-up; where they disagree it must not come again and again."""
ASK_THE_BOARD_AGAIN = 1.0


@dataclass
class Watcher:
    """Attends to the instances of one *namespace*, or of all of them. Needs ``lanes.working()``.

    *age_of* says how many seconds ago, by the clock of Kubernetes, something was stamped with it.
    """

    instances: Instances
    intents: Intents
    clock: Clock
    age_of: Callable[[datetime], float]
    policy: Policy
    namespace: str = ""
    lanes: Lanes = field(init=False)
    _known: dict[Lane, InstanceRef] = field(init=False, default_factory=dict)
    _news: dict[Lane, ComputeInstance] = field(init=False, default_factory=dict)
    """The newest that was seen of each instance, until it is decided on and that is carried out."""
    _gone: dict[Lane, list[InstanceRef]] = field(init=False, default_factory=dict)
    """Instances that vanished and whose intents may still stand on the board."""
    _suspects: set[InstanceRef] = field(init=False, default_factory=set)
    """Those of them that may have left a machine behind."""
    _on_the_board: Sequence[Outstanding] = field(init=False, default=())
    _asked: Asked = field(init=False, default_factory=Asked)
    _held: set[Lane] = field(init=False, default_factory=set)
    """Instances that people want left alone, and of which nothing stands on the board any more."""
    _doubts: Doubts = field(init=False, default_factory=Doubts)

    def __post_init__(self) -> None:
        self.lanes = Lanes(self._attend, clock=self.clock, width=AT_ONCE)

    async def before_the_list(self) -> None:
        """Note which intents are outstanding; waits until the board can be read.

        Only these may be found orphaned by the list: a newer one may be of an instance that is newer
        than the list.
        """
        while True:
            try:
                self._on_the_board = await self.intents.outstanding(self.namespace)
            except (Unreachable, Unanswered) as error:
                log.warning("cannot read the outstanding intents, waiting", because=str(error))
                await self.clock.sleep(ASK_THE_BOARD_AGAIN)
            else:
                return

    def everything_is(self, instances: Sequence[ComputeInstance]) -> None:
        """The whole list: attend to each, and forget those that are not on it."""
        listed = {instance.ref for instance in instances}
        heard_of = {intent.instance for intent in self._on_the_board} | set(self._known.values())
        self._on_the_board = ()
        for ref in sorted(heard_of - listed):
            self.lost(ref)
        for instance in instances:
            self.saw(instance)
        log.info("listed", instances=len(instances), vanished=len(heard_of - listed))

    def saw(self, instance: ComputeInstance) -> None:
        """An instance is there, new or changed or as before."""
        lane = _lane(instance.ref)
        before = self._known.get(lane)
        if before is not None and before != instance.ref:
            self.lost(before)
        self._known[lane] = instance.ref
        self._news[lane] = instance
        self._doubts.look(lane, instance, self.clock.monotonic())
        self.lanes.wake(lane)

    def lost(self, ref: InstanceRef, last: ComputeInstance | None = None) -> None:
        """An instance is gone: nothing may be done for it any more. *last* is how it was when it went, if
        that was seen."""
        lane = _lane(ref)
        if last is None or may_leave_a_machine(last):
            self._suspects.add(ref)
        if self._known.get(lane) == ref:
            del self._known[lane]
            self._news.pop(lane, None)
            self._doubts.forget(lane)
            self._held.discard(lane)
        self._gone.setdefault(lane, []).append(ref)
        self.lanes.wake(lane)

    async def _attend(self, lane: Lane) -> None:
        """Whatever raises here is tried again, and finds what there is to do as it was, or newer."""
        await self._withdraw(lane)
        try:
            instance = self._news.get(lane) or await self._read_again(lane)
            decision = decide(instance, self.clock.now(), self.policy) if instance is not None else None
        except Malformed as error:
            # Skipped until it changes: nothing can be said about it, and others must not wait for it.
            self._news.pop(lane, None)
            UNREADABLE_INSTANCES.inc()
            log.warning("an instance cannot be read", instance="/".join(lane), because=str(error))
            return
        if instance is None or decision is None:
            return
        await self._carry_out(lane, instance, decision)
        if self._news.get(lane) is instance:
            del self._news[lane]

    async def _withdraw(self, lane: Lane) -> None:
        """In the same lane as publishing, for an intent on its way must not land after this."""
        while refs := self._gone.get(lane):
            await self.intents.withdraw(refs[0])
            if refs[0] in self._suspects:
                # Whether a machine is left, only the job log can tell, and the status-writer reads it.
                await self.intents.publish(Addressee.STATUS, Reconcile(instance=refs[0]))
                self._suspects.discard(refs[0])
            log.info("gone, withdrew its intents", instance=str(refs[0]), uid=refs[0].uid)
            self._asked.forget(lane)
            refs.pop(0)
        self._gone.pop(lane, None)

    async def _read_again(self, lane: Lane) -> ComputeInstance | None:
        """At a wake-up, the instance as it is now."""
        known = self._known.get(lane)
        if known is None:
            return None
        instance = await self.instances.get(*lane)
        if self._known.get(lane) != known or lane in self._news:
            return self._news.get(lane)  # the feed was faster
        if instance is None:
            self.lost(known)
        elif instance.ref != known:
            self.saw(instance)
        else:
            return instance
        return None

    async def _carry_out(self, lane: Lane, instance: ComputeInstance, decision: Decision) -> None:
        now = self.clock.monotonic()
        again = now + self.policy.repeat_after.total_seconds()
        published: list[str] = []
        compare_in = self._doubts.due_in(lane, now)
        later = [compare_in] if compare_in else []
        await self._take_back_what_is_not_wanted(lane, instance, decision)
        for addressee, intent in self._dated(instance, decision, compare=compare_in == 0):
            until = self._asked.silent_until(lane, intent, now)
            if until is not None:
                later.append(until - now)
                continue
            await self._publish(addressee, intent)
            self._asked.remember(lane, intent, again)
            published.append(type(intent).__name__)
        if Reconcile.__name__ in published:
            self._doubts.settle(lane)
        if not decision.intents:
            self._asked.forget(lane)
        wake_in = min([*later, *self._wake_in(decision)], default=None)
        if wake_in is not None:
            self.lanes.wake(lane, after=max(wake_in, SOONEST_WAKE_UP))
        _tell(instance, decision, published, wake_in)

    async def _take_back_what_is_not_wanted(
        self, lane: Lane, instance: ComputeInstance, decision: Decision
    ) -> None:
        """Once for each time that people want an instance left alone: nothing asked for before may start."""
        if not decision.withdraw:
            self._held.discard(lane)
        elif lane not in self._held:
            await self.intents.withdraw(instance.ref)
            self._asked.forget(lane)
            self._held.add(lane)

    def _dated(
        self, instance: ComputeInstance, decision: Decision, *, compare: bool
    ) -> Iterator[tuple[Addressee, Intent]]:
        """The intents of *decision*, with the age of the instance by the clock that has dated its birth; and
        one that has it compared with the log, if it is to be and will not be anyway."""
        intents = decision.intents
        if compare and not any(isinstance(intent, Reconcile) for _, intent in intents):
            intents = (*intents, (Addressee.STATUS, Reconcile(instance=instance.ref)))
        for addressee, intent in intents:
            if isinstance(intent, Provision | Deprovision):
                yield addressee, replace(intent, age=round(self.age_of(intent.born), 3))
            else:
                yield addressee, intent

    async def _publish(self, addressee: Addressee, intent: Intent) -> None:
        """Publish *intent*; without its resource if the bus takes nothing so large, for its reader to say."""
        try:
            await self.intents.publish(addressee, intent)
        except TooLarge as error:
            if not isinstance(intent, Provision | Deprovision):
                raise
            log.warning(
                "a resource is too large for a message",
                instance=str(intent.instance),
                uid=intent.instance.uid,
                size=error.size,
                limit=error.limit,
            )
            small = without_resource(intent, size=error.size, limit=error.limit)
            await self.intents.publish(addressee, small)

    def _wake_in(self, decision: Decision) -> tuple[float, ...]:
        at = decision.wake_at
        return () if at is None else ((at - self.clock.now()).total_seconds(),)


def _lane(ref: InstanceRef) -> Lane:
    return ref.namespace, ref.name


def _tell(
    instance: ComputeInstance, decision: Decision, published: Sequence[str], wake_in: float | None
) -> None:
    for verb in published or ("nothing",):
        DECISIONS.labels(verb).inc()
    tell = log.info if published else log.debug
    tell(
        "decided",
        instance=str(instance.ref),
        uid=instance.ref.uid,
        because=decision.because,
        intents=list(published),
        wake_in=None if wake_in is None else round(wake_in, 1),
    )
