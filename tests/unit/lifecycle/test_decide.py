"""What happens next, rule by rule."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from cloudkit.contracts.instance import (
    FINALIZER,
    MANAGEMENT_ANNOTATION,
    PLAYBOOK_FINALIZERS,
    PROVIDER_ANNOTATION,
    RETRY_ANNOTATION,
    ComputeInstance,
)
from cloudkit.contracts.intents import Deprovision, Intent, Provision, Reconcile
from cloudkit.contracts.jobs import JobState, Provider
from cloudkit.lifecycle.decide import Decision, decide
from unit.lifecycle.specimens import (
    BOTH,
    LONG_AGO,
    NOW,
    POLICY,
    A,
    B,
    delayed,
    deprovision,
    instance,
    learned,
    provision,
    reported,
    version,
)

RUNNING, FAILED, CANCELED, UNKNOWN = JobState.RUNNING, JobState.FAILED, JobState.CANCELED, JobState.UNKNOWN
MINUTE = timedelta(minutes=1)
ASKED_AGAIN = {RETRY_ANNOTATION: "2026-01-02"}
UNMANAGED = {MANAGEMENT_ANNOTATION: "Unmanaged"}
POLICY_OF_BOTH = replace(POLICY, providers=BOTH)
ON_EDA = {PROVIDER_ANNOTATION: "eda"}
HELD = (FINALIZER, PLAYBOOK_FINALIZERS[0])
"""By us, and by a playbook that has made something."""

Expected = tuple[str, ...]
"""The decision in words, see `told`."""


def edited(**status: str) -> ComputeInstance:
    """A settled instance, after somebody edited its status."""
    settled = reported(instance(provision()))
    return replace(settled, status=replace(settled.status, **status))


CASES: dict[str, tuple[ComputeInstance, Expected]] = {
    "an instance without our finalizer is adopted before anything runs": (
        instance(finalizers=()),
        ("Reconcile to status", "adopt"),
    ),
    "a finalizer that a playbook dropped is put back before anything else": (
        instance(provision(state=RUNNING), finalizers=PLAYBOOK_FINALIZERS),
        ("Reconcile to status", "adopt"),
    ),
    "an instance deleted before it was adopted is none of our business": (
        instance(deleting=True, finalizers=()),
        (),
    ),
    "an instance that a playbook holds is cleaned up, also when a backup has forgotten its jobs": (
        reported(instance(deleting=True, finalizers=PLAYBOOK_FINALIZERS)),
        ("Deprovision 1 attempt 1 to aap",),
    ),
    "an instance whose playbook took our finalizer off before it was deleted is cleaned up all the same": (
        reported(instance(provision(), deleting=True, finalizers=PLAYBOOK_FINALIZERS)),
        ("Deprovision 2 attempt 1 to aap",),
    ),
    "an adopted instance without jobs is provisioned": (
        reported(instance()),
        ("Provision 1 attempt 1 to aap",),
    ),
    "a claimed job that the resource does not show is asked for again, with the same number": (
        reported(instance(provision(1), spec=B)),
        ("Provision 2 attempt 1 to aap",),
    ),
    "a running job is waited for": (
        reported(instance(provision(state=RUNNING))),
        (),
    ),
    "a running job is waited for although the spec changed": (
        reported(instance(provision(state=RUNNING), spec=B)),
        (),
    ),
    "a running job without news is followed": (
        reported(instance(provision(state=RUNNING, timestamp=NOW - 5 * MINUTE))),
        ("Follow 1 to aap",),
    ),
    "a running job stamped by a clock that is ahead is followed, not waited for until then": (
        reported(instance(provision(state=RUNNING, timestamp=NOW + timedelta(days=1)))),
        ("Follow 1 to aap",),
    ),
    "a running deprovision job without news is followed": (
        reported(instance(deprovision(state=RUNNING, timestamp=LONG_AGO), deleting=True)),
        ("Follow 1 to aap",),
    ),
    "a running job is followed at the provider that runs it": (
        reported(instance(provision(state=UNKNOWN, timestamp=NOW - 10 * MINUTE, provider=Provider.EDA))),
        ("Follow 1 to eda",),
    ),
    "a job in a state that nobody knows may be running": (
        reported(instance(provision(state=UNKNOWN))),
        (),
    ),
    "a job that was abandoned in an unknown state is over": (
        reported(instance(provision(state=UNKNOWN, finished_at=LONG_AGO, timestamp=LONG_AGO))),
        ("Provision 2 attempt 2 to aap",),
    ),
    "an applied spec needs nothing": (
        reported(instance(provision())),
        (),
    ),
    "a changed spec is provisioned": (
        reported(instance(provision(), spec=B)),
        ("Provision 2 attempt 1 to aap",),
    ),
    "a spec that returns to an older version is provisioned again": (
        reported(instance(provision(1), provision(2, config_version=version(B)))),
        ("Provision 3 attempt 1 to aap",),
    ),
    "a spec that returns to an older version while the newer is applied waits for that job": (
        reported(instance(provision(1), provision(2, RUNNING, config_version=version(B)))),
        (),
    ),
    "a spec that returns to the applied version after a newer one failed is provisioned again": (
        reported(instance(provision(1), provision(2, FAILED, config_version=version(B)))),
        ("Provision 3 attempt 1 to aap",),
    ),
    "a job that failed just now is not tried again yet": (
        reported(instance(provision(state=FAILED, timestamp=NOW - MINUTE))),
        ("wake in 60 s",),
    ),
    "a job that failed two minutes ago is tried again": (
        reported(instance(provision(state=FAILED, timestamp=NOW - 2 * MINUTE))),
        ("Provision 2 attempt 2 to aap",),
    ),
    "a job of half an hour that failed just now is not tried again at once": (
        reported(instance(provision(state=FAILED, timestamp=NOW, started_at=NOW - 30 * MINUTE))),
        ("wake in 120 s",),
    ),
    "the wait doubles with every attempt": (
        reported(instance(provision(3, FAILED, attempt=3, timestamp=NOW))),
        ("wake in 480 s",),
    ),
    "a failure from a clock that is a minute ahead is waited for that much longer": (
        reported(instance(provision(state=FAILED, timestamp=NOW + MINUTE))),
        ("wake in 180 s",),
    ),
    "a failure from a clock that is a year ahead is not waited for": (
        reported(instance(provision(state=FAILED, timestamp=NOW + timedelta(days=365)))),
        ("Provision 2 attempt 2 to aap",),
    ),
    "a job purged from AAP is tried again like a failed one": (
        reported(instance(provision(state=FAILED, reason="JobPurged", timestamp=LONG_AGO))),
        ("Provision 2 attempt 2 to aap",),
    ),
    "the last attempt that failed is left to people": (
        reported(instance(provision(5, FAILED, attempt=5, timestamp=LONG_AGO))),
        (),
    ),
    "a new spec starts the attempts again": (
        reported(instance(provision(5, FAILED, attempt=5), spec=B)),
        ("Provision 6 attempt 1 to aap",),
    ),
    "a person who asks for it gets another five attempts": (
        reported(instance(provision(5, FAILED, attempt=5), annotations=ASKED_AGAIN)),
        ("Provision 6 attempt 1 to aap",),
    ),
    "a person who asks for it need not wait": (
        reported(instance(provision(state=FAILED, timestamp=NOW), annotations=ASKED_AGAIN)),
        ("Provision 2 attempt 1 to aap",),
    ),
    "what a person asked for is done once": (
        reported(
            instance(
                provision(6, FAILED, attempt=5, timestamp=LONG_AGO, retry_requested_at="2026-01-02"),
                annotations=ASKED_AGAIN,
            )
        ),
        (),
    ),
    "a request that is taken back asks for nothing": (
        reported(instance(provision(6, FAILED, attempt=5, retry_requested_at="2026-01-02"))),
        (),
    ),
    "asking again for what succeeded changes nothing": (
        reported(instance(provision(), annotations=ASKED_AGAIN)),
        (),
    ),
    "a job canceled by a person is not launched again behind their back": (
        reported(instance(provision(state=CANCELED, timestamp=LONG_AGO))),
        (),
    ),
    "a canceled job gives way to a new spec": (
        reported(instance(provision(state=CANCELED), spec=B)),
        ("Provision 2 attempt 1 to aap",),
    ),
    "a canceled job is tried again when a person asks for it": (
        reported(instance(provision(state=CANCELED), annotations=ASKED_AGAIN)),
        ("Provision 2 attempt 1 to aap",),
    ),
    "an unmanaged instance is left alone": (
        reported(instance(provision(), spec=B, annotations=UNMANAGED)),
        (),
    ),
    "an unmanaged instance is not even adopted": (
        instance(finalizers=(), annotations=UNMANAGED),
        (),
    ),
    "an unmanaged instance with a job of ours is held, so that its deletion is seen": (
        instance(provision(), finalizers=(), annotations=UNMANAGED),
        ("Reconcile to status", "adopt"),
    ),
    "the running job of an unmanaged instance is followed": (
        reported(instance(provision(state=RUNNING, timestamp=LONG_AGO), annotations=UNMANAGED)),
        ("Follow 1 to aap",),
    ),
    "an unmanaged instance that is deleted is deprovisioned as any other": (
        reported(instance(provision(), deleting=True, annotations=UNMANAGED)),
        ("Deprovision 2 attempt 1 to aap",),
    ),
    "an instance that is deleted is deprovisioned": (
        reported(instance(provision(), deleting=True)),
        ("Deprovision 2 attempt 1 to aap",),
    ),
    "an instance deleted before its first job is deprovisioned all the same": (
        reported(instance(deleting=True)),
        ("Deprovision 1 attempt 1 to aap",),
    ),
    "an instance whose provisioning failed is deprovisioned without waiting": (
        reported(instance(provision(state=FAILED, timestamp=NOW), deleting=True)),
        ("Deprovision 2 attempt 1 to aap",),
    ),
    "an instance whose provision job was canceled for its deletion is deprovisioned": (
        reported(instance(provision(state=CANCELED), deleting=True)),
        ("Deprovision 2 attempt 1 to aap",),
    ),
    "a deletion while the provision job runs asks to stop it first": (
        reported(instance(provision(state=RUNNING), deleting=True)),
        ("Deprovision 2 attempt 1 to aap",),
    ),
    "a deletion while the provision job waits asks to stop it first": (
        reported(instance(provision(state=JobState.WAITING), deleting=True)),
        ("Deprovision 2 attempt 1 to aap",),
    ),
    "a running deprovision job is waited for": (
        reported(instance(provision(1), deprovision(2, RUNNING), deleting=True)),
        (),
    ),
    "only a successful deprovision job releases the instance": (
        reported(instance(provision(1), deprovision(2), deleting=True)),
        ("Reconcile to status", "release"),
    ),
    "a successful provision job is no cleanup": (
        reported(instance(provision(1, JobState.SUCCEEDED), deleting=True)),
        ("Deprovision 2 attempt 1 to aap",),
    ),
    "a provision job after a cleanup makes another cleanup necessary": (
        reported(instance(deprovision(1), provision(2), deleting=True)),
        ("Deprovision 3 attempt 2 to aap",),
    ),
    "a failed deprovision job keeps the instance and is tried again after a while": (
        reported(instance(provision(1), deprovision(2, FAILED, timestamp=NOW - MINUTE), deleting=True)),
        ("wake in 60 s",),
    ),
    "a failed deprovision job is tried again": (
        reported(instance(provision(1), deprovision(2, FAILED, timestamp=LONG_AGO), deleting=True)),
        ("Deprovision 3 attempt 2 to aap",),
    ),
    "a deprovision job purged from AAP is run again, and is no reason to release": (
        reported(
            instance(deprovision(2, FAILED, reason="JobPurged", timestamp=LONG_AGO), deleting=True),
        ),
        ("Deprovision 3 attempt 2 to aap",),
    ),
    "the last failed deprovision job keeps the instance and waits for a person": (
        reported(instance(deprovision(6, FAILED, attempt=5, timestamp=LONG_AGO), deleting=True)),
        (),
    ),
    "a failed deprovision job is unblocked by a person who asks for another try": (
        reported(instance(deprovision(6, FAILED, attempt=5), deleting=True, annotations=ASKED_AGAIN)),
        ("Deprovision 7 attempt 1 to aap",),
    ),
    "a deprovision job canceled by a person keeps the instance": (
        reported(instance(deprovision(2, CANCELED, timestamp=LONG_AGO), deleting=True)),
        (),
    ),
    "ten failed deprovision jobs do not hide the provision job that runs": (
        reported(
            instance(*(deprovision(n, FAILED) for n in range(1, 11)), provision(11, RUNNING), deleting=True)
        ),
        ("Deprovision 12 attempt 2 to aap",),
    ),
    "what came back from a backup after its machine was removed is left to people": (
        reported(instance(provision(1), deprovision(2))),
        (),
    ),
    "what came back without its machine is not provisioned for a new spec, which no log would allow": (
        reported(instance(provision(1), deprovision(2), spec=B)),
        (),
    ),
    "what came back without its machine is not provisioned for who asks again": (
        reported(instance(provision(1), deprovision(2), annotations=ASKED_AGAIN)),
        (),
    ),
    "what came back after its cleanup had failed is left to people": (
        reported(instance(provision(1), deprovision(2, FAILED, timestamp=LONG_AGO))),
        (),
    ),
    "the cleanup of what came back while it ran is followed to its end": (
        reported(instance(provision(1), deprovision(2, RUNNING, timestamp=LONG_AGO))),
        ("Follow 2 to aap",),
    ),
    "what came back while its cleanup could not be launched is left to people": (
        learned(instance(provision(1), spec=B), delayed(deprovision(2))),
        (),
    ),
    "what came back without its machine goes at once when it is deleted": (
        reported(instance(provision(1), deprovision(2), deleting=True)),
        ("Reconcile to status", "release"),
    ),
    "the annotation of an instance chooses its provider": (
        reported(instance(annotations=ON_EDA), POLICY_OF_BOTH),
        ("Provision 1 attempt 1 to eda",),
    ),
    "an annotation that names nobody chooses nothing": (
        reported(instance(annotations={PROVIDER_ANNOTATION: "aws"}), POLICY_OF_BOTH),
        ("Provision 1 attempt 1 to aap",),
    ),
    "a provider switched before the deletion cleans up, and the other is asked for nothing": (
        reported(instance(provision(), deleting=True, annotations=ON_EDA, finalizers=HELD), POLICY_OF_BOTH),
        ("Deprovision 2 attempt 1 to eda",),
    ),
    "a provider switched while a job runs is canceled by the one that runs it": (
        reported(
            instance(provision(state=RUNNING), deleting=True, annotations=ON_EDA, finalizers=HELD),
            POLICY_OF_BOTH,
        ),
        ("Cancel 1 to aap",),
    ),
    "records of another controller are counted on from": (
        reported(instance(provision(0, config_version=""), provision(0, FAILED, config_version=""))),
        ("Provision 3 attempt 1 to aap",),
    ),
    "a status taken back to an older job asks for that one's number, which the log knows to be stale": (
        reported(instance(provision(1), spec=B)),
        ("Provision 2 attempt 1 to aap",),
    ),
    "a status from before the deletion is written again, whatever else is done": (
        instance(provision(state=RUNNING), deleting=True),
        ("Deprovision 2 attempt 1 to aap", "Reconcile to status"),
    ),
    "a status of an older generation is written again": (
        replace(reported(instance(provision())), metadata=instance(generation=2).metadata),
        ("Reconcile to status",),
    ),
    "a phase that its own jobs contradict is written again": (
        instance(
            provision(state=FAILED, timestamp=NOW),
            status={"phase": "Ready", "observedGeneration": 1, "desiredConfigVersion": version(A)},
        ),
        ("Reconcile to status",),
    ),
    "a phase of another controller is written again": (
        instance(
            provision(),
            status={
                "phase": "Starting",
                "observedGeneration": 1,
                "desiredConfigVersion": version(A),
                "reconciledConfigVersion": version(A),
            },
        ),
        ("Reconcile to status",),
    ),
    "a version that somebody edited in the status is written again": (
        edited(desired_config_version="v1-edited"),
        ("Reconcile to status",),
    ),
    "the version of the machine that somebody edited in the status is written again": (
        edited(reconciled_config_version="v1-edited"),
        ("Reconcile to status",),
    ),
    "an empty status is written again": (
        instance(provision()),
        ("Reconcile to status",),
    ),
}


def told(decision: Decision) -> Expected:
    """What *decision* asks of whom, what it writes, and if that is nothing, when it wakes up."""
    asked = tuple(f"{_name(intent)} to {addressee}" for addressee, intent in decision.intents)
    written = (decision.write.value,) if decision.write else ()
    if asked or decision.wake_at in (None, NOW + POLICY.follow_after):
        return (*asked, *written)  # Whatever is asked is repeated, and a running job looked at again.
    return (f"wake in {(decision.wake_at - NOW).total_seconds():.0f} s",)


def _name(intent: Intent) -> str:
    match intent:
        case Reconcile():
            return "Reconcile"
        case Provision() | Deprovision():
            return f"{type(intent).__name__} {intent.number} attempt {intent.attempt}"
        case _:
            return f"{type(intent).__name__} {intent.number}"


@pytest.mark.parametrize(("subject", "expected"), CASES.values(), ids=CASES)
def test_what_is_decided(subject: ComputeInstance, expected: Expected) -> None:
    decision = decide(subject, NOW, POLICY_OF_BOTH)
    assert told(decision) == expected, decision.because


def test_an_upgrade_of_the_algorithm_launches_nothing_for_what_was_in_sync() -> None:
    old = provision(config_version="v0-abc")
    status = {
        "phase": "Ready",
        "observedGeneration": 3,
        "desiredConfigVersion": "v0-abc",
        "reconciledConfigVersion": "v0-abc",
    }
    before = instance(old, generation=3, status=status)
    assert told(decide(before, NOW, POLICY)) == ("Reconcile to status",)
    assert told(decide(reported(before), NOW, POLICY)) == ()
