"""A client for the control API: what tests, benchmarks and ``cloudkit dev`` do to the stand-in."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self, TypeVar

import httpx
import msgspec

from sandbox.aap.audit import AuditEntry, Violation
from sandbox.aap.control_views import (
    JobMarks,
    JobOrder,
    PlaybookOrder,
    RestoreOrder,
    TemplateOrder,
    TokenOrder,
)
from sandbox.aap.faults import Fault
from sandbox.aap.machines import Machine
from sandbox.aap.model import Status, Template, User
from sandbox.aap.playbooks import Rule

T = TypeVar("T")


class Control:
    """*url* is that of the control API: ``http://127.0.0.1:PORT/sandbox``.

    Every call raises `httpx.HTTPError` when the stand-in is away or refuses.
    """

    def __init__(self, url: str, *, client: httpx.AsyncClient | None = None) -> None:
        self._url = url
        self._client = client or httpx.AsyncClient(trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    async def add_faults(self, *faults: Fault) -> None:
        """From now on these go wrong, the first one first."""
        await self._send("POST", "/faults", faults)

    async def clear_faults(self) -> None:
        await self._send("DELETE", "/faults")

    async def set_latency(self, seconds: float) -> None:
        """Let every answer take so long, until faults are cleared."""
        await self._send("POST", "/latency", seconds)

    async def audit(self, *, after: int = 0) -> list[AuditEntry]:
        """What happened, oldest first, after the entry with this sequence."""
        return await self._get(f"/audit?after={after}", list[AuditEntry])

    async def violations(self) -> list[Violation]:
        """Which launches broke a rule; see `sandbox.aap.audit.violations`."""
        return await self._get("/violations", list[Violation])

    async def machines(self) -> list[Machine]:
        return await self._get("/machines", list[Machine])

    async def requests(self) -> dict[str, int]:
        """How many requests came, by method and route: ``"GET /jobs/{id}/"``."""
        return await self._get("/requests", dict[str, int])

    async def forget_requests(self) -> None:
        await self._send("DELETE", "/requests")

    async def add_rules(self, *rules: Rule) -> None:
        """Jobs launched from now on heed these first."""
        await self._send("POST", "/playbooks", PlaybookOrder(rules=rules))

    async def reset_rules(self) -> None:
        await self._send("POST", "/playbooks", PlaybookOrder(reset=True))

    async def force(self, job: int, status: Status, *, explanation: str = "") -> None:
        """Put *job* into *status* by hand."""
        await self._send("POST", f"/jobs/{job}", JobOrder(status=status, explanation=explanation))

    async def cancel(self, job: int, *, by: str = "admin") -> None:
        """A person cancels *job*."""
        await self._send("POST", f"/jobs/{job}", JobOrder(cancel_by=by))

    async def decide(self, approval: int, *, approved: bool) -> None:
        """A person approves or denies a step of a workflow."""
        await self._send("POST", f"/jobs/{approval}", JobOrder(approved=approved))

    async def mark(self, job: int, *, cancelable: bool | None = None, breaks_lists: bool = False) -> None:
        """Say what is odd about *job*: whether others than superusers may cancel it (None: as its template
        says), and whether every list answers 502 that has it on its page."""
        marks = JobMarks(cancelable=cancelable, breaks_lists=breaks_lists)
        await self._send("POST", f"/jobs/{job}", JobOrder(marks=marks))

    async def proceed(self, job: int) -> None:
        """Let *job*, whose playbook was launched by a rulebook, go on to its machine."""
        await self._send("POST", f"/jobs/{job}", JobOrder(proceed=True))

    async def purge(self, job: int) -> None:
        """Forget *job*, whatever its status."""
        await self._send("POST", f"/jobs/{job}", JobOrder(purge=True))

    async def templates(self) -> list[Template]:
        return await self._get("/templates", list[Template])

    async def put_template(self, template: Template) -> Template:
        """Add *template* (id 0), or change the one with its id; as it stands afterwards."""
        answer = await self._send("POST", "/templates", TemplateOrder(put=(template,)))
        return msgspec.json.decode(answer, type=list[Template])[0]

    async def remove_templates(self, ids: Iterable[int]) -> None:
        await self._send("POST", "/templates", TemplateOrder(remove=tuple(ids)))

    async def add_token(self, token: str, user: User) -> None:
        await self._send("POST", "/tokens", TokenOrder(add={token: user}))

    async def revoke_token(self, token: str) -> None:
        await self._send("POST", "/tokens", TokenOrder(revoke=(token,)))

    async def rotate_token(self, old: str, new: str) -> None:
        """Replace *old*, which nobody knows from then on."""
        await self._send("POST", "/tokens", TokenOrder(rotate={old: new}))

    async def restore(self, *, next_id: int | None = None) -> None:
        """Forget all jobs; ids start over."""
        await self._send("POST", "/restore", RestoreOrder(next_id=next_id))

    async def _get(self, path: str, type: type[T]) -> T:
        return msgspec.json.decode(await self._send("GET", path), type=type)

    async def _send(self, method: str, path: str, body: object = None) -> bytes:
        content = None if body is None else msgspec.json.encode(body)
        response = await self._client.request(method, self._url + path, content=content)
        response.raise_for_status()
        return response.content
