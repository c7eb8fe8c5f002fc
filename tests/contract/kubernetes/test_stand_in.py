"""What only the stand-in promises: how it starts, ends and starts again."""

import socket
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiClient, CustomObjectsApi
from kubernetes_asyncio.config import load_kube_config

from contract.kubernetes.client import CRDS, NAMESPACES, Client, open_client
from contract.kubernetes.kubeconfig import Kubeconfig
from contract.kubernetes.stand_in import StandIn, running_stand_in
from sandbox.kube.access import read_access
from sandbox.kube.server import serve

INSTANCES = "/apis/cloudkit.openshift.io/v1alpha1/namespaces/default/computeinstances"
INSTANCE = {
    "apiVersion": "cloudkit.openshift.io/v1alpha1",
    "kind": "ComputeInstance",
    "metadata": {"name": "vm"},
    "spec": {"vcpu": 2},
}


@asynccontextmanager
async def client_of(stand_in: StandIn) -> AsyncIterator[Client]:
    access = Kubeconfig(stand_in.kubeconfig)
    async with open_client(access.server, access.tls(), access.headers()) as client:
        yield client


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with running_stand_in(tmp_path_factory.mktemp("stand-in")) as running:
        yield running


async def test_it_starts_with_our_namespaces_and_our_resource(stand_in: StandIn) -> None:
    async with client_of(stand_in) as client:
        namespaces = (await client.get(NAMESPACES)).expect(200)["items"]
        (await client.get(f"{CRDS}/computeinstances.cloudkit.openshift.io")).expect(200)
    assert {item["metadata"]["name"] for item in namespaces} >= {"default", "cloudkit-system"}


async def test_kubernetes_asyncio_works_with_its_kubeconfig(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    await load_kube_config(str(stand_in.kubeconfig))
    async with ApiClient() as connection:
        api = CustomObjectsApi(connection)
        where = ("cloudkit.openshift.io", "v1alpha1", "default", "computeinstances")
        await api.create_namespaced_custom_object(*where, INSTANCE)
        found = await api.get_namespaced_custom_object(*where, "vm")
    assert found["spec"] == {"vcpu": 2}


def test_its_secrets_are_readable_by_their_owner_alone(stand_in: StandIn) -> None:
    folder = stand_in.kubeconfig.parent
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"kubeconfig": 0o600, "server.pem": 0o600, "ready.json": 0o600}


async def test_a_restart_in_the_same_folder_is_reachable_with_the_same_kubeconfig(tmp_path: Path) -> None:
    with running_stand_in(tmp_path) as first:
        before = first.kubeconfig.read_bytes()
        assert first.end() == 0
    with running_stand_in(tmp_path) as second:
        assert second.kubeconfig.read_bytes() == before
        async with client_of(second) as client:
            assert (await client.get(INSTANCES)).expect(200)["items"] == []


async def test_a_client_of_an_earlier_life_is_told_that_its_version_is_gone(tmp_path: Path) -> None:
    with running_stand_in(tmp_path) as first:
        async with client_of(first) as client:
            created = (await client.post(INSTANCES, INSTANCE)).expect(201)
        first.end()
    version = created["metadata"]["resourceVersion"]
    with running_stand_in(tmp_path) as second:
        async with client_of(second) as client:
            (await client.get(INSTANCES, resourceVersion=version)).expect(200)
            async with client.watch(INSTANCES, resourceVersion=version) as watch:
                [event] = await watch.rest()
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


async def test_what_it_keeps_outlives_a_kill_and_watches_go_on(tmp_path: Path) -> None:
    with running_stand_in(tmp_path, "--keep") as first:
        async with client_of(first) as client:
            created = (await client.post(INSTANCES, INSTANCE)).expect(201)
            (await client.post(INSTANCES, named("gone"))).expect(201)
            (await client.delete(f"{INSTANCES}/gone")).expect(200)
        first.kill()
    with running_stand_in(tmp_path, "--keep") as second:
        async with client_of(second) as client:
            listed = (await client.get(INSTANCES)).expect(200)["items"]
            later = (await client.post(INSTANCES, named("later"))).expect(201)
            version = created["metadata"]["resourceVersion"]
            async with client.watch(INSTANCES, resourceVersion=version) as watch:
                events = await watch.take(3)
    assert [one["metadata"] | {"managedFields": 0} for one in listed] == [
        created["metadata"] | {"managedFields": 0}
    ]
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("ADDED", "gone"),
        ("DELETED", "gone"),
        ("ADDED", "later"),
    ]
    assert int(later["metadata"]["resourceVersion"]) > int(version)


