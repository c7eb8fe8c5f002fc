"""What an operator can get wrong, and what is said then."""

from pathlib import Path

import pytest

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.settings import read_settings
from eda_dispatcher.connections import credentials_of, open_client
from eda_dispatcher.settings import Settings

ENVIRON = {
    "CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK": "http://eda:5000/create-compute-instance",
    "CLOUDKIT_COMPUTE_INSTANCE_DEPROVISION_WEBHOOK": "http://eda:5000/delete-compute-instance",
}


def test_both_webhooks_are_required_and_all_that_is() -> None:
    assert read_settings(Settings, ENVIRON).request_interval == 600
    with pytest.raises(Misconfigured) as raised:
        read_settings(Settings, {})
    text = "\n".join(raised.value.problems)
    assert all(variable in text for variable in ENVIRON)


def test_a_url_must_be_one() -> None:
    environ = ENVIRON | {"CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK": "eda:5000"}
    with pytest.raises(Misconfigured, match="CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK"):
        read_settings(Settings, environ)


@pytest.mark.parametrize("token", ["abc def", "abc\ndef", "äbc"])
def test_a_token_that_no_header_can_carry_is_told_and_not_shown(token: str) -> None:
    with pytest.raises(Misconfigured, match="CLOUDKIT_EDA_TOKEN") as misconfigured:
        read_settings(Settings, ENVIRON | {"CLOUDKIT_EDA_TOKEN": token})
    assert "bc" not in misconfigured.value.message


def test_a_token_is_from_one_place_or_there_is_none() -> None:
    assert credentials_of(read_settings(Settings, ENVIRON)) is None
    both = ENVIRON | {"CLOUDKIT_EDA_TOKEN": "t0ken", "CLOUDKIT_EDA_TOKEN_FILE": "/run/token"}
    with pytest.raises(Misconfigured, match="only one of") as misconfigured:
        read_settings(Settings, both)
    assert "t0ken" not in misconfigured.value.message


def test_a_token_file_that_there_is_not_keeps_the_service_from_starting(tmp_path: Path) -> None:
    missing = ENVIRON | {"CLOUDKIT_EDA_TOKEN_FILE": str(tmp_path / "token")}
    with pytest.raises(Misconfigured, match="CLOUDKIT_EDA_TOKEN_FILE"):
        open_client(read_settings(Settings, missing))


@pytest.mark.parametrize("path", ["/create-compute-instance", "/external_event_stream/1/post/"])
def test_a_url_keeps_its_last_slash_or_has_none(path: str) -> None:
    """An event stream of AAP has one, and redirects what comes without."""
    environ = ENVIRON | {"CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK": f"https://aap{path}"}
    assert read_settings(Settings, environ).provision_webhook == f"https://aap{path}"


def test_secrets_do_not_show() -> None:
    environ = ENVIRON | {"CLOUDKIT_EDA_TOKEN": "t0ken", "CLOUDKIT_EDA_HMAC_SECRET": "s3cret"}
    shown = repr(read_settings(Settings, environ))
    assert "t0ken" not in shown
    assert "s3cret" not in shown
