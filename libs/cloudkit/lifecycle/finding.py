"""What a condition says, before anybody looks at when it began to."""

import msgspec

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"


class Finding(msgspec.Struct, frozen=True):
    """A condition without its times; ``reason`` is one word, ``message`` a sentence for people."""

    type: str
    status: str
    reason: str
    message: str = ""


READY, AVAILABLE, PROVISIONED, APPLIED = "Ready", "Available", "Provisioned", "ConfigurationApplied"
PROGRESSING, STALLED, MISCONFIGURED, DEPROVISIONED = (
    "Progressing",
    "Stalled",
    "Misconfigured",
    "Deprovisioned",
)
OURS = frozenset({READY, AVAILABLE, PROVISIONED, APPLIED, PROGRESSING, STALLED, MISCONFIGURED, DEPROVISIONED})
"""The conditions that we write; those of others stay as they are."""
