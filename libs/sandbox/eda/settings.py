"""What one stand-in is started with, and where it takes webhooks."""

from dataclasses import dataclass

from sandbox.aap.subjects import Purpose

ENDPOINTS = {
    "/create-compute-instance": Purpose.PROVISION,
    "/delete-compute-instance": Purpose.DEPROVISION,
}
"""What the rules of the rulebook ask of a webhook: its path."""
STREAM_PREFIX = "/api/eda/v1/external_event_stream/"
STREAMS = {
    f"{STREAM_PREFIX}11111111-1111-4111-8111-111111111111/post/": Purpose.PROVISION,
    f"{STREAM_PREFIX}22222222-2222-4222-8222-222222222222/post/": Purpose.DEPROVISION,
}
"""The event streams that there are, by path, and which rulebook listens to each."""
TEMPLATES = {
    Purpose.PROVISION: "innabox-create-compute-instance",
    Purpose.DEPROVISION: "innabox-delete-compute-instance",
}
"""What the rulebook launches."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``token`` and ``hmac_secret`` are what a webhook must bring; nothing where empty."""

    token: str = ""
    hmac_secret: str = ""