async def test_a_change_that_a_kill_cut_short_was_never_made(tmp_path: Path) -> None:
    with running_stand_in(tmp_path, "--keep") as first:
        async with client_of(first) as client:
            (await client.post(INSTANCES, INSTANCE)).expect(201)
        first.kill()
    with (tmp_path / "kube.jsonl").open("ab") as journal:
        journal.write(b'{"version":')
    for names in (["vm"], ["later", "vm"]):
        with running_stand_in(tmp_path, "--keep") as next_life:
            async with client_of(next_life) as client:
                listed = (await client.get(INSTANCES)).expect(200)["items"]
                assert [one["metadata"]["name"] for one in listed] == names
                await client.post(INSTANCES, named("later"))
            next_life.kill()


def named(name: str) -> dict[str, Any]:
    return {**INSTANCE, "metadata": {"name": name}}


async def test_a_watch_from_a_version_that_was_never_given_is_gone_too(stand_in: StandIn) -> None:
    async with client_of(stand_in) as client:
        version = (await client.get(INSTANCES)).expect(200)["metadata"]["resourceVersion"]
        async with client.watch(INSTANCES, resourceVersion=str(int(version) + 1000)) as watch:
            [event] = await watch.rest()
    assert event["object"]["code"] == 410


async def test_a_backup_brings_everything_back_as_it_was(tmp_path: Path) -> None:
    with running_stand_in(tmp_path) as running:
        async with client_of(running) as client:
            kept = (await client.post(INSTANCES, INSTANCE)).expect(201)
            (await client.put("/emulator/backups/night", None)).expect(204)
            (await client.patch(f"{INSTANCES}/vm", {"spec": {"vcpu": 4}})).expect(200)
            (await client.delete(f"{INSTANCES}/vm")).expect(200)
            created_since = {**INSTANCE, "metadata": {"name": "newer"}}
            (await client.post(INSTANCES, created_since)).expect(201)
            (await client.post("/emulator/backups/night", None)).expect(204)
            restored = (await client.get(INSTANCES)).expect(200)
            assert [{"metadata": one["metadata"], "spec": one["spec"]} for one in restored["items"]] == [
                {"metadata": kept["metadata"], "spec": kept["spec"]}
            ]
            changed = (await client.patch(f"{INSTANCES}/vm", {"spec": {"vcpu": 8}})).expect(200)
    versions = [int(one["metadata"]["resourceVersion"]) for one in (kept, restored, changed)]
    assert versions == sorted(set(versions)), "no version is used twice"


async def test_a_restored_backup_ends_every_watch_and_makes_everybody_list_again(tmp_path: Path) -> None:
    with running_stand_in(tmp_path) as running:
        async with client_of(running) as client:
            (await client.put("/emulator/backups/night", None)).expect(204)
            before = (await client.post(INSTANCES, INSTANCE)).expect(201)["metadata"]["resourceVersion"]
            async with client.watch(INSTANCES, resourceVersion=before) as watch:
                (await client.post("/emulator/backups/night", None)).expect(204)
                assert await watch.rest() == []
            async with client.watch(INSTANCES, resourceVersion=before) as watch:
                [event] = await watch.rest()
            (await client.post("/emulator/backups/unheard-of", None)).expect(404)
    assert event["object"]["code"] == 410


async def test_being_told_to_end_closes_open_watches_and_is_no_error(tmp_path: Path) -> None:
    with running_stand_in(tmp_path) as running:
        async with client_of(running) as client, client.watch(INSTANCES) as watch:
            running.process.terminate()
            assert await watch.rest() == []
        assert running.process.wait(10) == 0


async def test_a_former_port_that_is_taken_is_replaced_by_another(tmp_path: Path) -> None:
    with running_stand_in(tmp_path) as first:
        first.end()
    former = read_access(tmp_path)
    assert former
    with socket.create_server(("127.0.0.1", former.port)):
        async with serve(directory=tmp_path, port=0, crds=()) as access:
            assert access.port != former.port
            assert access.token == former.token


async def test_a_port_that_was_asked_for_and_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="Address already in use"):
            async with serve(directory=tmp_path, port=port, crds=()):
                pass


async def test_a_terminated_server_ends_within_a_second_while_clients_keep_connections(
    tmp_path: Path,
) -> None:
    with running_stand_in(tmp_path) as running:
        async with client_of(running) as client:
            (await client.get(INSTANCES)).expect(200)
            running.process.terminate()
            try:
                assert running.process.wait(1) == 0
            except subprocess.TimeoutExpired:
                pytest.fail("it waits for an idle connection")
