"""Every state in which people may find an instance, each in a few words."""

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from cloudkit.contracts.instance import (
    FINALIZER,
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    PLAYBOOK_FINALIZERS,
    RESTART_FIELD,
    RETRY_ANNOTATION,
    ComputeInstance,
)
from cloudkit.contracts.jobs import JobRecord, JobState, Provider
from cloudkit.lifecycle.evidence import WEBHOOK_SENT, eda_job_id
from cloudkit.lifecycle.observe import CANCEL_FORBIDDEN
from cloudkit.lifecycle.policy import Policy
from unit.lifecycle.specimens import (
    NOW,
    POLICY,
    A,
    B,
    claimed,
    delayed,
    deprovision,
    instance,
    learned,
    provision,
    reported,
    version,
)

PENDING, RUNNING, FAILED = JobState.PENDING, JobState.RUNNING, JobState.FAILED
CANCELED, UNKNOWN = JobState.CANCELED, JobState.UNKNOWN
EDA = replace(POLICY, provider=Provider.EDA, providers=frozenset({Provider.EDA}))
UNMANAGED = {MANAGEMENT_ANNOTATION: "unmanaged"}
PAUSED = {PAUSED_ANNOTATION: "true"}
HELD = (FINALIZER, PLAYBOOK_FINALIZERS[0])
"""By us, and by a playbook that has made something."""
ASKED = NOW - timedelta(minutes=1)
RESTART: dict[str, Any] = {**A, RESTART_FIELD: ASKED}

State = tuple[ComputeInstance, Policy]


def aap(*jobs: JobRecord, **fields: Any) -> State:
    """An instance whose jobs AAP runs, with the status that it has then."""
    return reported(instance(*jobs, **fields)), POLICY


def eda(*jobs: JobRecord, **fields: Any) -> State:
    """The same where only EDA runs."""
    return reported(instance(*jobs, **fields), EDA), EDA


def webhook(number: int = 1, **fields: Any) -> JobRecord:
    """A job of EDA, whose playbook has not been heard of."""
    usual = {"provider": Provider.EDA, "job_id": eda_job_id(number), "reason": WEBHOOK_SENT}
    return provision(number, UNKNOWN, **{**usual, **fields})


def unconfirmed(*jobs: JobRecord, **fields: Any) -> State:
    """A launch was sent, and its answer was lost."""
    return _launching(claimed(provision(len(jobs) + 1)), *jobs, **fields)


def refused(*jobs: JobRecord, **fields: Any) -> State:
    """AAP does not know the template."""
    job = deprovision if fields.get("deleting") else provision
    event = delayed(job(len(jobs) + 1), message='AAP has no template "make"')
    return _launching(event, *jobs, **fields)


def restarted(at: datetime = ASKED) -> JobRecord:
    """A job that has restarted the machine."""
    return provision(2, restart_requested_at=at)


def restarting(state: JobState) -> JobRecord:
    """A job that is to restart the machine, or should have."""
    return provision(2, state, restart_requested_at=ASKED)


def _launching(event: Any, *jobs: JobRecord, **fields: Any) -> State:
    return learned(instance(*jobs, **fields), event), POLICY


NEWER = provision(2, RUNNING, config_version=version(B))

