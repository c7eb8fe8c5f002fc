"""The ComputeInstance resource, as far as we read it.

Fields that we do not know stay in the raw JSON, which is what a playbook gets.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from cloudkit.contracts.errors import Malformed
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.contracts.moments import Moment

T = TypeVar("T")

GROUP = "cloudkit.openshift.io"
VERSION = "v1alpha1"
KIND = "ComputeInstance"
PLURAL = "computeinstances"
API_VERSION = f"{GROUP}/{VERSION}"

FINALIZER = f"{GROUP}/computeinstance"
"""Ours: nothing is launched before it is seen on the resource."""
PLAYBOOK_FINALIZERS = (f"{GROUP}/computeinstance-aap", f"{GROUP}/compute-instance-finalizer")
"""What playbooks of the EDA days leave on the resource."""
PROVIDER_ANNOTATION = f"{GROUP}/provisioning-provider"
RECONCILED_ANNOTATION = f"{GROUP}/reconciled-config-version"
"""Written by playbooks of the EDA days when they are done: the version that they brought about."""
ABANDON_ANNOTATION = f"{GROUP}/abandon-job"
"""The number of an EDA job that nobody is to wait for any longer."""
RETRY_ANNOTATION = f"{GROUP}/retry-requested-at"
"""Any new value: try again what was given up or canceled."""
MANAGEMENT_ANNOTATION = f"{GROUP}/management-state"
MANAGED = "managed"
UNMANAGED = "unmanaged"
"""Its value for an instance that is left alone until it is deleted."""
PAUSED_ANNOTATION = f"{GROUP}/paused"
"""``true``: nothing new is started, not even for a deletion; what runs is followed."""
RESTART_FIELD = "restartRequestedAt"
"""The field of the spec in which people ask for a restart. It asks for no other machine."""
LONGEST_RETRY_REQUEST = 64
"""Characters of `RETRY_ANNOTATION` that count: every job keeps them."""
LAST_APPLIED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


class Phase(StrEnum):
    """One word for how the instance stands."""

    PROGRESSING = "Progressing"
    READY = "Ready"
    FAILED = "Failed"
    DELETING = "Deleting"

    @classmethod
    def _missing_(cls, value: object) -> "Phase | None":
        """A word of another controller is kept as it is: it must not make the resource unreadable."""
        if not isinstance(value, str):
            return None
        foreign = str.__new__(cls, value)
        foreign._name_ = foreign._value_ = value
        return foreign


Name: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$(?!\n)", max_length=253)
]
"""A Kubernetes name. Whatever is read is held to it: names become parts of subjects and of URLs."""
Uid: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]+$(?!\n)", max_length=128)]


class InstanceRef(msgspec.Struct, frozen=True, order=True):
    """Names one life of one instance: created again under the same name, it has another uid."""

    namespace: Name
    name: Name
    uid: Uid

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class ObjectMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of Kubernetes' object metadata that we read."""

    name: Name
    namespace: Name
    uid: Uid
    creation_timestamp: Moment
    resource_version: str = ""
    generation: int = 0
    deletion_timestamp: Moment | None = None
    finalizers: tuple[str, ...] = ()
    annotations: dict[str, str] = {}


class ComputeInstanceSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The spec fields that we know; ``memory`` in MiB, ``disk`` in GiB."""

    name: str = ""
    vcpu: int | None = None
    memory: int | None = None
    disk: int | None = None
    template_id: str = msgspec.field(default="", name="templateID")
    template_parameters: str = ""
    restart_requested_at: Moment | None = None


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A Kubernetes condition; ``status`` is ``True``, ``False`` or ``Unknown``.

    What is missing is not written: the API server refuses a status with a null in a list.
    """

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: Moment | None = None


class JobSummary(
    msgspec.Struct, frozen=True, kw_only=True, rename={"block_deletion_on_failure": "blockDeletionOnFailure"}
):
    """The latest job of one type: ``status.provisionJob`` and ``status.deprovisionJob``."""

    id: str = ""
    state: JobState = JobState.UNKNOWN
    message: str = ""
    block_deletion_on_failure: bool = False


