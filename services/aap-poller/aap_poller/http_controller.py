"""AAP's job API over HTTP.

Facts about AAP are from the source of AWX: lists have at most 200 rows a page, every URL ends with a
slash, a filter that starts with ``or__`` is one of a single group, and the reason of a failed playbook
stands in its job events alone.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from aap_poller.controller import Template, TemplateKind
from aap_poller.exchange import Exchange, Parameters, read
from aap_poller.failures import failure
from aap_poller.lists import Lists
from aap_poller.questions import LAST_ID, PATHS, Question
from aap_poller.reading import Reader
from aap_poller.rows import Row
from aap_poller.scope import Scope
from cloudkit.contracts.errors import NotFound, Unanswered
from cloudkit.contracts.jobs import JobKind
from cloudkit.runtime.ports import Clock

PAGE_SIZE = 200
IDS_PER_REQUEST = 100
MOST_DIGITS = len(str(LAST_ID))


class _Named(msgspec.Struct):
    name: str = ""


class _Summary(msgspec.Struct):
    organization: _Named | None = None


class _Template(msgspec.Struct):
    """A template as AAP lists it. AWX's source renders each row of the unified list as the list of its own
    kind would, so the flags are there; a template may belong to no organization."""

    id: int
    name: str
    type: TemplateKind
    ask_variables_on_launch: bool = False
    survey_enabled: bool = False
    summary_fields: _Summary = msgspec.field(default_factory=_Summary)

    def template(self) -> Template:
        organization = self.summary_fields.organization
        return Template(
            id=self.id,
            name=self.name,
            type=self.type,
            organization=organization.name if organization is not None else "",
            ask_variables_on_launch=self.ask_variables_on_launch,
            survey_enabled=self.survey_enabled,
        )


class _Templates(msgspec.Struct):
    results: list[_Template]


class HttpController:
    """The real `aap_poller.controller.Controller`.

    *questions* and *launches* have connections of their own: a claim must not grow old because its
    launch waits for a connection.
    """

    def __init__(self, questions: Exchange, launches: Exchange, clock: Clock) -> None:
        self._questions = questions
        self._launches = launches
        self._reader = Reader()
        self._lists = Lists(questions, self._reader, clock)

    async def templates(self, name: str, organization: str = "") -> Sequence[Template]:
        parameters: dict[str, str | int] = {
            "name": name,
            "type": ",".join(TemplateKind),
            "order_by": "id",
            "page_size": PAGE_SIZE,
            "count_disabled": 1,
        }
        if organization:
            parameters["organization__name"] = organization
        found = (await self._questions.get("unified_job_templates/", _Templates, parameters)).results
        return [one.template() for one in found if one.name == name]

    async def launch(self, template: Template, extra_vars: Mapping[str, Any]) -> Row:
        body = msgspec.json.encode({"extra_vars": extra_vars})
        path = f"{template.type}s/{template.id}/launch/"
        return read(await self._launches.send("POST", path, content=body), Row)

    async def cancel(self, kind: JobKind, id: str) -> None:
        await self._questions.send("POST", f"{PATHS[kind]}/{id}/cancel/")

    async def job(self, kind: JobKind | None, id: str) -> Row | None:
        if not _is_id(id):
            return None
        for one in JobKind if kind is None else (kind,):
            try:
                response = await self._questions.send("GET", f"{PATHS[one]}/{id}/")
            except NotFound:
                continue
            return self._reader.detail(response.content, one, id)
        return None

    async def jobs(self, ids: Collection[str]) -> Sequence[Row]:
        rows: list[Row] = []
        for some in _chunks(sorted(id for id in ids if _may_be_listed(id)), IDS_PER_REQUEST):
            rows += await self._of_any_kind(some)
        return rows

    async def _of_any_kind(self, ids: Collection[str]) -> list[Row]:
        """AWX's source: jobs of all kinds share one sequence of ids, so what one list has no other does."""
        rows: list[Row] = []
        for kind in JobKind:
            if missing := {int(id) for id in ids}.difference(row.id for row in rows):
                rows += await self._of_kind(kind, missing)
        return rows

    async def _of_kind(self, kind: JobKind, ids: Collection[int]) -> Sequence[Row]:
        some: Parameters = {"id__in": _joined(ids), "page_size": len(ids), "count_disabled": 1}
        question = Question(kind, some, among=frozenset(ids))
        return (await self._lists.page(question, PAGE_SIZE, lambda row: row.id in ids)).rows

    async def changed_since(self, since: datetime | None, templates: Collection[int]) -> Sequence[Row]:
        of_templates: Parameters = {"unified_job_template__in": _joined(templates)}
        scope = Scope(templates=frozenset(templates), changed_since=since)
        if since is None:
            newest: Parameters = {"order_by": "-id", "page_size": 1, "count_disabled": 1}
            return await self._first_pages({**of_templates, **newest}, scope)
        moment = _timestamp(since)
        changed = {**of_templates, "or__finished__gte": moment, "or__created__gte": moment}
        return [row async for row in self._all(changed, scope)]

    def created_between(
        self, since: datetime | None, until: datetime | None, templates: Collection[int]
    ) -> AsyncIterator[Row]:
        parameters: dict[str, str | int] = {}
        if templates:
            # A job whose template is deleted stays, without a template (AWX's source: SET_NULL).
            parameters["or__unified_job_template__in"] = _joined(templates)
            parameters["or__unified_job_template__isnull"] = "true"
        if since is not None:
            parameters["created__gte"] = _timestamp(since)
        if until is not None:
            parameters["created__lt"] = _timestamp(until)
        scope = Scope(templates=frozenset(templates), created_since=since, created_before=until)
        return self._all(parameters, scope, entire=True)

    async def failure(self, row: Row) -> str:
        return await failure(self._questions, row)

    async def _first_pages(self, parameters: Parameters, scope: Scope) -> list[Row]:
        """The first page of both kinds of jobs."""
        questions = [Question(kind, parameters) for kind in JobKind]
        pages = [await self._lists.page(question, PAGE_SIZE, scope.has, often=True) for question in questions]
        return [row for page in pages for row in page.rows]

    async def _all(self, parameters: Parameters, scope: Scope, *, entire: bool = False) -> AsyncIterator[Row]:
        """Every row of both kinds of jobs. Pages go by id: a list that grows skips no row. Raises
        `Unanswered` if a row is missing from an *entire* list because nobody can tell whose it is."""
        paging: Parameters = {"order_by": "id", "page_size": PAGE_SIZE, "count_disabled": 1}
        for kind in JobKind:
            question = Question(kind, {**parameters, **paging})
            while True:
                page = await self._lists.page(question, PAGE_SIZE, scope.has, often=not entire)
                if entire and page.lacks:
                    raise Unanswered(f"{page.lacks} jobs of AAP cannot be read", system="AAP")
                for row in page.rows:
                    yield row
                if page.size < PAGE_SIZE:
                    break
                question = replace(question, after=page.last)


def _is_id(text: str) -> bool:
    """Ids come from records that others may have written: none of them may become another URL, or spoil
    a request that asks for many."""
    return text.isascii() and text.isdecimal()


def _may_be_listed(text: str) -> bool:
    """Whether AAP takes it for an id: its database refuses a whole list because of one that is too large."""
    return _is_id(text) and len(text) <= MOST_DIGITS and int(text) <= LAST_ID


def _joined(ids: Iterable[int]) -> str:
    return ",".join(str(id) for id in sorted(ids))


def _timestamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _chunks(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
