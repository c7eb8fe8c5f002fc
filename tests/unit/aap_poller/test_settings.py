"""What aap-poller can be told, and what it says to a bad setting."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from aap_poller.connections import credentials_of
from aap_poller.connections import open_client as open_client_with
from aap_poller.payload import Payload
from aap_poller.settings import Settings
from cloudkit.contracts.errors import Misconfigured
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.settings import read_settings

GOOD = {
    "CLOUDKIT_AAP_URL": "https://aap.example.com/api/controller",
    "CLOUDKIT_AAP_TOKEN": "abc",
    "CLOUDKIT_AAP_PROVISION_TEMPLATE": "create",
    "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": "delete",
}


def open_client(settings: Settings, connections: int) -> httpx.AsyncClient:
    return open_client_with(settings, credentials_of(settings), connections)


def problems(**changes: str) -> tuple[str, ...]:
    with pytest.raises(Misconfigured) as misconfigured:
        read_settings(Settings, {**GOOD, **changes})
    return misconfigured.value.problems


def test_everything_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(Misconfigured) as misconfigured:
        read_settings(Settings, {})
    told = "\n".join(misconfigured.value.problems)
    assert all(f"{variable} is required" in told for variable in GOOD)


def test_the_token_is_given_in_exactly_one_way() -> None:
    (neither,) = problems(CLOUDKIT_AAP_TOKEN="")
    assert neither.startswith("CLOUDKIT_AAP_TOKEN is required, or CLOUDKIT_AAP_TOKEN_FILE instead")
    (both,) = problems(CLOUDKIT_AAP_TOKEN_FILE="/run/token")
    assert both == "exactly one of CLOUDKIT_AAP_TOKEN and CLOUDKIT_AAP_TOKEN_FILE must be set"


@pytest.mark.parametrize(("given", "limit"), [("", 20), ("0", 0), ("0.5", 0.5)])
def test_requests_are_limited_to_twenty_a_second_unless_told_otherwise(given: str, limit: float) -> None:
    settings = read_settings(Settings, {**GOOD, "CLOUDKIT_AAP_MAX_REQUESTS_PER_SECOND": given})
    assert settings.requests_per_second == limit


@pytest.mark.parametrize("given", ["-1", "many", "nan", "1e3", "inf"])
def test_a_limit_that_is_no_number_is_told(given: str) -> None:
    (problem,) = problems(CLOUDKIT_AAP_MAX_REQUESTS_PER_SECOND=given)
    assert "CLOUDKIT_AAP_MAX_REQUESTS_PER_SECOND" in problem


NAMES = ("CLOUDKIT_AAP_PROVISION_TEMPLATE", "CLOUDKIT_AAP_DEPROVISION_TEMPLATE")
PREFIX = "CLOUDKIT_AAP_TEMPLATE_PREFIX"
OF_OSAC = {
    JobType.PROVISION: "osac-create-compute-instance",
    JobType.DEPROVISION: "osac-delete-compute-instance",
}


def templates(**changes: str) -> Mapping[JobType, str]:
    unnamed = dict.fromkeys(NAMES, "")
    return read_settings(Settings, {**GOOD, **unnamed, **changes}).templates


def test_a_prefix_names_both_templates() -> None:
    assert templates(CLOUDKIT_AAP_TEMPLATE_PREFIX="osac") == OF_OSAC


def test_a_template_that_is_named_is_that_one_whatever_the_prefix() -> None:
    named = templates(CLOUDKIT_AAP_TEMPLATE_PREFIX="osac", CLOUDKIT_AAP_PROVISION_TEMPLATE="make a vm")
    assert named == {**OF_OSAC, JobType.PROVISION: "make a vm"}


@pytest.mark.parametrize("unset", [NAMES[:1], NAMES[1:], NAMES])
def test_a_template_that_nothing_names_is_told_with_both_ways_to_name_it(unset: tuple[str, ...]) -> None:
    told = problems(**dict.fromkeys(unset, ""))
    assert len(told) == len(unset)
    assert all(
        variable in problem and PREFIX in problem for variable, problem in zip(unset, told, strict=True)
    )


def test_the_payload_is_that_of_eda_unless_told_otherwise() -> None:
    assert read_settings(Settings, GOOD).payload is Payload.ANSIBLE_EDA
    assert read_settings(Settings, {**GOOD, "CLOUDKIT_AAP_PAYLOAD": "both"}).payload is Payload.BOTH
    (problem,) = problems(CLOUDKIT_AAP_PAYLOAD="cloudevent")
    assert "one of ansible_eda, osac_job_vars, both" in problem


def test_the_poll_interval_is_thirty_seconds_unless_told_otherwise() -> None:
    assert read_settings(Settings, GOOD).status_poll_interval == 30
    settings = read_settings(Settings, {**GOOD, "CLOUDKIT_AAP_STATUS_POLL_INTERVAL": "1m"})
    assert settings.status_poll_interval == 60


@pytest.mark.parametrize(
    "path",
    ["/api/controller", "/api/controller/", "/api/controller/v2", "/api/controller/v2/", "/x/api/controller"],
)
async def test_the_url_may_name_the_version_or_not(path: str) -> None:
    settings = read_settings(Settings, {**GOOD, "CLOUDKIT_AAP_URL": f"http://aap.example.com{path}"})
    async with open_client(settings, 1) as client:
        assert str(client.base_url).endswith("/api/controller/v2/")


async def test_an_older_installation_has_its_api_elsewhere() -> None:
    settings = read_settings(Settings, {**GOOD, "CLOUDKIT_AAP_URL": "http://tower.example.com/api/v2"})
    async with open_client(settings, 1) as client:
        assert str(client.base_url) == "http://tower.example.com/api/v2/"


@pytest.mark.parametrize("path", ["", "/", "/controller", "/apis/controller"])
def test_a_url_without_the_api_is_told(path: str) -> None:
    (problem,) = problems(CLOUDKIT_AAP_URL=f"https://user:secret@aap.example.com{path}")
    assert "must end with /api/controller" in problem
    assert "secret" not in problem


@pytest.mark.parametrize("token", ["abc def", "abc\ndef", "äbc"])
def test_a_token_that_no_header_can_carry_is_told_and_not_shown(token: str) -> None:
    (problem,) = problems(CLOUDKIT_AAP_TOKEN=token)
    assert "CLOUDKIT_AAP_TOKEN" in problem
    assert "bc" not in problem.removeprefix("CLOUDKIT_AAP_TOKEN")


def test_certificates_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    settings = read_settings(Settings, {**GOOD, "SSL_CERT_FILE": str(tmp_path / "none.pem")})
    with pytest.raises(Misconfigured, match="SSL_CERT_FILE"):
        open_client(settings, 1)


def test_certificates_are_checked_unless_told_otherwise() -> None:
    assert read_settings(Settings, GOOD).insecure_skip_verify is False