class Launch(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The launch that has not become a job: claimed and not confirmed, or delayed, and why.

    ``number`` and ``revision`` are those of the record that says so.
    """

    number: int = 0
    revision: int = 0
    type: JobType = JobType.PROVISION
    reason: str = ""
    message: str = ""


class ComputeInstanceStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The status fields that we own. Those of others are left alone."""

    phase: Phase | None = None
    jobs: tuple[JobRecord, ...] = ()
    next_retry_at: Moment | None = None
    last_restarted_at: Moment | None = None
    provision_job: JobSummary | None = None
    deprovision_job: JobSummary | None = None
    launch: Launch | None = None
    desired_config_version: str = ""
    reconciled_config_version: str = ""
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()


class ComputeInstance(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as the API server has it.

    ``spec`` and ``resource`` are raw JSON, of the spec and of the whole resource, with the fields
    that we do not know.
    """

    metadata: ObjectMeta
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: ComputeInstanceStatus = ComputeInstanceStatus()
    resource: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def ref(self) -> InstanceRef:
        return InstanceRef(self.metadata.namespace, self.metadata.name, self.metadata.uid)

    @property
    def deleting(self) -> bool:
        return self.metadata.deletion_timestamp is not None

    @property
    def adopted(self) -> bool:
        """Whether our finalizer is on it."""
        return FINALIZER in self.metadata.finalizers

    @property
    def jobs(self) -> tuple[JobRecord, ...]:
        """The job history, oldest first; records that another controller wrote get the number after
        the one before them, in the order of their times, so that all count on, whoever wrote them."""
        jobs: list[JobRecord] = []
        for job in _in_order(self.status.jobs or self._jobs_in_the_views()):
            following = jobs[-1].number + 1 if jobs else 1
            jobs.append(job if job.number else _of_another_controller(job, following, self.status))
        return tuple(jobs)

    def _jobs_in_the_views(self) -> tuple[JobRecord, ...]:
        """What a controller that kept no history says of its jobs."""
        views = (
            (JobType.PROVISION, self.status.provision_job),
            (JobType.DEPROVISION, self.status.deprovision_job),
        )
        return tuple(
            JobRecord(
                type=type,
                state=view.state,
                timestamp=self.metadata.creation_timestamp,
                block_deletion_on_failure=view.block_deletion_on_failure,
                job_id=view.id,
                message=view.message,
            )
            for type, view in views
            if view is not None and view.id
        )

    def says(self, annotation: str) -> str:
        """What people wrote into *annotation*, without the blanks around it; empty if nothing."""
        return self.metadata.annotations.get(annotation, "").strip()

    @property
    def retry_requested_at(self) -> str:
        """What people wrote to have a job tried again; compared for change, never with a clock."""
        return self.says(RETRY_ANNOTATION)[:LONGEST_RETRY_REQUEST]

    @property
    def reported_version(self) -> str:
        """The config version that a playbook says it has brought about."""
        return self.metadata.annotations.get(RECONCILED_ANNOTATION, "")

    @property
    def abandoned_job(self) -> str:
        """The number of the job that people have given up."""
        return self.says(ABANDON_ANNOTATION)

    @property
    def unmanaged(self) -> bool:
        return self.says(MANAGEMENT_ANNOTATION).lower() == UNMANAGED

    @property
    def paused(self) -> bool:
        return self.says(PAUSED_ANNOTATION).lower() == "true"

    @property
    def restart_requested_at(self) -> datetime | None:
        """When people asked for a restart; None if they did not, or wrote no time there."""
        return read_time(decode(self.spec, dict).get(RESTART_FIELD))

    def known_spec(self) -> ComputeInstanceSpec:
        """The known fields of the spec. Raises `Malformed`."""
        return decode(self.spec, ComputeInstanceSpec)


def _in_order(jobs: Iterable[JobRecord]) -> Iterator[JobRecord]:
    """*jobs*, those without a number by their times; of one second, as they stand."""
    for numbered, group in groupby(jobs, lambda job: bool(job.number)):
        some = tuple(group)
        yield from some if numbered else sorted(some, key=attrgetter("timestamp"))


def _of_another_controller(job: JobRecord, number: int, status: ComputeInstanceStatus) -> JobRecord:
    if not job.job_id.startswith("eda-webhook"):
        return msgspec.structs.replace(job, number=number, provider=Provider.AAP)
    # An EDA job has no end of its own: it is over once the version that was wanted is there.
    wanted, there = status.desired_config_version, status.reconciled_config_version
    over = job.type is JobType.PROVISION and not job.closed and bool(wanted) and wanted == there
    state = JobState.SUCCEEDED if over else job.state
    # Its playbook will report what was wanted then.
    version = job.config_version or (wanted if job.type is JobType.PROVISION and not job.closed else "")
    return msgspec.structs.replace(
        job, number=number, provider=Provider.EDA, state=state, config_version="" if over else version
    )


def decode(data: bytes | msgspec.Raw, type: type[T]) -> T:
    """JSON *data* as *type*. Raises `Malformed`, which says where and why it does not fit."""
    try:
        return msgspec.json.decode(data, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        wanted = getattr(type, "__name__", "message")  # a union of messages has no name
        raise Malformed(f"not a valid {wanted}: {error}") from error


def read_time(value: object) -> datetime | None:
    """*value* if it is a point in time (RFC 3339), else None."""
    try:
        time: datetime = msgspec.convert(value, Moment)
    except msgspec.ValidationError:
        return None
    return time


def read_instance(data: bytes | msgspec.Raw) -> ComputeInstance:
    """The resource in JSON *data*. Raises `Malformed`."""
    return msgspec.structs.replace(decode(data, ComputeInstance), resource=msgspec.Raw(data))
