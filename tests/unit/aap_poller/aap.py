"""AAP in memory: the port `Controller` on the state of the stand-in, so that it behaves as that does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from aap_poller.controller import Template, TemplateKind
from aap_poller.rows import Row
from cloudkit.contracts.errors import Forbidden, NotFound, ProvisionerError, Refused, Unanswered
from cloudkit.contracts.jobs import JobKind
from cloudkit.runtime.ports import Clock
from sandbox.aap import model, rows
from sandbox.aap.answers import Answer
from sandbox.aap.audit import AuditEntry, AuditEvent, Violation, violations
from sandbox.aap.controller import Controller as State
from sandbox.aap.launches import Accepted, accept
from sandbox.aap.settings import Settings

CREATE, DELETE = "innabox-create-compute-instance", "innabox-delete-compute-instance"
USER = model.User()


class MemoryAap:
    """A `aap_poller.controller.Controller`.

    Templates that are ``surveyed`` have a survey.
    ``failures`` are raised by the next calls of that name, one each, and nothing happens. ``lost_answers``
    are raised by the next launches, one each, after all was done. A launch that is to be ``late`` is lost
    too, and the job seen only so many seconds later. ``slow`` is called in every call. ``meanwhile`` is
    awaited once, between a launch and its answer; no listing is answered before ``listings`` is set, and
    no question for details before ``details`` is. Sweeps see the rows ``beside`` it, too.
    """

    def __init__(self, clock: Clock, *, superuser: bool = False) -> None:
        self.state = State(Settings(), clock)
        self.superuser = superuser
        self.failures: dict[str, list[ProvisionerError]] = {}
        self.surveyed: set[str] = set()
        self.lost_answers: list[ProvisionerError] = []
        self.late: list[float] = []
        self.calls: list[str] = []
        self.slow: Callable[[str], None] = lambda _: None
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.beside: Sequence[Row] = ()
        self.listings = asyncio.Event()
        self.listings.set()
        self.details = asyncio.Event()
        self.details.set()

    @property
    def launches(self) -> list[AuditEntry]:
        """Every job that ever was, but for what workflows spawned."""
        return [e for e in self.state.audit.after(0) if e.event is AuditEvent.LAUNCH and not e.parent]

    @property
    def cancels(self) -> list[int]:
        return [e.job for e in self.state.audit.after(0) if e.event is AuditEvent.CANCEL]

    @property
    def violations(self) -> list[Violation]:
        return violations(self.state.audit.after(0))

    def present(self) -> State:
        self.state.advance()
        return self.state

    def only(self) -> model.Job:
        """The only job there is."""
        (job,) = self.present().jobs
        return job

    def put_template(self, name: str, **fields: Any) -> model.Template:
        return self.state.catalog.put(model.Template(name=name, **fields))

    def only_template(self, name: str) -> model.Template:
        """The only one of this name."""
        (template,) = (one for one in self.state.catalog if one.name == name)
        return template

    def change_template(self, name: str, /, **fields: Any) -> None:
        self.state.catalog.put(msgspec.structs.replace(self.only_template(name), **fields))

    def remove_template(self, name: str) -> None:
        self.state.remove_template(self.only_template(name).id)

    def run(self, template: str, extra_vars: Mapping[str, Any], *, seen_after: float = 0) -> model.Job:
        """Launch a job behind everybody's back."""
        found = self.only_template(template)
        order = model.Order(template=found, user=USER, extra_vars=msgspec.json.encode(extra_vars))
        return self.present().launch(order, self.state.now, seen_after=seen_after)

    async def templates(self, name: str, organization: str = "") -> Sequence[Template]:
        await self._called("templates")
        return [
            Template(
                id=one.id,
                name=one.name,
                type=TemplateKind(one.kind),
                organization=one.organization,
                ask_variables_on_launch=one.ask_variables_on_launch,
                survey_enabled=one.name in self.surveyed,
            )
            for one in self.state.catalog
            if one.name == name and organization in ("", one.organization)
        ]

    async def launch(self, template: Template, extra_vars: Mapping[str, Any]) -> Row:
        await self._called("launch")
        found = next((one for one in self.state.catalog if one.id == template.id), None)
        if found is None:
            raise NotFound("Not found.", system="AAP", status=404)
        accepted = _accepted(found, extra_vars)
        late = self.late.pop(0) if self.late else 0
        job = self.state.launch(accepted.order, self.state.now, seen_after=late)
        if late:
            raise Unanswered("no answer", system="AAP")
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return msgspec.json.decode(rows.launched(job, self.state.now, accepted.ignored_fields), type=Row)

    async def cancel(self, kind: JobKind, id: str) -> None:
        await self._called("cancel")
        job = self._find(kind, id)
        if job is None:
            raise NotFound("Not found.", system="AAP", status=404)
        if not job.active:
            if self.superuser:
                raise Refused("Method not allowed.", system="AAP", status=405)
            raise Forbidden("You do not have permission.", system="AAP", status=403)
        self.state.cancel(job, self.state.now, by=USER.username)

    async def job(self, kind: JobKind | None, id: str) -> Row | None:
        await self._called("job")
        found = self._find(kind, id)
        return None if found is None else self._row(found)

    async def jobs(self, ids: Collection[str]) -> Sequence[Row]:
        await self._called("jobs")
        return [self._row(job) for job in self.state.jobs if str(job.id) in ids]

    async def changed_since(self, since: datetime | None, templates: Collection[int]) -> Sequence[Row]:
        await self._called("changed_since")
        ours = [job for job in self.state.jobs if job.template_id in templates]
        if since is None:
            newest = {job.kind: job for job in ours}
            return [*(self._row(job) for job in newest.values()), *self.beside]
        changed = (j for j in ours if j.created >= since or (j.finished is not None and j.finished >= since))
        return [*(self._row(job) for job in changed), *self.beside]

    async def created_between(
        self, since: datetime | None, until: datetime | None, templates: Collection[int]
    ) -> AsyncIterator[Row]:
        await self._called("created_between")
        await self.listings.wait()
        for job in list(self.state.jobs):
            fits = not templates or job.orphaned or job.template_id in templates
            if fits and (since is None or job.created >= since) and (until is None or job.created < until):
                yield self._row(job)

    async def failure(self, row: Row) -> str:
        await self._called("failure")
        await self.details.wait()
        job = self._find(row.type, str(row.id))
        if job is None:
            raise NotFound("Not found.", system="AAP", status=404)
        return _reason(job)

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        await asyncio.sleep(0)  # others get their turn, as with a real one
        self.slow(name)
        self.present()
        if waiting := self.failures.get(name):
            raise waiting.pop(0)

    def _find(self, kind: JobKind | None, id: str) -> model.Job | None:
        job = self.state.jobs.get(int(id)) if id.isascii() and id.isdecimal() else None
        return job if job is not None and kind in (None, JobKind(job.kind)) else None

    def _row(self, job: model.Job) -> Row:
        return msgspec.json.decode(rows.row(job, self.state.now), type=Row)


def _accepted(template: model.Template, extra_vars: Mapping[str, Any]) -> Accepted:
    try:
        return accept(template, USER, {"extra_vars": msgspec.Raw(msgspec.json.encode(extra_vars))})
    except Answer as answer:
        text = f"AAP refused POST launch: {msgspec.json.encode(answer.body).decode()}"
        raise Refused(text, system="AAP", status=answer.status) from answer


def _reason(job: model.Job) -> str:
    """Why *job* failed: a workflow for the same reason as its first job that did."""
    failed = [node.job for node in job.nodes if node.job is not None and node.job.failed]
    if failed:
        return f"{failed[0].name}: {_reason(failed[0])}"
    if job.status is model.Status.FAILED and not job.explanation:
        failure = job.play.failure
        return f"{failure.task} on {failure.host}: {failure.message}"
    return job.explanation or job.traceback or f"see job {job.id} in AAP"
