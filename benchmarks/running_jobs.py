"""Jobs that run already, in AAP and in the job log, as if aap-poller had launched them a while ago.

The AAP stand-in finds them in its journal when it starts; the log gets their events as plain messages.
So ten thousand of them are there within seconds.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from nats.aio.client import Client

from benchmarks.subscriber import open_subscriber
from cloudkit.contracts.cloudevents import event_headers
from cloudkit.contracts.events import JobEvent, JobEventName, encode_event
from cloudkit.contracts.instance import API_VERSION, KIND, InstanceRef
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType
from cloudkit.contracts.subjects import JOBS, job_subject
from cloudkit.lifecycle.observe import Observation, observed
from sandbox.aap.catalog import DEFAULT_TEMPLATES, Catalog
from sandbox.aap.journal import Journal, Launched
from sandbox.aap.model import Order, Template, User
from sandbox.aap.settings import Settings

AGE = timedelta(minutes=10)
CONFIG_VERSION = "v1-0123456789abcdef"
UNSENT_AT_MOST = 500
PARAMETERS = json.dumps({"note": "x" * 2000})
"""What a user hands to a template may be long, and every row of AAP repeats it."""


@dataclass(frozen=True)
class RunningJob:
    """A job in AAP, and whose it is."""

    id: int
    instance: InstanceRef
    since: datetime


def running_jobs(count: int) -> tuple[RunningJob, ...]:
    """*count* jobs that were launched within a minute, some minutes ago."""
    first = datetime.now(UTC) - AGE
    return tuple(
        RunningJob(
            Settings.first_id + number, instance_named(number), first + timedelta(minutes=number / count)
        )
        for number in range(count)
    )


def instance_named(number: int) -> InstanceRef:
    """A life of its own under the name that goes with *number*."""
    return InstanceRef("default", f"vm-{number:05d}", str(uuid4()))


def resource_of(instance: InstanceRef) -> dict[str, Any]:
    """The resource, of an ordinary size, as a playbook gets it."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"namespace": instance.namespace, "name": instance.name, "uid": instance.uid},
        "spec": {"name": instance.name, "vcpu": 2, "memory": 4096, "templateParameters": PARAMETERS},
        "status": {"desiredConfigVersion": CONFIG_VERSION},
    }


def let_aap_run(jobs: Sequence[RunningJob], directory: Path) -> None:
    """Make the AAP stand-in that will start in *directory* run *jobs*."""
    directory.mkdir(parents=True, exist_ok=True)
    journal, template = Journal(directory / "journal.jsonl"), _template()
    try:
        for job in jobs:
            order = Order(template=template, user=User(), extra_vars=_extra_vars(job))
            journal.write(Launched(at=job.since, order=order, seen_after=0))
    finally:
        journal.close()


def _template() -> Template:
    """The one that provisions, as the stand-in numbers it."""
    return next(iter(Catalog(DEFAULT_TEMPLATES)))


def _extra_vars(job: RunningJob) -> bytes:
    instance = job.instance
    key = f"{instance.namespace}/{instance.name}/{instance.uid}/1"
    payload = {"ansible_eda": {"event": {"payload": resource_of(instance)}}, "cloudkit_job": key}
    return msgspec.json.encode(payload)


async def let_log_tell(jobs: Sequence[RunningJob], url: str) -> None:
    """Make the job log in the NATS at *url*, which has its streams already, tell of *jobs*."""
    async with open_subscriber(url) as client:
        expected = (await _messages(client)) + 3 * len(jobs)
        for number, event in enumerate(event for job in jobs for event in _story(job)):
            headers = event_headers(event, id=str(uuid4()), source="aap-poller")
            await client.publish(job_subject(event), encode_event(event), headers=headers)
            if number % UNSENT_AT_MOST == 0:
                await client.flush()
        while await _messages(client) < expected:
            await client.flush()


def _story(job: RunningJob) -> Iterator[JobEvent]:
    """What a job that runs has behind it."""
    record = JobRecord(
        type=JobType.PROVISION,
        state=JobState.PENDING,
        timestamp=job.since,
        number=1,
        revision=1,
        block_deletion_on_failure=True,
        config_version=CONFIG_VERSION,
        template=DEFAULT_TEMPLATES[0].name,
        claimant=str(uuid4()),
    )
    yield JobEvent(event=JobEventName.CLAIMED, instance=job.instance, job=record)
    record = observed(record, _seen(job, JobState.PENDING), job.since)
    yield JobEvent(event=JobEventName.LAUNCHED, instance=job.instance, job=record)
    record = observed(record, _seen(job, JobState.RUNNING), job.since)
    yield JobEvent(event=JobEventName.RUNNING, instance=job.instance, job=record)


def _seen(job: RunningJob, state: JobState) -> Observation:
    started = job.since if state is JobState.RUNNING else None
    return Observation(job_id=str(job.id), kind=JobKind.JOB, state=state, started_at=started)


async def _messages(client: Client) -> int:
    reply = await client.request(f"$JS.API.STREAM.INFO.{JOBS}", b"", timeout=10)
    return int(json.loads(reply.data)["state"]["messages"])
