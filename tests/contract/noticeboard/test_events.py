"""What the client writes, and what it does when the server is in another state than it thought."""

import re
from pathlib import Path

import msgspec
import pytest

from cloudkit.contracts.errors import Forbidden, NotFound, ProvisionerError, Unanswered
from cloudkit.contracts.instance import API_VERSION, KIND
from cloudkit.contracts.notices import Notice, NoticeType
from cloudkit.runtime.kube.refusals import NO_SUCH_RESOURCE
from contract.kubernetes.kubectl import Kubectl, needs_kubectl
from contract.noticeboard.boards import ServerBoard

STARTED = Notice(type=NoticeType.NORMAL, reason="JobStarted", action="Provision", note="AAP job 7 started")
FAILED = Notice(type=NoticeType.WARNING, reason="JobFailed", action="Provision", note="AAP job 7 failed")


async def test_an_event_names_the_instance_as_it_was_and_who_reports(served: ServerBoard) -> None:
    instance = await served.create("vm")
    await served.noticeboard.tell(instance, FAILED)
    [event] = await served.events()
    assert event["regarding"] == {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "namespace": instance.metadata.namespace,
        "name": "vm",
        "uid": instance.metadata.uid,
        "resourceVersion": instance.metadata.resource_version,
    }
    assert event["reportingController"] == "cloudkit.openshift.io/status-writer"
    assert event["reportingInstance"]
    assert re.fullmatch(r"vm\.[0-9a-f]{16}", event["metadata"]["name"])


@pytest.mark.parametrize(
    "name", ["x" * 253, "x" * 235 + "." + "x" * 17], ids=["long", "with a dot at the cut"]
)
async def test_an_instance_with_a_long_name_can_be_told_of(served: ServerBoard, name: str) -> None:
    instance = await served.create(name)
    await served.noticeboard.tell(instance, FAILED)
    [event] = await served.events()
    assert event["regarding"]["name"] == name
    assert len(event["metadata"]["name"]) <= 253


async def test_when_somebody_else_counts_between_reading_and_writing_both_count(served: ServerBoard) -> None:
    instance = await served.create("vm")
    await served.noticeboard.tell(instance, FAILED)
    served.client.before["PATCH"] = lambda: served.noticeboard.tell(instance, FAILED)
    await served.noticeboard.tell(instance, FAILED)
    assert [event.count for event in await served.recorded()] == [3]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_an_event_that_expires_before_it_is_counted_is_written_anew(
    served: ServerBoard, method: str
) -> None:
    instance = await served.create("vm")
    await served.noticeboard.tell(instance, FAILED)
    served.client.before[method] = served.expire
    await served.noticeboard.tell(instance, FAILED)
    assert [event.count for event in await served.recorded()] == [1]


async def test_in_a_namespace_that_is_gone_nothing_is_raised(served: ServerBoard) -> None:
    instance = await served.create("vm")
    metadata = msgspec.structs.replace(instance.metadata, namespace="nowhere")
    await served.noticeboard.tell(msgspec.structs.replace(instance, metadata=metadata), FAILED)


@pytest.mark.parametrize(
    "error",
    [
        Forbidden("we may not", status=403, reason="Forbidden"),
        NotFound("no such kind", status=404, reason=NO_SUCH_RESOURCE),
        Unanswered("no answer"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_other_errors_are_raised(served: ServerBoard, error: ProvisionerError) -> None:
    async def fail() -> None:
        served.client.before["POST"] = fail
        raise error

    instance = await served.create("vm")
    served.client.before["POST"] = fail
    with pytest.raises(type(error)):
        await served.noticeboard.tell(instance, FAILED)


@needs_kubectl
async def test_kubectl_describe_shows_events_and_how_often_they_happened(
    served: ServerBoard, kubeconfig: Path, tmp_path: Path
) -> None:
    instance = await served.create("vm")
    await served.noticeboard.tell(instance, STARTED)
    for _ in range(3):
        await served.noticeboard.tell(instance, FAILED)
    kubectl = Kubectl(kubeconfig, instance.metadata.namespace, home=tmp_path)
    heading, _, *rows = (
        (await kubectl("describe", "computeinstance", "vm")).partition("Events:")[2].split("\n")[1:]
    )
    assert heading.split() == ["Type", "Reason", "Age", "From", "Message"]
    reporter = "cloudkit.openshift.io/status-writer"
    shown = sorted(re.sub(r"\b\d+s\b", "now", " ".join(row.split())) for row in rows)
    assert shown == [
        f"Normal JobStarted now {reporter} AAP job 7 started",
        f"Warning JobFailed now (x3 over now) {reporter} AAP job 7 failed",
    ]


@needs_kubectl
async def test_kubectl_events_shows_them_in_the_order_of_their_last_times(
    served: ServerBoard, kubeconfig: Path, tmp_path: Path
) -> None:
    instance = await served.create("vm")
    for notice in (STARTED, FAILED, STARTED):
        await served.noticeboard.tell(instance, notice)
    kubectl = Kubectl(kubeconfig, instance.metadata.namespace, home=tmp_path)
    _, *rows = (await kubectl("events", "--for=computeinstance/vm")).splitlines()
    assert [next(word for word in row.split() if word.startswith("Job")) for row in rows] == [
        "JobFailed",
        "JobStarted",
    ]
