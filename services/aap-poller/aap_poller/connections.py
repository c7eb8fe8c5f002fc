"""Connections to AAP.

Proxies are taken from the environment (``HTTPS_PROXY``, ``NO_PROXY`` …), as people expect of whatever runs
in a company's cluster. Certificates are checked, against the CAs of the system or of ``SSL_CERT_FILE``.
Redirects are not followed: they would turn a launch into a GET.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx

from aap_poller.aap_time import AapTime
from aap_poller.gate import GatedExchange
from aap_poller.http_controller import HttpController
from aap_poller.limiter import Limiter
from aap_poller.presence import Presence
from aap_poller.settings import Settings
from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.credentials import Bearer, Credentials, FixedToken, TokenFile
from cloudkit.runtime.ports import Clock
from cloudkit.runtime.tls import trust

CONNECT_TIMEOUT = 5.0
QUESTIONS_AT_ONCE = 20
KEPT_OPEN = 5.0
"""Seconds that an idle connection is kept: less than any proxy does, so that none closes it at the moment
when a launch is sent on it, which would then be unconfirmed."""


@asynccontextmanager
async def open_aap(
    settings: Settings, clock: Clock, presence: Presence, limiter: Limiter, aap_time: AapTime | None = None
) -> AsyncIterator[HttpController]:
    """AAP, with one set of connections for questions and one for launches. *aap_time* hears their answers.

    A launch has waited for its turn at *limiter* before its number was claimed, see `aap_poller.slots`.
    """
    credentials = credentials_of(settings)
    within = settings.request_timeout + CONNECT_TIMEOUT
    async with (
        open_client(settings, credentials, QUESTIONS_AT_ONCE) as questions,
        open_client(settings, credentials, settings.concurrent_launches) as launches,
    ):
        if aap_time is not None:
            aap_time.listen_to(questions)
            aap_time.listen_to(launches)
        yield HttpController(
            GatedExchange(questions, within=within, presence=presence, limiter=limiter),
            GatedExchange(launches, within=within, presence=presence, limiter=Limiter(clock, 0)),
            clock,
        )


def credentials_of(settings: Settings) -> Credentials:
    """What the settings name. Raises `Misconfigured` if it is a file that cannot be used."""
    if settings.aap_token_file:
        return TokenFile(settings.aap_token_file, setting="CLOUDKIT_AAP_TOKEN_FILE")
    return FixedToken(settings.aap_token)


def open_client(settings: Settings, credentials: Credentials, connections: int) -> httpx.AsyncClient:
    """A client of AAP's API at the settings' URL, which may end with ``/v2`` or not."""
    https = urlsplit(settings.aap_url).scheme == "https"
    timeout, connect = settings.request_timeout, min(CONNECT_TIMEOUT, settings.request_timeout)
    try:
        return httpx.AsyncClient(
            base_url=settings.aap_url.rstrip("/").removesuffix("/v2") + "/v2/",
            auth=Bearer(credentials),
            headers={"Accept": "application/json"},
            timeout=httpx.Timeout(timeout, connect=connect),
            limits=httpx.Limits(
                max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEPT_OPEN
            ),
            verify=https and trust(settings.certificates, insecure=settings.insecure_skip_verify),
            follow_redirects=False,
            trust_env=True,
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        # The text of the error may hold the password of the proxy.
        raise Misconfigured("HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is none that can be used") from error
