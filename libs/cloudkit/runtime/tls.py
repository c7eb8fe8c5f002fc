"""Whose certificates a connection to a provider trusts."""

import ssl
from pathlib import Path

from cloudkit.contracts.errors import Misconfigured


def trust(certificates: Path | None, *, insecure: bool) -> ssl.SSLContext:
    """What is checked of the other side's certificate: the CAs in the PEM file *certificates*, or those of
    the system; nothing at all if *insecure*. Raises `Misconfigured` if the file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=certificates)
    except OSError as error:
        raise Misconfigured(f"SSL_CERT_FILE cannot be used: {error}") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
