"""The kubectl binary against the same server."""

import asyncio
import json

import pytest

from contract.kubernetes.client import NAMESPACES, PATIENCE, Client
from contract.kubernetes.kubeconfig import Kubeconfig
from contract.kubernetes.kubectl import Kubectl, needs_kubectl
from contract.kubernetes.specimens import Specimens

pytestmark = needs_kubectl


@pytest.fixture(scope="module")
def kubectl(
    kubeconfig: Kubeconfig, client: Client, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Kubectl:
    return Kubectl(kubeconfig.path, namespace, home=tmp_path_factory.mktemp("kubectl"))


async def watches(process: asyncio.subprocess.Process) -> None:
    """Wait until a kubectl that was started with --v=6 says that it has opened a watch."""
    assert process.stderr
    async with asyncio.timeout(PATIENCE):
        while b"watch=true" not in (line := await process.stderr.readline()):
            assert line, "kubectl has ended"


async def test_kubectl_apply_creates_then_leaves_alone_then_changes(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name, {"size": "small", "cores": 4})
    resource = f"specimen.conformance.cloudkit.openshift.io/{name}"
    assert await kubectl("apply", "-f", "-", stdin=body) == f"{resource} created"
    assert await kubectl("apply", "-f", "-", stdin=body) == f"{resource} unchanged"
    body["spec"] = {"size": "large"}
    assert await kubectl("apply", "-f", "-", stdin=body) == f"{resource} configured"
    assert (await specimens.read(name))["spec"] == {"size": "large", "cores": 2}


async def test_kubectl_apply_checks_fields_against_the_schema(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name, {"size": "small", "junk": 1})
    status, _, err = await kubectl.finish("apply", "-f", "-", stdin=body)
    assert status == 1
    assert 'unknown field "spec.junk"' in err


async def test_kubectl_apply_server_side_reports_conflicts(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    apply = ["apply", "--server-side", "-f", "-"]
    body = specimens.manifest(name)
    out = await kubectl(*apply, "--field-manager=alice", stdin=body)
    assert out.endswith("serverside-applied")
    body["spec"]["size"] = "large"
    status, _, err = await kubectl.finish(*apply, "--field-manager=bob", stdin=body)
    assert status == 1
    assert 'conflict with "alice": .spec.size' in err


async def test_kubectl_diff_shows_the_change_and_makes_none(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    body = specimens.manifest(name, {"size": "large"})
    status, out, err = await kubectl.finish("diff", "-f", "-", stdin=body)
    assert status == 1, err
    assert "-  size: small\n+  size: large" in out
    assert (await specimens.read(name))["spec"]["size"] == "small"


async def test_kubectl_get_prints_the_columns(kubectl: Kubectl, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    await specimens.patch(name, {"status": {"phase": "Up"}}, "status")
    header, row = (await kubectl("get", "spm", name)).splitlines()
    assert header.split() == ["NAME", "SIZE", "PHASE", "READY", "AGE"]
    assert row.split()[:3] == [name, "small", "Up"]
    wide = await kubectl("get", "specimens", name, "-o", "wide")
    assert "CORES" in wide.splitlines()[0]


async def test_kubectl_get_jsonpath_prints_one_field(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    assert await kubectl("get", "spm", name, "-o", "jsonpath={.spec.cores}") == "2"


async def test_kubectl_get_by_label_and_as_json(kubectl: Kubectl, specimens: Specimens, name: str) -> None:
    await specimens.create(name, labels={"run": name})
    items = json.loads(await kubectl("get", "spm", "-l", f"run={name}", "-o", "json"))["items"]
    assert [item["metadata"]["name"] for item in items] == [name]


async def test_kubectl_get_of_a_missing_object_says_not_found(kubectl: Kubectl, name: str) -> None:
    status, _, err = await kubectl.finish("get", "spm", name)
    assert status == 1
    assert err.strip() == (
        f'Error from server (NotFound): specimens.conformance.cloudkit.openshift.io "{name}" not found'
    )


async def test_kubectl_get_watch_prints_each_change(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, labels={"run": name})
    # By label and not by name: "kubectl get NAME --watch" reads the object, then watches from
    # resourceVersion 0 and swallows the first event. A change in between is never printed.
    process = await kubectl.start("get", "spm", "-l", f"run={name}", "--watch", "--no-headers")
    assert process.stdout
    try:
        first = await asyncio.wait_for(process.stdout.readline(), 30)
        await specimens.patch(name, {"status": {"phase": "Up"}}, "status")
        second = await asyncio.wait_for(process.stdout.readline(), 30)
    finally:
        process.terminate()
        await process.wait()
    assert first.decode().split()[:2] == [name, "small"]
    assert second.decode().split()[:3] == [name, "small", "Up"]


async def test_kubectl_patch_merges(kubectl: Kubectl, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    patch = '{"spec": {"cores": 6}}'
    out = await kubectl("patch", "spm", name, "--type=merge", "-p", patch)
    assert out == f"specimen.conformance.cloudkit.openshift.io/{name} patched"
    assert (await specimens.read(name))["spec"]["cores"] == 6


async def test_kubectl_patch_of_the_status_needs_the_subresource(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    patch = ["patch", "spm", name, "--type=merge", "-p", '{"status": {"phase": "Up"}}']
    assert "(no change)" in await kubectl(*patch)
    await kubectl(*patch, "--subresource=status")
    assert (await specimens.read(name))["status"] == {"phase": "Up"}


async def test_kubectl_label_and_annotate(kubectl: Kubectl, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    await kubectl("label", "spm", name, "tier=gold")
    await kubectl("annotate", "spm", name, "note=hello")
    metadata = (await specimens.read(name))["metadata"]
    assert metadata["labels"] == {"tier": "gold"}
    assert metadata["annotations"] == {"note": "hello"}


async def test_kubectl_delete_without_wait_returns_at_once(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=["example.com/hold"])
    out = await kubectl("delete", "spm", name, "--wait=false")
    assert out.startswith(f'specimen.conformance.cloudkit.openshift.io "{name}" deleted')
    assert (await specimens.read(name))["metadata"]["deletionTimestamp"]


async def test_kubectl_delete_waits_for_the_finalizer(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=["example.com/hold"])
    process = await kubectl.start("delete", "spm", name, "--v=6")
    await watches(process)
    assert (await specimens.read(name))["metadata"]["deletionTimestamp"]
    assert process.returncode is None
    await specimens.patch(name, {"metadata": {"finalizers": None}})
    await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0


async def test_kubectl_describe_shows_fields_and_events(
    kubectl: Kubectl, client: Client, specimens: Specimens, name: str
) -> None:
    created = await specimens.create(name)
    about = {"apiVersion": created["apiVersion"], "kind": created["kind"]}
    about |= {key: created["metadata"][key] for key in ("name", "namespace", "uid")}
    body = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}}
    body |= {"involvedObject": about, "reason": "Started", "message": "It runs.", "type": "Normal"}
    (await client.post(f"/api/v1/namespaces/{specimens.namespace}/events", body)).expect(201)
    out = await kubectl("describe", "spm", name)
    assert "Size:   small" in out
    assert "It runs." in out


async def test_kubectl_wait_for_jsonpath_returns_when_the_field_has_the_value(
    kubectl: Kubectl, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    process = await kubectl.start("wait", "spm", name, "--for=jsonpath={.status.phase}=Up", "--v=6")
    await watches(process)
    await specimens.patch(name, {"status": {"phase": "Up"}}, "status")
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err
    assert out.decode().strip().endswith("condition met")


async def test_kubectl_wait_for_condition(kubectl: Kubectl, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    await specimens.patch(name, {"status": ready}, "status")
    out = await kubectl("wait", "spm", name, "--for=condition=Ready", "--timeout=20s")
    assert out.endswith("condition met")


async def test_kubectl_explain_shows_the_schema(kubectl: Kubectl) -> None:
    out = await kubectl("explain", "specimen.spec.size")
    assert "KIND:       Specimen" in out
    assert "FIELD: size <string>" in out
    assert "How large the machine is." in out


async def test_kubectl_api_resources_lists_the_crd(kubectl: Kubectl) -> None:
    out = await kubectl("api-resources", "--api-group=conformance.cloudkit.openshift.io", "--no-headers")
    expected = ["specimens", "spm", "conformance.cloudkit.openshift.io/v1alpha1", "true"]
    assert out.split() == [*expected, "Specimen"]


async def test_kubectl_creates_a_namespace_a_secret_and_a_config_map(
    kubectl: Kubectl, client: Client, namespace: str, name: str
) -> None:
    await kubectl("create", "namespace", name)
    await kubectl("create", "secret", "generic", name, "--from-literal=password=b")
    await kubectl("create", "configmap", name, "--from-literal=a=1", "--from-literal=b=")
    secret = (await client.get(f"{NAMESPACES}/{namespace}/secrets/{name}")).expect(200)
    config_map = (await client.get(f"{NAMESPACES}/{namespace}/configmaps/{name}")).expect(200)
    assert (secret["data"], config_map["data"]) == ({"password": "Yg=="}, {"a": "1", "b": ""})
    (await client.delete(f"{NAMESPACES}/{name}")).expect(200)


async def test_kubectl_auth_can_i_answers_yes_and_no(kubectl: Kubectl) -> None:
    assert await kubectl("auth", "can-i", "create", "specimens") == "yes"
    _, answer, _ = await kubectl.finish("auth", "can-i", "create", "specimens", "--as=nobody")
    assert answer.strip() == "no"
