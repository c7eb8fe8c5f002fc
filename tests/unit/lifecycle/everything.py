"""Every kind of instance that there can be: one cross product over all inputs."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice, product

from msgspec.structs import replace

from cloudkit.contracts.instance import (
    ABANDON_ANNOTATION,
    FINALIZER,
    MANAGEMENT_ANNOTATION,
    PLAYBOOK_FINALIZERS,
    PROVIDER_ANNOTATION,
    RECONCILED_ANNOTATION,
    RETRY_ANNOTATION,
    ComputeInstance,
)
from cloudkit.contracts.jobs import JobRecord, JobState, Provider
from cloudkit.lifecycle.policy import Policy
from unit.lifecycle.specimens import BOTH, NOW, A, B, deprovision, instance, provision, version

BOTH_RUN = Policy(providers=BOTH)
AGES = [timedelta(0), timedelta(minutes=3), timedelta(days=2), timedelta(days=-2)]
ANNOTATIONS: list[dict[str, str]] = [
    {},
    {PROVIDER_ANNOTATION: "eda"},
    {RETRY_ANNOTATION: "again"},
    {MANAGEMENT_ANNOTATION: "unmanaged"},
    {PROVIDER_ANNOTATION: "eda", RECONCILED_ANNOTATION: version(A), ABANDON_ANNOTATION: "4"},
]
FINALIZERS = [(), (FINALIZER,), (FINALIZER, PLAYBOOK_FINALIZERS[0])]


def some() -> Iterator[ComputeInstance]:
    """A part of everything, for what takes long: each newest job a dozen times, each time in another way."""
    return islice(everything(), 0, None, 7)


def everything() -> Iterator[ComputeInstance]:
    for newest, deleting, finalizers, annotations in product(
        newest_jobs(), (False, True), FINALIZERS, ANNOTATIONS
    ):
        for earlier in earlier_jobs(newest):
            jobs = earlier if newest is None else (*earlier, newest)
            yield instance(
                *jobs,
                deleting=deleting,
                finalizers=finalizers,
                annotations=annotations,
            )


def newest_jobs() -> Iterator[JobRecord | None]:
    yield None
    for type, state, spec, attempt, age, provider in product(
        (provision, deprovision), JobState, (A, B), (1, 5), AGES, Provider
    ):
        job = type(4, state, attempt=attempt, timestamp=NOW - age, provider=provider)
        yield replace(job, config_version=version(spec) if type is provision else "")
        if state is JobState.UNKNOWN:
            yield replace(job, finished_at=NOW - age)


def earlier_jobs(newest: JobRecord | None) -> Iterator[tuple[JobRecord, ...]]:
    yield ()
    if newest is not None:
        yield (provision(2), provision(3, JobState.FAILED))
        yield (provision(1), deprovision(2), deprovision(3, JobState.FAILED))
