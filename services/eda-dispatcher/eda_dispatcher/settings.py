"""What eda-dispatcher can be told, and by which environment variable."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.credentials import TOKEN
from cloudkit.runtime.settings import (
    ProviderSettings,
    Secret,
    duration,
    flag,
    integer,
    optional,
    path,
    secret,
    setting,
    url,
)


@dataclass(frozen=True, kw_only=True)
class Settings(ProviderSettings):
    """Where EDA listens, and how often it may be told. Durations are in seconds."""

    provision_webhook: str = setting(
        "CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK",
        url,
        doc="Where EDA, or an event stream of AAP, takes what is to be provisioned.",
    )
    deprovision_webhook: str = setting(
        "CLOUDKIT_COMPUTE_INSTANCE_DEPROVISION_WEBHOOK",
        url,
        doc="The same for what is to be removed.",
    )
    request_interval: float = setting(
        "CLOUDKIT_MINIMUM_REQUEST_INTERVAL",
        duration,
        default="10m",
        minimum=0,
        doc="How long after one webhook the next may go to the same URL for the same instance.",
    )
    request_timeout: float = setting(
        "CLOUDKIT_EDA_REQUEST_TIMEOUT",
        duration,
        default="10s",
        minimum=1,
        maximum=60,
        doc="How long EDA may take to answer.",
    )
    token: Secret = setting(
        "CLOUDKIT_EDA_TOKEN", secret, default="", doc="Shown to EDA as a bearer token, if there is one."
    )
    token_file: Path | None = setting(
        "CLOUDKIT_EDA_TOKEN_FILE",
        optional(path),
        default="",
        doc="File that holds this token instead; it is read again when it changes, without a restart.",
    )
    hmac_secret: Secret = setting(
        "CLOUDKIT_EDA_HMAC_SECRET",
        secret,
        default="",
        doc="Signs every webhook (SHA-256, header x-hub-signature-256), if there is one.",
    )
    webhooks_at_once: int = setting(
        "CLOUDKIT_EDA_MAX_CONCURRENT_WEBHOOKS",
        integer,
        default="10",
        minimum=1,
        doc="How many webhooks may be under way at once, in one replica.",
    )
    insecure_skip_verify: bool = setting(
        "CLOUDKIT_EDA_INSECURE_SKIP_VERIFY", flag, default="false", doc="Trust any certificate of EDA."
    )
    certificates: Path | None = setting(
        "SSL_CERT_FILE", optional(path), default="", doc="CA certificates to trust, PEM."
    )

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise Misconfigured(*problems)

    def _problems(self) -> Iterator[str]:
        if self.token and self.token_file:
            yield "only one of CLOUDKIT_EDA_TOKEN and CLOUDKIT_EDA_TOKEN_FILE may be set"
        if self.token and not TOKEN.fullmatch(self.token.reveal()):
            yield "CLOUDKIT_EDA_TOKEN holds characters that no token has"
