"""A verdict says in figures what was lived through, and in words what went wrong."""

from datetime import UTC, datetime

from chaos.lifecycles import Life
from chaos.schedule import Kind, Strike
from chaos.verdict import Verdict, provisioned_after_cleanup, story, table
from cloudkit.contracts.jobs import Provider
from sandbox.aap.subjects import Purpose
from sandbox.eda.audit import Webhook

STRUCK = (
    Strike(at=1.0, kind=Kind.KILL, target="watcher", lasts=2.0),
    Strike(at=3.5, kind=Kind.AAP_FAULT, target="maintenance"),
)


def a_life(name: str, stage: str) -> Life:
    return Life(name=name, provider=Provider.AAP, changes=False, impatient=False, stage=stage, took=7)


def a_webhook(purpose: Purpose, uid: str) -> Webhook:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Webhook(at=at, path="/", purpose=purpose, uid=uid, status=200, heard=True)


def test_a_table_counts_lives_and_faults_by_their_kind() -> None:
    lives = [a_life("vm-1", ""), a_life("vm-2", "to be gone")]
    told = table(Verdict(seed=17, nodes=3, lives=lives, struck=STRUCK)).splitlines()
    rows = {name.strip(): figure.strip() for name, _, figure in (row.strip().partition("  ") for row in told)}
    assert rows["seed"] == "17"
    assert rows["lifecycles"] == "1 of 2 (aap 1)"
    assert (rows["faults"], rows[Kind.KILL], rows[Kind.AAP_FAULT]) == ("2", "1", "1")
    assert rows["violations"] == "0"


def test_a_story_says_who_stood_still_and_who_was_struck_when() -> None:
    still = a_life("vm-2", "to be gone")
    verdict = Verdict(seed=17, nodes=3, lives=[still], struck=STRUCK)
    verdict.violations["lives stood still"] = [str(still)]
    assert not verdict.good
    told = story(verdict)
    assert "vm-2 (aap) waits to be gone" in told
    assert "1.0 s  kill -9: watcher for 2.0 s" in told
    assert "3.5 s  trouble with AAP: maintenance" in told


def test_a_webhook_for_a_machine_after_that_for_its_removal_is_found() -> None:
    provision, deprovision = a_webhook(Purpose.PROVISION, "a"), a_webhook(Purpose.DEPROVISION, "a")
    another = a_webhook(Purpose.PROVISION, "b")
    assert provisioned_after_cleanup([provision, provision, deprovision, another, deprovision]) == []
    assert provisioned_after_cleanup([deprovision, another, provision]) == [provision]
