"""Whose certificates are trusted, and what is said of a file that holds none."""

import ssl
from pathlib import Path

import pytest
import trustme

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.tls import trust


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A file with one authority that no system knows."""
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    return file


def test_certificates_and_hosts_are_checked_unless_somebody_says_otherwise() -> None:
    context = trust(None, insecure=False)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_the_given_authorities_are_trusted_and_no_others(certificates: Path) -> None:
    (authority,) = trust(certificates, insecure=False).get_ca_certs()
    assert "trustme" in str(authority["issuer"])


def test_who_says_so_accepts_any_certificate_of_any_host(certificates: Path) -> None:
    context = trust(certificates, insecure=True)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_a_file_that_does_not_exist_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="SSL_CERT_FILE"):
        trust(tmp_path / "none.pem", insecure=False)


def test_a_file_without_certificates_is_refused_also_when_nothing_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "empty.pem"
    file.write_text("no certificate")
    with pytest.raises(Misconfigured, match="SSL_CERT_FILE"):
        trust(file, insecure=True)
