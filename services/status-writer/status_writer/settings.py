"""What the status-writer can be told."""

from dataclasses import dataclass

from cloudkit.runtime.settings import CommonSettings, NamespaceSettings, PolicySettings, duration, setting


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings, NamespaceSettings, PolicySettings):
    """Where things are, whose instances to write to, and how."""

    status_gather: float = setting(
        "CLOUDKIT_STATUS_GATHER",
        duration,
        default="1s",
        minimum=0,
        maximum=5,
        doc="How long news of a job is gathered before it is written in one go; its end is written at once.",
    )
