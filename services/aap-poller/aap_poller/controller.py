"""The port to AAP's job API, as the handlers see it. `aap_poller.http_controller` is the real one."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from aap_poller.rows import Row
from cloudkit.contracts.errors import Refused
from cloudkit.contracts.jobs import JobKind


class TemplateKind(StrEnum):
    """What AAP calls a template: its ``type`` values."""

    JOB = "job_template"
    WORKFLOW = "workflow_job_template"


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be launched.

    ``ask_variables_on_launch`` is "Prompt on launch" beside its variables. Without it a survey, if it is
    ``survey_enabled``, lets the variables through that it asks for, and no other.
    """

    id: int
    name: str
    type: TemplateKind
    organization: str = ""
    ask_variables_on_launch: bool = False
    survey_enabled: bool = False


class Controller(Protocol):
    """AAP's job API.

    Every call raises `Unreachable` (nothing was sent), `Unanswered` (it may have been received) or a
    `Refused` (401, 403, 404, 400 …), all of them with the system "AAP".
    """

    async def templates(self, name: str, organization: str = "") -> Sequence[Template]:
        """Every job template and workflow template of that name (and *organization*, unless empty) that
        we may see; the first 200, should anybody have so many."""
        ...

    async def launch(self, template: Template, extra_vars: Mapping[str, Any]) -> Row:
        """Start a job. `Unanswered` means that it may be running."""
        ...

    async def cancel(self, kind: JobKind, id: str) -> None:
        """Ask for a job to be stopped; that it was, its state will tell."""
        ...

    async def job(self, kind: JobKind | None, id: str) -> Row | None:
        """One job, or None if AAP has none of that id (and kind). `Malformed` if it cannot be read."""
        ...

    async def jobs(self, ids: Collection[str]) -> Sequence[Row]:
        """Those of *ids* that AAP has, in any order."""
        ...

    async def changed_since(self, since: datetime | None, templates: Collection[int]) -> Sequence[Row]:
        """The jobs of *templates* created or finished at *since* or later (None: the newest alone)."""
        ...

    def created_between(
        self, since: datetime | None, until: datetime | None, templates: Collection[int]
    ) -> AsyncIterator[Row]:
        """The jobs created at *since* or later and before *until* of *templates* (empty: of every
        template), and those whose template was deleted since; of each kind by id. There may be very
        many of them, and none is left out because it cannot be read."""
        ...

    async def failure(self, row: Row) -> str:
        """Why a failed job failed, for a person: the task, the host, and what it said. Empty if AAP does
        not know yet."""
        ...


async def cancel(aap: Controller, row: Row) -> bool:
    """Ask for *row* to be stopped; False if it had ended by itself meanwhile.

    Raises what `Controller` raises: `Forbidden` if the token may not cancel it.
    """
    try:
        await aap.cancel(row.type, str(row.id))
    except Refused as refused:
        # 405 (403 for an ordinary token) also means that the job ended a moment ago; 404, that it was purged.
        if refused.status not in (403, 404, 405):
            raise
        now = await aap.job(row.type, str(row.id))
        if now is not None and now.active:
            raise
        return False
    return True
