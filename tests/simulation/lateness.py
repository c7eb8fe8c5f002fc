"""I5: nothing is launched for an instance that is long gone, nor provisioned for one long being deleted."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.jobs import JobType
from simulation.history import History
from simulation.hosts import Host
from simulation.network import Network

LATE, LATE_AFTER_A_PAUSE = 180.0, 325.0
"""Seconds after which nothing may go out any more: the first since all watchers could see, and no poller
stood still meanwhile; the second since any may have asked for it. Then the ages alone stop it, of the intent
(300 s), of the read and of the claim (10 s each)."""


@dataclass
class Lateness:
    """Hears of claims and of changes in Kubernetes, and judges every launch when it is sent."""

    history: History
    time: Callable[[], float]
    network: Network
    hosts: list[Host] = field(default_factory=list)
    _deleted_at: dict[str, float] = field(default_factory=dict)
    _gone_at: dict[str, float] = field(default_factory=dict)
    _provisions: set[str] = field(default_factory=set)

    def appended(self, key: str, event: JobEvent) -> None:
        """*event* of job *key* is in the log."""
        if event.event is JobEventName.CLAIMED:
            change = self._provisions.add if event.job.type is JobType.PROVISION else self._provisions.discard
            change(key)

    def written(self, instance: ComputeInstance, gone: bool) -> None:
        uid = instance.metadata.uid
        if instance.deleting:
            self._deleted_at.setdefault(uid, self.time())
        if gone:
            self._gone_at[uid] = self.time()

    def came_back(self, uid: str) -> None:
        """*uid* is there again, and nobody has asked for its deletion."""
        self._gone_at.pop(uid, None)
        self._deleted_at.pop(uid, None)

    def sent(self, key: str) -> None:
        """The launch of *key* leaves for AAP; how long it takes to get there is nobody's fault."""
        uid = key.split("/")[2]
        gone, deleted = self._gone_at.get(uid), self._deleted_at.get(uid)
        if self._is_late(gone):
            self._violated(key, gone, "it was gone")
        elif key in self._provisions and self._is_late(deleted):
            self._violated(key, deleted, "its deletion was asked for")

    def _is_late(self, moment: float | None) -> bool:
        """Whether nobody may act any more on what was asked for before *moment*, if that has come."""
        if moment is None:
            return False
        now, watchers = self.time(), self._of("watcher")
        last_asked = max(host.last_words(moment) for host in watchers)
        if now - last_asked > LATE_AFTER_A_PAUSE:
            return True
        seen = max(last_asked, self.network.back_at, *(host.wakes_at for host in watchers))
        return now - seen > LATE and not self._stood_still(moment)

    def _of(self, service: str) -> list[Host]:
        return [host for host in self.hosts if host.name.startswith(service)]

    def _stood_still(self, since: float) -> bool:
        """Whether any poller has: it may go on with what it had begun."""
        return any(host.thaws_at >= since for host in self._of("aap-poller"))

    def _violated(self, key: str, since: float | None, what: str) -> None:
        late = self.time() - (since or 0.0)
        self.history.violated("I5", f"{key} launched {late:.0f} s after {what}")
