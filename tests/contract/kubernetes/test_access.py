"""Who may do what: 401, 403 and the review APIs."""

from typing import Any

import pytest

from contract.kubernetes.client import Client
from contract.kubernetes.specimens import Specimens

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
NOBODY = {"Impersonate-User": "nobody"}


async def test_no_credentials_are_401(stranger: Client, specimens: Specimens) -> None:
    answer = await stranger.get(specimens.path)
    if answer.status == 403:
        pytest.skip("this server lets anonymous users in")
    error = answer.failure(401, "Unauthorized")
    assert error["message"] == "Unauthorized"


async def test_an_unknown_token_is_401(stranger: Client, specimens: Specimens) -> None:
    answer = await stranger.get(specimens.path, headers={"Authorization": "Bearer wrong"})
    answer.failure(401, "Unauthorized")


async def test_a_user_without_the_right_gets_403_with_user_verb_and_resource(
    client: Client, specimens: Specimens, name: str
) -> None:
    answer = await client.get(specimens.at(name), headers=NOBODY)
    error = answer.failure(403, "Forbidden")
    assert error["message"] == (
        f'specimens.conformance.cloudkit.openshift.io "{name}" is forbidden: '
        'User "nobody" cannot get resource "specimens" in API group '
        f'"conformance.cloudkit.openshift.io" in the namespace "{specimens.namespace}"'
    )
    assert error["details"] == {
        "name": name,
        "group": "conformance.cloudkit.openshift.io",
        "kind": "specimens",
    }


async def test_403_comes_before_404_and_before_the_schema(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name, {"size": "huge"})
    (await client.post(specimens.path, body, headers=NOBODY)).failure(403, "Forbidden")


async def test_a_refused_status_write_names_the_subresource(
    client: Client, specimens: Specimens, name: str
) -> None:
    patch = {"status": {"phase": "Up"}}
    answer = await client.patch(specimens.at(name, "status"), patch, headers=NOBODY)
    error = answer.failure(403, "Forbidden")
    assert 'cannot patch resource "specimens/status"' in error["message"]


@pytest.mark.parametrize(("headers", "allowed"), [({}, True), (NOBODY, False)])
async def test_a_client_may_ask_what_it_may_do(
    client: Client, namespace: str, headers: dict[str, Any], allowed: bool
) -> None:
    attributes = {
        "verb": "create",
        "group": "conformance.cloudkit.openshift.io",
        "resource": "specimens",
        "namespace": namespace,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    headers = {"Impersonate-Group": "system:authenticated", **headers} if headers else {}
    review = (await client.post(REVIEWS, body, headers=headers)).expect(201)
    assert review["status"]["allowed"] is allowed


async def test_a_token_review_of_an_unknown_token_is_not_authenticated(client: Client) -> None:
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": "wrong"},
    }
    review = (await client.post(TOKEN_REVIEWS, body)).expect(201)
    assert not review["status"].get("authenticated")
    assert review["status"]["error"]
