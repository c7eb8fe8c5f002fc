"""Jobs as AAP lists them, and whose they are."""

from datetime import datetime
from typing import Any

import msgspec

from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobKind, JobState
from cloudkit.lifecycle.observe import Observation

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
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    canceled_on: datetime | None = None
    unified_job_template: int | None = None
    extra_vars: str = ""
    job_explanation: str = ""
    result_traceback: str = ""
    ignored_fields: dict[str, Any] = {}

    @property
    def state(self) -> JobState:
        return STATES.get(self.status, JobState.UNKNOWN)

    @property
    def active(self) -> bool:
        """Whether it may still do something."""
        return self.finished is None and self.status in ("new", "pending", "waiting", "running")

    def observation(self, details: str = "") -> Observation:
        """What the row says, in our words."""
        return Observation(
            job_id=str(self.id),
            kind=self.type,
            state=self.state,
            started_at=self.started,
            finished_at=self.finished,
            details=details,
        )


class _Metadata(msgspec.Struct):
    namespace: str = ""
    name: str = ""
    uid: str = ""


class _Status(msgspec.Struct):
    desired_config_version: str = msgspec.field(default="", name="desiredConfigVersion")


class _Payload(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    status: _Status = msgspec.field(default_factory=_Status)


class _Event(msgspec.Struct):
    payload: _Payload = msgspec.field(default_factory=_Payload)


class _Eda(msgspec.Struct):
    event: _Event = msgspec.field(default_factory=_Event)


class _Variables(msgspec.Struct):
    cloudkit_job: str = ""
    ansible_eda: _Eda = msgspec.field(default_factory=_Eda)


def owner(row: Row) -> JobKey | None:
    """The job that *row* runs, or None if it is none of ours."""
    variables = _variables(row)
    if variables.cloudkit_job:
        return _key(variables.cloudkit_job)
    metadata = variables.ansible_eda.event.payload.metadata
    return JobKey(InstanceRef(metadata.namespace, metadata.name, metadata.uid), 0) if metadata.uid else None


def runs(row: Row, key: JobKey) -> bool:
    """Whether *row* is job *key*: ids start over when AAP is restored, so the id alone proves nothing."""
    found = owner(row)
    return found is not None and found.instance == key.instance and found.number in (key.number, 0)


def applied_by(row: Row) -> str:
    """The config version of the resource that the playbook of *row* got; empty if it cannot be read."""
    return _variables(row).ansible_eda.event.payload.status.desired_config_version


def _variables(row: Row) -> _Variables:
    """What others put into their variables is never an error."""
    try:
        return msgspec.json.decode(row.extra_vars, type=_Variables)
    except msgspec.MsgspecError:
        return _Variables()


def _key(text: str) -> JobKey | None:
    match text.split("/"):
        case [namespace, name, uid, number] if number.isdecimal():
            return JobKey(InstanceRef(namespace, name, uid), int(number))
    return None
