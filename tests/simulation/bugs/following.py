"""Bugs about following what runs: polls, sweeps and `Follow`, and what an answer of AAP means."""

from dataclasses import replace
from typing import Any

from msgspec.structs import replace as changed

from aap_poller.assembly import Poller
from aap_poller.controller import Controller
from aap_poller.rows import Row
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Follow, Intent
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.observe import purged
from cloudkit.runtime.answers import DONE
from cloudkit.runtime.ports import Intents, Position
from simulation.bugs.bug import Bug, Passing, launching, nothing, put


def handled(poller: Poller, *, intents: Any = None, claims: Any = None, polls: Any = None) -> Poller:
    """*poller*, of which some messages are handled by others."""
    handlers = zip(poller.subscriptions, (intents, claims, polls), strict=True)
    return replace(poller, subscriptions=tuple(_handled(one, handler) for one, handler in handlers))


def _handled(subscription: Any, handler: Any) -> Any:
    return replace(subscription, handler=handler or subscription.handler)


class NoFollow(Bug):
    """Nobody asks whether a job that the resource shows running is still followed."""

    class _Deaf(Passing):
        async def publish(self, addressee: Addressee, intent: Intent) -> None:
            if not isinstance(intent, Follow):
                await self.right.publish(addressee, intent)

    def intents(self, board: Intents) -> Intents:
        return self._Deaf(board)


class NoSweep(Bug):
    """Nobody sweeps: the end of a job is seen when it is polled, a second launch never."""

    def poller(self, poller: Poller) -> Poller:
        poller.sweep._dealt_with = nothing(True)  # type: ignore[method-assign]  # spoiled on purpose
        return poller


class NoPoll(Bug):
    """Nobody polls: what the sweep does not show has not happened."""

    def poller(self, poller: Poller) -> Poller:
        async def done(messages: Any) -> Any:
            return [DONE for _ in messages]

        return handled(poller, polls=done)


class AnyJobWithItsId(Bug):
    """A job is taken for ours because it has the id that was written down, whoever it runs for."""

    class _Gullible(Passing):
        """Tells of a job as it first was, in a state that may be that of another."""

        def __init__(self, right: Controller, seen: dict[str, str]) -> None:
            super().__init__(right)
            self._seen = seen

        async def job(self, kind: JobKind | None, id: str) -> Row | None:
            row: Row | None = await self.right.job(kind, id)
            return None if row is None else self._believed(row)

        async def jobs(self, ids: Any) -> list[Row]:
            return [self._believed(row) for row in await self.right.jobs(ids)]

        def _believed(self, row: Row) -> Row:
            return changed(row, extra_vars=self._seen.setdefault(str(row.id), row.extra_vars or ""))

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def aap(self, aap: Controller) -> Controller:
        return self._Gullible(aap, self._seen)


class GoneIsSuccess(Bug):
    """A cleanup that AAP has forgotten counts as one that succeeded."""

    def poller(self, poller: Poller) -> Poller:
        records = launching(poller).records

        async def vanished(instance: InstanceRef, record: JobRecord, at: Position) -> JobEvent:
            event = purged(instance, record, records.clock.now())
            if record.type is JobType.DEPROVISION:
                job = changed(event.job, state=JobState.SUCCEEDED, reason="")
                event = changed(event, event=JobEventName.SUCCEEDED, job=job)
            await records.log.append(event, at)
            return event

        put(records, "vanished", vanished)
        return poller
