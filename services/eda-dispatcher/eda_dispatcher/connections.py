"""Connections to EDA.

Certificates are checked, against the CAs of the system or of ``SSL_CERT_FILE``. Redirects are not followed:
they would turn a webhook into a GET. No proxy is used, whatever the environment says.
"""

import httpx

from cloudkit.runtime.credentials import Bearer, Credentials, FixedToken, TokenFile
from cloudkit.runtime.tls import trust
from eda_dispatcher.settings import Settings


def open_client(settings: Settings) -> httpx.AsyncClient:
    """A client of EDA. Raises `Misconfigured` if a file that the settings name cannot be used."""
    credentials, connections = credentials_of(settings), settings.webhooks_at_once
    return httpx.AsyncClient(
        auth=Bearer(credentials) if credentials else None,
        timeout=httpx.Timeout(settings.request_timeout),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        verify=trust(settings.certificates, insecure=settings.insecure_skip_verify),
        follow_redirects=False,
        trust_env=False,
    )


def credentials_of(settings: Settings) -> Credentials | None:
    """What the settings name, if anything: EDA may ask for no token."""
    if settings.token_file:
        return TokenFile(settings.token_file, setting="CLOUDKIT_EDA_TOKEN_FILE")
    return FixedToken(settings.token) if settings.token else None
