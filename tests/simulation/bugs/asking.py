"""Bugs about what is asked, how often and for how long."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from aap_poller.assembly import Poller
from aap_poller.launching import Launching
from aap_poller.payload import Launchable
from cloudkit.contracts.instance import FINALIZER, PAUSED_ANNOTATION, ComputeInstance, InstanceRef
from cloudkit.contracts.intents import Deprovision, Intent, Provision, Reconcile
from cloudkit.contracts.subjects import INTENTS, Addressee
from cloudkit.runtime.answers import Answer, Received
from cloudkit.runtime.ports import Intents, Outstanding
from simulation import bus
from simulation.bugs.bug import AGES, Bug, LogOfAnotherAge, Passing, handlers_of, launching, put
from simulation.bugs.following import handled
from watcher.handlers import Watcher


class EarlierIntentsStay(Bug):
    """What is asked later stands beside what was asked before, and both are obeyed."""

    def servers(self, nats: "bus.Server") -> None:
        nats.streams[INTENTS].only_newest = False


class IntentsOfTheGoneStay(Bug):
    """Nobody withdraws what was asked for an instance that is gone."""

    class _Indelible(Passing):
        async def withdraw(self, instance: InstanceRef) -> None:
            """Let it stand."""

        async def outstanding(self, namespace: str = "") -> Sequence[Outstanding]:
            return ()

    def intents(self, board: Intents) -> Intents:
        return self._Indelible(board)


class IntentsNeverTooOld(Bug):
    """What was asked is done however long ago that was."""

    def poller(self, poller: Poller) -> Poller:
        right = launching(poller)
        launch = right.launch

        async def obey(intent: Launchable, *, asked_at: float) -> Answer:
            return await launch(intent, asked_at=asked_at + AGES)

        put(right, "launch", obey)
        put(right, "log", LogOfAnotherAge(right.log, -AGES))  # it has to seem older than the intent as before
        return handled(poller, intents=_of_any_age(poller, right))


def _of_any_age(poller: Poller, right: Launching) -> Any:
    handlers = handlers_of(poller)

    async def obey(message: Received[Intent]) -> Answer:
        if isinstance(message.body, Provision | Deprovision):
            return await right.launch(message.body, asked_at=handlers.clock.monotonic() - message.age)
        return await handlers.intent(message)

    return obey


class StaleIntentsObeyed(EarlierIntentsStay, IntentsOfTheGoneStay, IntentsNeverTooOld):
    """Every intent stays until it is obeyed, whatever is asked later, and whoever is gone; at any age.

    These three stand in for each other: numbers tell most of what is stale, and the age ends the rest."""


class StaleIntentsDropped(Bug):
    """A poller that finds an intent stale does not say so: the status that it came from stays as it is."""

    class _Silent(Passing):
        async def publish(self, addressee: Addressee, intent: Intent) -> None:
            if not isinstance(intent, Reconcile):
                await self.right.publish(addressee, intent)

    def poller(self, poller: Poller) -> Poller:
        handlers = handlers_of(poller)
        for part in (handlers, handlers.launching, handlers.following):
            put(part, "intents", self._Silent(part.intents))
        return poller


class AcknowledgedFirst(Bug):
    """A message is acknowledged before it is handled."""

    acknowledges_first = True


class NoRepeat(Bug):
    """What is asked is asked once, and never again until the resource changes."""

    def watcher(self, watcher: Watcher) -> None:
        watcher.policy = msgspec.structs.replace(watcher.policy, repeat_after=timedelta(seconds=AGES))


class LaunchBeforeAdoption(Bug):
    """A job is asked for before our finalizer is seen on the resource."""

    def watcher(self, watcher: Watcher) -> None:
        saw = watcher.saw

        def believe(instance: ComputeInstance) -> None:
            finalizers = tuple({*instance.metadata.finalizers, FINALIZER})
            metadata = msgspec.structs.replace(instance.metadata, finalizers=finalizers)
            saw(msgspec.structs.replace(instance, metadata=metadata))

        watcher.saw = believe  # type: ignore[method-assign]  # spoiled on purpose


class PauseIgnored(Bug):
    """What people paused is gone on with."""

    def watcher(self, watcher: Watcher) -> None:
        saw, get = watcher.saw, watcher.instances.get

        async def get_it_running(namespace: str, name: str) -> ComputeInstance | None:
            instance = await get(namespace, name)
            return instance and _as_if_not_paused(instance)

        put(watcher, "saw", lambda instance: saw(_as_if_not_paused(instance)))
        put(watcher.instances, "get", get_it_running)


def _as_if_not_paused(instance: ComputeInstance) -> ComputeInstance:
    others = {name: text for name, text in instance.metadata.annotations.items() if name != PAUSED_ANNOTATION}
    metadata = msgspec.structs.replace(instance.metadata, annotations=others)
    return msgspec.structs.replace(instance, metadata=metadata)
