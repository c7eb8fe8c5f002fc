"""What one stand-in is started with."""

from dataclasses import dataclass, field
from secrets import token_hex


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Durations are in seconds."""

    token: str = field(default_factory=lambda: token_hex(20))
    superuser: bool = False
    """Whether `token` is a superuser's; matters for the cancel of a job that has ended (405, else 403)."""
    first_id: int = 4711
    job_seconds: float = 5.0
    """How long a playbook runs, unless a rule says otherwise."""
    pending_seconds: float = 0.2
    waiting_seconds: float = 0.1
    cancel_seconds: float = 1.0
    """How long a running job goes on after its cancel was accepted."""
    workflow_seconds: float = 0.5
    """How long AAP takes to notice that the last node of a workflow ended."""
    linger_seconds: float = 0.0
    """How long a playbook goes on after its job is shown as canceled."""
    event_seconds: float = 0.0
    """How long after a job's end its job events arrive."""
    answer_seconds: float = 0.0
    """How long every answer takes."""
    dispatcher_seconds: float = 0.0
    """How long the cancel of a playbook that does not react to it is held up; AWX waits ten."""
    max_body: int = 5 * 2**20
    """Bytes; what is larger, the proxy in front of the controller does not let through."""
