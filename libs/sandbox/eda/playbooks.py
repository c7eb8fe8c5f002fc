"""What playbooks that a rulebook launched do in Kubernetes.

::

    create:  put the finalizer on ─► make the machine ─► write the version that is reconciled
    delete:                        remove the machine ─► take the finalizer off

A create playbook whose instance is gone, or going, fails at its first task. One that fails later leaves
its finalizer.
"""

import asyncio
import logging
from collections.abc import Callable
from fnmatch import fnmatchcase

import httpx
import msgspec

from cloudkit.contracts.errors import ProvisionerError
from sandbox.aap.audit import AuditEntry, AuditEvent
from sandbox.aap.model import Status
from sandbox.aap.subjects import Purpose
from sandbox.eda.aap import Aap
from sandbox.eda.cluster import Cluster

log = logging.getLogger(__name__)

LOOK_EVERY = 0.05
AGAIN_AFTER = 0.5
"""In seconds, when AAP or Kubernetes is away."""
UNKNOWN = "unknown"
"""What a playbook reports that was not told which version is wanted."""


class Playbook(msgspec.Struct, frozen=True, kw_only=True):
    """How the playbooks for instances behave whose name matches the fnmatch pattern ``name``.

    ``reports`` is the version they write, whatever was wanted; ``silent`` ones write none, and leave the
    finalizer.
    """

    name: str = "*"
    replaces_finalizers: bool = False
    reports: str = ""
    silent: bool = False


class Playbooks:
    """Plays the part of every job that a rulebook launched, from the audit's *position* on; *keep* gets
    each new one."""

    def __init__(self, aap: Aap, cluster: Cluster, *, position: int, keep: Callable[[int], None]) -> None:
        self.special: tuple[Playbook, ...] = ()
        self._aap = aap
        self._cluster = cluster
        self._position = position
        self._keep = keep

    async def play(self) -> None:
        """Look what AAP does, and play along, until canceled."""
        while True:
            try:
                await self._play_news()
            except (httpx.HTTPError, ProvisionerError) as error:
                log.warning("playbooks have to wait: %r", error)
                await asyncio.sleep(AGAIN_AFTER)
            await asyncio.sleep(LOOK_EVERY)

    async def _play_news(self) -> None:
        """What was played already may be played again after a failure: it changes nothing."""
        news = await self._aap.news(after=self._position)
        await asyncio.gather(*(self._play(entry) for entry in news if entry.by_rulebook))
        if news:
            self._position = news[-1].sequence
            self._keep(self._position)

    async def _play(self, entry: AuditEntry) -> None:
        manner = self._of(entry.name)
        match entry.event, entry.purpose:
            case AuditEvent.START, Purpose.PROVISION:
                await self._begin(entry, manner)
            case AuditEvent.START, _:
                await self._aap.proceed(entry.job)
            case AuditEvent.FINISH, _ if entry.status != Status.SUCCESSFUL or manner.silent:
                pass
            case AuditEvent.FINISH, Purpose.PROVISION:
                await self._cluster.report(entry.namespace, entry.name, await self._version(entry, manner))
            case AuditEvent.FINISH, _:
                await self._cluster.let_go(entry.namespace, entry.name)

    async def _begin(self, entry: AuditEntry, manner: Playbook) -> None:
        if await self._cluster.hold(entry.namespace, entry.name, replacing=manner.replaces_finalizers):
            await self._aap.proceed(entry.job)
        else:
            await self._aap.fail(entry.job, "the ComputeInstance takes no finalizer")

    async def _version(self, entry: AuditEntry, manner: Playbook) -> str:
        resource = await self._aap.resource_of(entry.job)
        return manner.reports or resource.status.desired_config_version or UNKNOWN

    def _of(self, name: str) -> Playbook:
        return next((one for one in self.special if fnmatchcase(name, one.name)), Playbook())
