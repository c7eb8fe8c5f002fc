"""A webhook as the rulebook sees it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sandbox.aap.subjects import Purpose


@dataclass(frozen=True, kw_only=True)
class Event:
    """What came in, where, and for which ``purpose``; that of a path without a rule is OTHER."""

    at: datetime
    path: str
    purpose: Purpose
    headers: dict[str, str]
    payload: Any

    def extra_vars(self) -> dict[str, Any]:
        """What a playbook gets that is launched with ``run_job_template``."""
        meta = {
            "endpoint": self.path.removeprefix("/"),
            "headers": self.headers,
            "received_at": self.at.isoformat(),
            "source": {"name": "webhook", "type": "ansible.eda.webhook"},
            "uuid": str(uuid4()),
        }
        event = {"payload": self.payload, "meta": meta}
        rule = {"ruleset": "Compute instances", "rule": f"A compute instance is to {self.purpose}"}
        return {"ansible_eda": {**rule, "event": event}}
