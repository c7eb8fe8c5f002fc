"""Jobs as AAP lists them, and whose they are."""

import re
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import TERMINAL_STATES, JobKind, JobState, JobType
from cloudkit.contracts.moments import Moment
from cloudkit.lifecycle.observe import Observation

T = TypeVar("T")

STATES = {
    "new": JobState.PENDING,
    "pending": JobState.PENDING,
    "waiting": JobState.WAITING,
    "running": JobState.RUNNING,
    "successful": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "error": JobState.FAILED,
    "canceled": JobState.CANCELED,
}
"""AAP's words (``status`` of any job) in ours."""
SPAWNED = "workflow"
"""The ``launch_type`` of what a workflow or a sliced job runs: it inherits the variables, and is not what
we launched."""
ONE_OF_MANY = re.compile(r"\b[a-z]+(?:_[a-z]+)*-[0-9]+\b")
"""AAP's name for a job in its explanations: ``workflow_job-4711``."""


class JobKey(msgspec.Struct, frozen=True):
    """Which job of which instance: what we write into ``extra_vars`` as ``cloudkit_job``.

    ``number`` is 0 for a job of the Go operator, whose payload names the instance alone.
    """

    instance: InstanceRef
    number: int

    def __str__(self) -> str:
        return f"{self.instance.namespace}/{self.instance.name}/{self.instance.uid}/{self.number}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One job in an answer of AAP: of a list, of a detail, or of a launch."""

    id: int
    type: JobKind
    status: str
    created: Moment
    name: str = ""
    started: Moment | None = None
    finished: Moment | None = None
    canceled_on: Moment | None = None
    launch_type: str = ""
    unified_job_template: int | None = None
    extra_vars: str | None = ""
    job_explanation: str | None = ""
    result_traceback: str | None = ""
    ignored_fields: dict[str, Any] = {}

    @property
    def state(self) -> JobState:
        return STATES.get(self.status, JobState.UNKNOWN)

    @property
    def active(self) -> bool:
        """Whether it may still do something."""
        return self.state not in TERMINAL_STATES

    def observation(self, details: str = "") -> Observation:
        """What the row says, in our words."""
        return Observation(
            job_id=str(self.id),
            kind=self.type,
            state=self.state,
            started_at=self.started,
            finished_at=None if self.active else self.finished,
            details=details or self._waits_for,
            canceling=self.active and self.canceled_on is not None,
        )

    @property
    def _waits_for(self) -> str:
        """AWX's source: a job that has been pending for half a minute says in its explanation why. Which
        job it waits for changes often, and is not worth a write for each job in a queue."""
        if self.state is not JobState.PENDING:
            return ""
        return ONE_OF_MANY.sub("another job", self.job_explanation or "")


class OurJob(msgspec.Struct, frozen=True):
    """A job in AAP that is ours. ``config_version`` is that of the spec which its playbook got;
    ``row`` comes without its variables, which may be large."""

    key: JobKey
    type: JobType
    config_version: str
    row: Row

    @property
    def id(self) -> str:
        return str(self.row.id)


class _Metadata(msgspec.Struct):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    deletion_timestamp: str | None = msgspec.field(default=None, name="deletionTimestamp")


class _Status(msgspec.Struct):
    desired_config_version: str = msgspec.field(default="", name="desiredConfigVersion")


class _Resource(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    status: _Status = msgspec.field(default_factory=_Status)


class _Event(msgspec.Struct):
    payload: _Resource = msgspec.field(default_factory=_Resource)


class _Eda(msgspec.Struct):
    event: _Event = msgspec.field(default_factory=_Event)


class _Osac(msgspec.Struct):
    resource: _Resource = msgspec.field(default_factory=_Resource)


class _Variables(msgspec.Struct):
    """Each apart: what a template or a survey adds beside ours must not make ours unreadable."""

    cloudkit_job: msgspec.Raw = msgspec.Raw()
    ansible_eda: msgspec.Raw = msgspec.Raw()
    osac_job_vars: msgspec.Raw = msgspec.Raw()

    @property
    def key(self) -> str:
        return _read(self.cloudkit_job, str) or ""

    @property
    def resource(self) -> _Resource:
        """The resource, wherever it is: a job may have it in two places."""
        eda = _read(self.ansible_eda, _Eda)
        if eda is not None and eda.event.payload.metadata.uid:
            return eda.event.payload
        osac = _read(self.osac_job_vars, _Osac)
        return osac.resource if osac is not None else _Resource()


def ours(row: Row) -> OurJob | None:
    """The job that *row* runs for an instance, or None if it is none of ours.

    Its type is that of the resource it was launched with: a resource that is being deleted gets a
    deprovision. The template would not tell: it may have been renamed, or serve both.
    """
    if row.launch_type == SPAWNED:
        return None
    variables = _read(row.extra_vars or "", _Variables) or _Variables()
    resource = variables.resource
    key = _key(variables.key) if variables.cloudkit_job else _key_of(resource.metadata)
    if key is None:
        return None
    type = JobType.DEPROVISION if resource.metadata.deletion_timestamp else JobType.PROVISION
    version = resource.status.desired_config_version if type is JobType.PROVISION else ""
    return OurJob(key, type, version, replace(row, extra_vars=""))


def found(row: Row | None, key: JobKey) -> OurJob | None:
    """Job *key*, if that is what *row* runs: ids start over when AAP is restored, so an id proves nothing."""
    job = None if row is None else ours(row)
    if job is None or job.key.instance != key.instance or job.key.number not in (key.number, 0):
        return None
    return job


def _read(data: str | bytes | msgspec.Raw, type: type[T]) -> T | None:
    """None if it is not there, or not of that *type*: what others put into their variables is no error."""
    try:
        return msgspec.json.decode(data, type=type)
    except (msgspec.MsgspecError, RecursionError):
        return None


_WORDS = r"(?P<namespace>[a-z0-9.-]+)/(?P<name>[a-z0-9.-]+)/(?P<uid>[A-Za-z0-9-]+)"
_KEY = re.compile(rf"{_WORDS}/(?P<number>[0-9]{{1,9}})", re.ASCII)
"""Whoever may launch a job can write anything: what is not a name must not become part of a subject."""


def _key(text: str) -> JobKey | None:
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    return JobKey(InstanceRef(match["namespace"], match["name"], match["uid"]), int(match["number"]))


def _key_of(metadata: _Metadata) -> JobKey | None:
    return _key(f"{metadata.namespace}/{metadata.name}/{metadata.uid}/0")
