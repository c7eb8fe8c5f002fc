"""What the status-writer can be told."""

from dataclasses import dataclass

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.lease import LeaseTimes
from cloudkit.runtime.settings import (
    CommonSettings,
    NamespaceSettings,
    PolicySettings,
    duration,
    lease_name,
    setting,
)


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings, NamespaceSettings, PolicySettings):
    """Where things are, whose instances to write to, how, and which of several replicas does."""

    status_gather: float = setting(
        "CLOUDKIT_STATUS_GATHER",
        duration,
        default="1s",
        minimum=0,
        maximum=5,
        doc="How long news of a job is gathered before it is written in one go; its end is written at once.",
    )
    lease: str = setting(
        "CLOUDKIT_LEASE",
        lease_name,
        default="auto",
        doc="The Lease by which one of several replicas is active; off: all of them are; auto: "
        "`cloudkit-status-writer` in the namespace of the pod, and off where there is no pod.",
    )
    lease_duration: float = setting(
        "CLOUDKIT_LEASE_DURATION",
        duration,
        default="10s",
        minimum=1,
        doc="How long after its last renewal the Lease is taken from a replica, in whole seconds.",
    )
    lease_renew_deadline: float = setting(
        "CLOUDKIT_LEASE_RENEW_DEADLINE",
        duration,
        default="7s",
        minimum=0.5,
        doc="The active replica stops when it could not renew the Lease for so long.",
    )
    lease_retry: float = setting(
        "CLOUDKIT_LEASE_RETRY",
        duration,
        default="2s",
        minimum=0.1,
        doc="How often the active replica renews the Lease; the others look at it twice as often.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.lease_duration > self.lease_renew_deadline > self.lease_retry:
            raise Misconfigured(
                "CLOUDKIT_LEASE_DURATION must be longer than CLOUDKIT_LEASE_RENEW_DEADLINE, "
                "and that longer than CLOUDKIT_LEASE_RETRY"
            )

    @property
    def lease_times(self) -> LeaseTimes:
        return LeaseTimes(
            duration=self.lease_duration,
            renew_deadline=self.lease_renew_deadline,
            retry=self.lease_retry,
        )
