"""Discovery, OpenAPI, health, and the tables that kubectl prints."""

import pytest

from contract.kubernetes.client import TABLE, Client
from contract.kubernetes.specimens import API_VERSION, GROUP, KIND, PLURAL, VERSION, Specimens

ALL_VERBS = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
AGGREGATED = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList"


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
async def test_health_is_the_text_ok(client: Client, path: str) -> None:
    assert (await client.get(path)).expect(200) == "ok"


async def test_version_is_1_point_something(client: Client) -> None:
    version = (await client.get("/version")).expect(200)
    assert version["major"] == "1"
    assert version["gitVersion"].startswith(f"v1.{version['minor']}.")


async def test_the_core_group_has_version_v1(client: Client) -> None:
    answer = (await client.get("/api")).expect(200)
    assert (answer["kind"], answer["versions"]) == ("APIVersions", ["v1"])
    resources = (await client.get("/api/v1")).expect(200)
    assert (resources["kind"], resources["groupVersion"]) == ("APIResourceList", "v1")


async def test_the_group_of_a_crd_is_listed(client: Client) -> None:
    groups = (await client.get("/apis")).expect(200)
    assert groups["kind"] == "APIGroupList"
    [group] = [group for group in groups["groups"] if group["name"] == GROUP]
    version = {"groupVersion": API_VERSION, "version": VERSION}
    assert group == {"name": GROUP, "versions": [version], "preferredVersion": version}


async def test_a_resource_is_listed_with_its_names_verbs_and_status(client: Client) -> None:
    listed = (await client.get(f"/apis/{API_VERSION}")).expect(200)
    assert listed["groupVersion"] == API_VERSION
    resources = {resource["name"]: resource for resource in listed["resources"]}
    resource = resources[PLURAL]
    assert (resource["kind"], resource["singularName"]) == (KIND, "specimen")
    assert resource["namespaced"] is True
    assert resource["shortNames"] == ["spm"]
    assert resource["categories"] == ["conformance"]
    assert set(resource["verbs"]) == ALL_VERBS
    assert set(resources[f"{PLURAL}/status"]["verbs"]) == {"get", "patch", "update"}


async def test_an_unknown_path_is_404(client: Client) -> None:
    (await client.get("/apis/nope.example.com/v1/things")).expect(404)
    (await client.get(f"/apis/{API_VERSION}/things")).expect(404)


async def test_discovery_falls_back_or_answers_aggregated(client: Client) -> None:
    answer = await client.get("/apis", accept=f"{AGGREGATED},application/json")
    assert answer.expect(200)["kind"] in {"APIGroupDiscoveryList", "APIGroupList"}


async def test_openapi_v3_has_the_schema_of_the_crd(client: Client) -> None:
    paths = (await client.get("/openapi/v3")).expect(200)["paths"]
    url = paths[f"apis/{API_VERSION}"]["serverRelativeURL"]
    path, _, query = url.partition("?")
    document = await client.get(path, **dict(pair.split("=") for pair in query.split("&") if pair))
    wanted = [{"group": GROUP, "version": VERSION, "kind": KIND}]
    [schema] = [
        schema
        for schema in document.expect(200)["components"]["schemas"].values()
        if schema.get("x-kubernetes-group-version-kind") == wanted
    ]
    assert schema["properties"]["spec"]["required"] == ["size"]
    assert schema["properties"]["spec"]["properties"]["cores"]["default"] == 2


async def test_openapi_v2_is_served(client: Client) -> None:
    assert (await client.get("/openapi/v2")).expect(200)["swagger"] == "2.0"


async def test_a_table_has_the_printer_columns_of_the_crd(client: Client, own_specimens: Specimens) -> None:
    await own_specimens.create("a")
    ready = {"phase": "Up", "conditions": [{"type": "Ready", "status": "True"}]}
    await own_specimens.patch("a", {"status": ready}, "status")
    table = (await client.get(own_specimens.path, accept=TABLE)).expect(200)
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert table["metadata"]["resourceVersion"].isdigit()
    columns = [(column["name"], column["priority"]) for column in table["columnDefinitions"]]
    assert columns == [
        ("Name", 0),
        ("Size", 0),
        ("Phase", 0),
        ("Ready", 0),
        ("Cores", 1),
        ("Age", 0),
    ]
    [row] = table["rows"]
    assert row["cells"][:5] == ["a", "small", "Up", "True", 2]
    assert row["cells"][5].endswith("s")
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "a"


async def test_a_table_may_be_had_of_one_object_and_with_the_whole_object(
    client: Client, specimens: Specimens, name: str
) -> None:
    created = await specimens.create(name)
    answer = await client.get(specimens.at(name), accept=TABLE, includeObject="Object")
    [row] = answer.expect(200)["rows"]
    assert row["object"] == created


async def test_metadata_alone_may_be_asked_for(client: Client, own_specimens: Specimens) -> None:
    created = await own_specimens.create("a")
    answer = (await client.get(own_specimens.path, accept=METADATA_LIST)).expect(200)
    assert answer["kind"] == "PartialObjectMetadataList"
    [item] = answer["items"]
    assert item["metadata"] == created["metadata"]
    assert "spec" not in item


async def test_an_answer_in_an_unknown_format_is_406(client: Client, specimens: Specimens) -> None:
    answer = await client.get(specimens.path, accept="text/csv")
    answer.failure(406, "NotAcceptable")
