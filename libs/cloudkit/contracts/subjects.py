"""Streams, and who says what on which subject.

::

    cloudkit.intent.<aap|eda|status>.<namespace>.<name>
    cloudkit.job.<namespace>.<name>.<uid>.<provider>.<type>.<event>
    cloudkit.dead.<service>.<subject it was on>
    cloudkit.intent.again.<durable>.<sequence in CLOUDKIT_JOBS>

A Kubernetes name may hold dots and a NATS token may not: ``.`` is written ``_``, which no Kubernetes
name holds.
"""

from enum import StrEnum

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import Provider

INTENTS = "CLOUDKIT_INTENTS"
JOBS = "CLOUDKIT_JOBS"
DEAD_LETTERS = "CLOUDKIT_DEADLETTERS"

INTENT_SUBJECTS = "cloudkit.intent.>"
JOB_SUBJECTS = "cloudkit.job.>"
DEAD_LETTER_SUBJECTS = "cloudkit.dead.>"
AGAIN = "cloudkit.intent.again."
"""Subjects under which events of the job log are delivered once more: see `again_subject`."""


class Addressee(StrEnum):
    """Who an intent is for: the third token of its subject."""

    AAP = "aap"
    EDA = "eda"
    STATUS = "status"


ADDRESSEE_OF = {Provider.AAP: Addressee.AAP, Provider.EDA: Addressee.EDA}


def token(name: str) -> str:
    """A Kubernetes name as one NATS token."""
    return name.replace(".", "_")


def intents_for(addressee: Addressee, namespace: str = "") -> str:
    """Every intent for *addressee* (about one *namespace*, unless empty)."""
    return (
        f"cloudkit.intent.{addressee}.{token(namespace)}.*" if namespace else f"cloudkit.intent.{addressee}.>"
    )


def intent_subject(addressee: Addressee, instance: InstanceRef) -> str:
    """Where the one intent for *addressee* about the instance's name stands."""
    return f"cloudkit.intent.{addressee}.{token(instance.namespace)}.{token(instance.name)}"


def job_subject(event: JobEvent) -> str:
    """Where *event* is appended."""
    job, instance = event.job, event.instance
    return f"{_name_prefix(instance)}.{instance.uid}.{job.provider}.{job.type}.{event.event}"


def jobs_of_name(instance: InstanceRef) -> str:
    """Every job event of the instance's name, whichever its uid."""
    return f"{_name_prefix(instance)}.>"


def jobs_of_uid(instance: InstanceRef) -> str:
    """Every job event of this one life of the instance."""
    return f"{_name_prefix(instance)}.{instance.uid}.>"


def events_named(event: str, namespace: str = "") -> str:
    """One event of all jobs of all instances (of one *namespace*, unless empty), e.g. every failure."""
    return f"cloudkit.job.{token(namespace) or '*'}.*.*.*.*.{event}"


def dead_letter_subject(service: str, subject: str) -> str:
    """Where a message of *subject* that *service* could not handle is kept."""
    return f"cloudkit.dead.{service}.{subject}"


def again_subject(durable: str, sequence: int) -> str:
    """Where event *sequence* of the job log waits to be delivered once more to *durable*, which gave it up.

    A fact is never appended twice, so it does not go back into the log.
    """
    return f"{AGAIN}{durable}.{sequence}"


def asked_again(durable: str) -> str:
    """Every event that *durable* is to get once more."""
    return f"{AGAIN}{durable}.*"


def _name_prefix(instance: InstanceRef) -> str:
    return f"cloudkit.job.{token(instance.namespace)}.{token(instance.name)}"
