"""Who may ask, and how URLs are written."""

import pytest

from contract.aap.conftest import SETTINGS, Aap
from sandbox.aap.model import User


@pytest.mark.parametrize("authorization", ["", "Bearer unknown", "Basic b3VyczpvdXJz", "Bearer"])
async def test_without_a_known_token_nobody_is_let_in(aap: Aap, authorization: str) -> None:
    response = await aap.http.get("/jobs/", headers={"Authorization": authorization})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer realm=api authorization_url=/api/o/authorize/"
    assert response.json() == {
        "detail": "Authentication credentials were not provided. "
        "To establish a login session, visit /api/login/."
    }


async def test_ping_asks_for_no_token(aap: Aap) -> None:
    response = await aap.http.get("/ping/", headers={"Authorization": ""})

    assert response.status_code == 200
    assert {"ha", "version", "active_node", "instances"} <= set(response.json())


async def test_a_token_that_may_only_read_cannot_launch(aap: Aap) -> None:
    await aap.control.add_token("reader", User(scope="read"))
    headers = {"Authorization": "Bearer reader"}

    path = f"/job_templates/{await aap.template_id()}/launch/"
    assert (await aap.http.get(path, headers=headers)).status_code == 200
    assert (await aap.http.post(path, headers=headers)).status_code == 403


async def test_a_revoked_token_is_unknown_from_then_on(aap: Aap) -> None:
    await aap.control.revoke_token("ours")

    assert (await aap.http.get("/me/")).status_code == 401


async def test_a_rotated_token_is_known_and_the_old_one_is_not(aap: Aap) -> None:
    id = await aap.launched()

    await aap.control.rotate_token("ours", "new")

    assert (await aap.http.get("/me/")).status_code == 401
    mine = {"Authorization": "Bearer new"}
    assert (await aap.http.post(f"/jobs/{id}/cancel/", headers=mine)).status_code == 202


async def test_me_tells_a_superuser_from_others(aap: Aap, as_superuser: dict[str, str]) -> None:
    ours = (await aap.http.get("/me/")).json()["results"][0]
    root = (await aap.http.get("/me/", headers=as_superuser)).json()["results"][0]

    assert (ours["username"], ours["is_superuser"]) == ("svc", False)
    assert (root["username"], root["is_superuser"]) == ("admin", True)


async def test_a_missing_slash_is_answered_with_a_redirect(aap: Aap) -> None:
    path = f"/job_templates/{await aap.template_id()}/launch"

    response = await aap.http.post(path)

    assert response.status_code == 301
    assert response.headers["Location"] == f"/api/controller/v2{path}/"
    assert await aap.ids("/jobs/") == []


async def test_both_base_paths_lead_to_the_same_controller(aap: Aap) -> None:
    id = await aap.launched()
    url = aap.http.base_url.copy_with(path=f"/api/v2/jobs/{id}/")

    assert (await aap.http.get(url)).json()["id"] == id


async def test_what_does_not_exist_is_404_and_a_wrong_method_405(aap: Aap) -> None:
    assert (await aap.http.get("/nothing/")).status_code == 404
    assert (await aap.http.put("/jobs/")).status_code == 405
    assert (await aap.http.put("/jobs/", headers={"Authorization": ""})).status_code == 401


async def test_outside_of_its_api_there_are_pages_for_people(aap: Aap) -> None:
    page = await aap.http.get(aap.http.base_url.copy_with(path="/migrations_notran/"))

    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")


async def test_a_body_that_is_too_large_is_refused_by_the_proxy(aap: Aap) -> None:
    response = await aap.launch(extra_vars={"much": "x" * SETTINGS.max_body})

    assert response.status_code == 413
    assert response.headers["Content-Type"].startswith("text/html")
    assert await aap.ids("/jobs/") == []
