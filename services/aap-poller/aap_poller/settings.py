"""What aap-poller can be told, and by which environment variable."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aap_poller.template_settings import TemplateSettings
from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.credentials import TOKEN
from cloudkit.runtime.settings import (
    ProviderSettings,
    Secret,
    duration,
    flag,
    integer,
    number,
    optional,
    path,
    secret,
    setting,
    url,
)

API_PATH = re.compile(r"/api(/[^/]+)*$")
"""Behind the platform gateway ``/api/controller``; of older installations ``/api``; with or without
``/v2``."""


@dataclass(frozen=True, kw_only=True)
class Settings(ProviderSettings, TemplateSettings):
    """Where AAP is, what to launch there, and how patient to be. Durations are in seconds."""

    aap_url: str = setting(
        "CLOUDKIT_AAP_URL", url, doc="Base URL of the AAP controller API; ends with /api/controller."
    )
    aap_token: Secret = setting(
        "CLOUDKIT_AAP_TOKEN",
        secret,
        default="",
        instead="CLOUDKIT_AAP_TOKEN_FILE",
        doc="OAuth2 token with write scope. Either this or CLOUDKIT_AAP_TOKEN_FILE must be set.",
    )
    aap_token_file: Path | None = setting(
        "CLOUDKIT_AAP_TOKEN_FILE",
        optional(path),
        default="",
        doc="File that holds the token; it is read again when it changes, without a restart.",
    )
    status_poll_interval: float = setting(
        "CLOUDKIT_AAP_STATUS_POLL_INTERVAL",
        duration,
        default="30s",
        minimum=1,
        doc="How often each running job is asked for, in case a sweep missed something.",
    )
    sweep_interval: float = setting(
        "CLOUDKIT_AAP_SWEEP_INTERVAL",
        duration,
        default="1s",
        minimum=0.1,
        doc="How often AAP is asked which jobs were created or finished lately.",
    )
    lost_answer_timeout: float = setting(
        "CLOUDKIT_AAP_LOST_ANSWER_TIMEOUT",
        duration,
        default="300s",
        minimum=1,
        doc="How long a launch whose answer was lost may still appear in AAP. Less than 300s is for tests.",
    )
    request_timeout: float = setting(
        "CLOUDKIT_AAP_REQUEST_TIMEOUT",
        duration,
        default="30s",
        minimum=1,
        maximum=120,
        doc="How long AAP may take to answer.",
    )
    concurrent_launches: int = setting(
        "CLOUDKIT_AAP_MAX_CONCURRENT_LAUNCHES",
        integer,
        default="10",
        minimum=1,
        doc="How many launches may be under way at once, in one replica.",
    )
    requests_per_second: float = setting(
        "CLOUDKIT_AAP_MAX_REQUESTS_PER_SECOND",
        number,
        default="20",
        minimum=0,
        doc="How many requests one replica may send to AAP, on average; 0 for no limit.",
    )
    insecure_skip_verify: bool = setting(
        "CLOUDKIT_AAP_INSECURE_SKIP_VERIFY", flag, default="false", doc="Trust any certificate of AAP."
    )
    certificates: Path | None = setting(
        "SSL_CERT_FILE", optional(path), default="", doc="CA certificates to trust, PEM."
    )

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise Misconfigured(*problems)

    def _problems(self) -> Iterator[str]:
        path = urlsplit(self.aap_url).path.rstrip("/")
        if not API_PATH.search(path):
            yield f"CLOUDKIT_AAP_URL must end with /api/controller; its path is '{path}'"
        if self.aap_token and self.aap_token_file:
            yield "exactly one of CLOUDKIT_AAP_TOKEN and CLOUDKIT_AAP_TOKEN_FILE must be set"
        if self.aap_token and not TOKEN.fullmatch(self.aap_token.reveal()):
            yield "CLOUDKIT_AAP_TOKEN holds characters that no token has"
