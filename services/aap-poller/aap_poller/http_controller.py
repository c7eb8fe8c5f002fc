"""AAP's job API over HTTP.

Facts about AAP are from the source of AWX: lists have at most 200 rows a page, every URL ends with a
slash, a filter that starts with ``or__`` is one of a single group, and the reason of a failed playbook
stands in its job events alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import httpx
import msgspec

from aap_poller import metrics
from aap_poller.controller import Template, TemplateKind
from aap_poller.rows import Row
from cloudkit.contracts.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    Unanswered,
    Unauthorized,
    Unreachable,
)
from cloudkit.contracts.jobs import JobKind

T = TypeVar("T")
Parameters = Mapping[str, str | int]

PAGE_SIZE = 200
IDS_PER_REQUEST = 100
PATHS = {JobKind.JOB: "jobs", JobKind.WORKFLOW_JOB: "workflow_jobs"}
REFUSALS: dict[int, type[Refused]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict}


class _Page(msgspec.Struct):
    results: list[Row]


class _Templates(msgspec.Struct):
    results: list[Template]


class _Result(msgspec.Struct):
    msg: Any = ""
    stderr: str = ""


class _EventData(msgspec.Struct):
    res: _Result = msgspec.field(default_factory=_Result)


class _JobEvent(msgspec.Struct):
    task: str = ""
    host_name: str = ""
    event_data: _EventData = msgspec.field(default_factory=_EventData)


class _JobEvents(msgspec.Struct):
    results: list[_JobEvent]


class HttpController:
    """The real `aap_poller.controller.Controller`.

    *client* has the base URL (``…/api/controller/v2/``), the token and the timeouts.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def templates(self, name: str) -> Sequence[Template]:
        parameters: Parameters = {"name": name, "type": ",".join(TemplateKind), "page_size": PAGE_SIZE}
        return (await self._get("unified_job_templates/", _Templates, parameters)).results

    async def launch(self, template: Template, extra_vars: Mapping[str, Any]) -> Row:
        body = msgspec.json.encode({"extra_vars": extra_vars})
        response = await self._send("POST", f"{template.type}s/{template.id}/launch/", content=body)
        return _read(response, Row)

    async def cancel(self, kind: JobKind, id: str) -> None:
        await self._send("POST", f"{PATHS[kind]}/{id}/cancel/")

    async def job(self, kind: JobKind | None, id: str) -> Row | None:
        for path in PATHS.values() if kind is None else (PATHS[kind],):
            try:
                return await self._get(f"{path}/{id}/", Row)
            except NotFound:
                continue
        return None

    async def jobs(self, ids: Collection[str]) -> Sequence[Row]:
        rows: list[Row] = []
        for some in _chunks(sorted(ids), IDS_PER_REQUEST):
            rows += await self._lists({"id__in": ",".join(some), "page_size": len(some), "count_disabled": 1})
        return rows

    async def changed_since(self, since: datetime | None, templates: Collection[int]) -> Sequence[Row]:
        parameters: dict[str, str | int] = {"unified_job_template__in": _joined(templates)}
        if since is None:
            return await self._lists({**parameters, "order_by": "-id", "page_size": 1, "count_disabled": 1})
        moment = _timestamp(since)
        return await self._pages({**parameters, "or__finished__gte": moment, "or__created__gte": moment})

    async def created_between(
        self, since: datetime | None, until: datetime | None, templates: Collection[int]
    ) -> Sequence[Row]:
        parameters: dict[str, str | int] = {}
        if templates:
            parameters["unified_job_template__in"] = _joined(templates)
        if since is not None:
            parameters["created__gte"] = _timestamp(since)
        if until is not None:
            parameters["created__lt"] = _timestamp(until)
        return await self._pages(parameters)

    async def failure(self, row: Row) -> str:
        if row.type is JobKind.JOB:
            parameters: Parameters = {
                "failed": "true",
                "event__in": "runner_on_failed,runner_on_unreachable",
                "order_by": "-counter",
                "limit": 1,
            }
            events = (await self._get(f"jobs/{row.id}/job_events/", _JobEvents, parameters)).results
            if events:
                return _told(events[0])
        return row.job_explanation or row.result_traceback or f"see job {row.id} in AAP"

    async def _lists(self, parameters: Parameters) -> list[Row]:
        """The first page of both kinds of jobs."""
        return [row for path in PATHS.values() for row in await self._page(path, parameters)]

    async def _pages(self, parameters: Parameters) -> list[Row]:
        """Every page of both kinds of jobs. Pages go by id: a list that grows skips no row."""
        rows: list[Row] = []
        for path in PATHS.values():
            last = 0
            while True:
                after: Parameters = {
                    "id__gt": last,
                    "order_by": "id",
                    "page_size": PAGE_SIZE,
                    "count_disabled": 1,
                }
                page = await self._page(path, {**parameters, **after})
                rows += page
                if len(page) < PAGE_SIZE:
                    break
                last = page[-1].id
        return rows

    async def _page(self, path: str, parameters: Parameters) -> list[Row]:
        return (await self._get(f"{path}/", _Page, parameters)).results

    async def _get(self, path: str, type: type[T], parameters: Parameters | None = None) -> T:
        return _read(await self._send("GET", path, params=parameters), type)

    async def _send(
        self, method: str, path: str, *, params: Parameters | None = None, content: bytes | None = None
    ) -> httpx.Response:
        route = f"{method} {path.split('/', maxsplit=1)[0]}"
        headers = {"Content-Type": "application/json"} if content else None
        with metrics.AAP_SECONDS.labels(route).time():
            try:
                response = await self._client.request(
                    method, path, params=params, content=content, headers=headers
                )
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                metrics.AAP_REQUESTS.labels(route, "unreachable").inc()
                raise Unreachable(f"AAP cannot be reached: {_text(error)}", system="AAP") from error
            except httpx.HTTPError as error:
                metrics.AAP_REQUESTS.labels(route, "unanswered").inc()
                raise Unanswered(f"AAP did not answer {route}: {_text(error)}", system="AAP") from error
        metrics.AAP_REQUESTS.labels(route, str(response.status_code)).inc()
        _refuse(response, route)
        return response


