"""AAP as EDA and its playbooks know it: they launch jobs, and play those that a rulebook launched.

A job's part in Kubernetes is played here, the rest by the AAP stand-in: it holds such a job after its
start until it is told to go on.
"""

from typing import Any

import httpx
import msgspec

from sandbox.aap.audit import AuditEntry
from sandbox.aap.control import Control
from sandbox.aap.model import Status
from sandbox.aap.subjects import Purpose
from sandbox.eda.audit import Resource, read_resource
from sandbox.eda.settings import TEMPLATES


class Aap:
    """*api* has the base URL of the API (ends with ``/v2/``), and a token. Every call raises
    `httpx.HTTPError` when AAP is away or refuses."""

    def __init__(self, api: httpx.AsyncClient, control: Control) -> None:
        self._api = api
        self._control = control

    async def launch(self, purpose: Purpose, extra_vars: dict[str, Any]) -> None:
        """Launch the playbook for *purpose*."""
        url = f"job_templates/{TEMPLATES[purpose]}/launch/"
        (await self._api.post(url, json={"extra_vars": extra_vars})).raise_for_status()

    async def news(self, *, after: int) -> list[AuditEntry]:
        """What happened to jobs after the entry with this sequence."""
        return await self._control.audit(after=after)

    async def proceed(self, job: int) -> None:
        """Let *job* go on, now that its part in Kubernetes is done."""
        await self._control.proceed(job)

    async def fail(self, job: int, why: str) -> None:
        """End *job*, which has not touched its machine."""
        await self._control.force(job, Status.FAILED, explanation=why)

    async def resource_of(self, job: int) -> Resource:
        """The resource that *job* was launched with."""
        answer = (await self._api.get(f"jobs/{job}/")).raise_for_status()
        try:
            variables = msgspec.json.decode(msgspec.json.decode(answer.content)["extra_vars"])
        except msgspec.DecodeError as error:
            raise httpx.DecodingError(f"AAP answers with a page: {error}", request=answer.request) from error
        return read_resource(variables["ansible_eda"]["event"]["payload"])