STATES: dict[str, State] = {
    "new": aap(),
    "its launch unconfirmed": unconfirmed(),
    "its template unknown": refused(),
    "its job pending": aap(provision(state=PENDING)),
    "its job running": aap(provision(state=RUNNING)),
    "its job in a state that nobody knows": aap(provision(state=UNKNOWN)),
    "its EDA playbook awaited": eda(webhook()),
    "settled": aap(provision()),
    "spec changed": aap(provision(), spec=B),
    "newer spec being applied": aap(provision(1), NEWER, spec=B),
    "newer spec failed": aap(
        provision(1), provision(2, FAILED, config_version=version(B), message="disk full"), spec=B
    ),
    "spec taken back while the newer is being applied": aap(provision(1), NEWER),
    "spec changed while its job runs": aap(provision(state=RUNNING), spec=B),
    "failed": aap(provision(state=FAILED)),
    "failed, then its spec changed": aap(provision(state=FAILED), spec=B),
    "failed for the last time, then asked again": aap(
        provision(5, FAILED, attempt=5), annotations={RETRY_ANNOTATION: "now"}
    ),
    "failed, and tried again": aap(provision(1, FAILED), provision(2, RUNNING, attempt=2)),
    "failed for the last time": aap(provision(5, FAILED, attempt=5, message="disk full")),
    "canceled in AAP": aap(provision(state=CANCELED)),
    "restart wanted": aap(provision(1), spec=RESTART),
    "restart wanted before the first job": aap(spec=RESTART),
    "restart wanted while its job runs": aap(provision(state=RUNNING), spec=RESTART),
    "being restarted": aap(provision(1), restarting(RUNNING), spec=RESTART),
    "restart failed": aap(provision(1), restarting(FAILED), spec=RESTART),
    "restarted": aap(provision(1), restarted(), spec=RESTART),
    "restored from a backup, its machine removed": aap(provision(1), deprovision(2)),
    "restored from a backup, its machine being removed": aap(provision(1), deprovision(2, RUNNING)),
    "unmanaged, new": aap(annotations=UNMANAGED),
    "unmanaged, settled": aap(provision(), annotations=UNMANAGED),
    "unmanaged, spec changed": aap(provision(), spec=B, annotations=UNMANAGED),
    "unmanaged, its job running": aap(provision(state=RUNNING), annotations=UNMANAGED),
    "paused, new": aap(annotations=PAUSED),
    "paused, its launch unconfirmed": unconfirmed(annotations=PAUSED),
    "paused, its template unknown": refused(annotations=PAUSED),
    "paused, its job running": aap(provision(state=RUNNING), annotations=PAUSED),
    "paused, its EDA playbook awaited": eda(webhook(), annotations=PAUSED),
    "paused, settled": aap(provision(), annotations=PAUSED),
    "paused, spec changed": aap(provision(), spec=B, annotations=PAUSED),
    "paused, failed": aap(provision(state=FAILED), annotations=PAUSED),
    "paused, failed for the last time": aap(provision(5, FAILED, attempt=5), annotations=PAUSED),
    "paused, restart wanted": aap(provision(1), spec=RESTART, annotations=PAUSED),
    "deleted": aap(provision(), deleting=True),
    "deleted before its first job": aap(deleting=True),
    "deleted, its provision job running": aap(provision(state=RUNNING), deleting=True),
    "deleted, its provision job not ours to cancel": aap(
        provision(state=RUNNING, reason=CANCEL_FORBIDDEN, message="Nobody lets us cancel job 101"),
        deleting=True,
    ),
    "deleted after a failure": aap(provision(state=FAILED), deleting=True),
    "deleted, its EDA playbook awaited": eda(webhook(), deleting=True, finalizers=HELD),
    "deleted, its launch unconfirmed": unconfirmed(deleting=True),
    "deleted, its template unknown": refused(provision(1), deleting=True),
    "deleted, being removed": aap(provision(1), deprovision(2, RUNNING), deleting=True),
    "deleted, removal failed": aap(provision(1), deprovision(2, FAILED), deleting=True),
    "deleted, removal failed for the last time": aap(
        provision(1), deprovision(6, FAILED, attempt=5, message="disk busy"), deleting=True
    ),
    "deleted, removal canceled in AAP": aap(provision(1), deprovision(2, CANCELED), deleting=True),
    "deleted, out of EDA's reach": eda(provision(), deleting=True),
    "deleted, removed": aap(provision(1), deprovision(2), deleting=True),
    "deleted, something made after its removal": aap(deprovision(1), provision(2), deleting=True),
    "deleted and paused": aap(provision(), deleting=True, annotations=PAUSED),
    "deleted and paused, its provision job running": aap(
        provision(state=RUNNING), deleting=True, annotations=PAUSED
    ),
    "deleted and paused, being removed": aap(
        provision(1), deprovision(2, RUNNING), deleting=True, annotations=PAUSED
    ),
    "deleted and paused, removal failed": aap(
        provision(1), deprovision(2, FAILED), deleting=True, annotations=PAUSED
    ),
    "deleted and paused, removed": aap(provision(1), deprovision(2), deleting=True, annotations=PAUSED),
}

CREATED, GONE = "new", "deleted, removed"
"""The first state, and the last before the resource is gone."""

TRANSITIONS: tuple[tuple[str, str, str], ...] = (
    ("its job running", "its job succeeded", "settled"),
    ("its job running", "its job failed", "failed"),
    ("its job running", "it was canceled", "canceled in AAP"),
    ("settled", "a new spec", "spec changed"),
    ("settled", "a restart wanted", "restart wanted"),
    ("failed", "the next attempt", "failed, and tried again"),
    ("failed", "a new spec", "failed, then its spec changed"),
    ("failed for the last time", "asked again", "failed for the last time, then asked again"),
    ("its job running", "deleted", "deleted, its provision job running"),
    ("settled", "deleted", "deleted"),
    ("failed", "deleted", "deleted after a failure"),
)
"""What leads from one state to another, where that makes another phase of it."""