def _refuse(response: httpx.Response, route: str) -> None:
    """Raise what the status of *response* means, unless it is a success."""
    status = response.status_code
    if response.is_success:
        return
    if status == 429:
        raise Unreachable("AAP asks for a pause (429 Too Many Requests)", system="AAP")
    if status >= 500:
        raise Unanswered(f"AAP answered {route} with {status} {response.reason_phrase}", system="AAP")
    if response.is_redirect:
        where = response.headers.get("Location", "nowhere")
        text = f"AAP sent {route} elsewhere ({status} to {where}): is CLOUDKIT_AAP_URL right?"
        raise Refused(text, system="AAP", status=status, reason="Redirected")
    text = f"AAP refused {route}: {status} {response.reason_phrase}: {response.text[:500]}"
    raise REFUSALS.get(status, Refused)(text, system="AAP", status=status)


def _read(response: httpx.Response, type: type[T]) -> T:
    """The body of *response*. A success that cannot be read is as good as no answer."""
    try:
        return msgspec.json.decode(response.content, type=type)
    except msgspec.MsgspecError as error:
        raise Unanswered(f"AAP's answer cannot be read: {error}", system="AAP") from error


def _told(event: _JobEvent) -> str:
    said = event.event_data.res.msg or event.event_data.res.stderr or "no message"
    text = said if isinstance(said, str) else msgspec.json.encode(said).decode()
    return f"{event.task or 'a task'} on {event.host_name or 'a host'}: {text}"


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _joined(ids: Iterable[int]) -> str:
    return ",".join(str(id) for id in sorted(ids))


def _timestamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _chunks(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
