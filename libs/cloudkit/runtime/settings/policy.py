"""The settings that say how patient we are: the same in every service that has them."""

from dataclasses import dataclass
from datetime import timedelta

from cloudkit.contracts.errors import Misconfigured
from cloudkit.contracts.instance import PLAYBOOK_FINALIZERS
from cloudkit.contracts.jobs import Provider
from cloudkit.lifecycle.policy import Policy
from cloudkit.runtime.settings.declare import setting
from cloudkit.runtime.settings.kinds import choice, choices, duration, integer, words
from cloudkit.runtime.settings.shared import CommonSettings


@dataclass(frozen=True, kw_only=True)
class PatienceSettings:
    """How long the playbook of an EDA job is waited for, of which nobody hears."""

    eda_patience: float = setting(
        "CLOUDKIT_EDA_PATIENCE",
        duration,
        default="15m",
        minimum=0,
        doc="How long a deletion waits for an EDA job whose playbook may be at work.",
    )


@dataclass(frozen=True, kw_only=True)
class ProviderSettings(PatienceSettings, CommonSettings):
    """What every provider's service can be told: jobs of both may stand in one history."""

    cancel_grace: float = setting(
        "CLOUDKIT_AAP_CANCEL_GRACE",
        duration,
        default="5s",
        minimum=0,
        doc="How long after `canceled` the playbook of a job may still be running.",
    )


@dataclass(frozen=True, kw_only=True)
class PolicySettings(PatienceSettings):
    """What the services can be told that decide: give all of them the same values."""

    provisioning_provider: Provider = setting(
        "CLOUDKIT_PROVISIONING_PROVIDER",
        choice(Provider),
        default=Provider.EDA,
        doc="Who runs the jobs of instances that do not say: eda or aap.",
    )
    providers: frozenset[Provider] = setting(
        "CLOUDKIT_PROVIDERS",
        choices(Provider),
        default="",
        doc="Every provider that runs here, e.g. `aap,eda`; the one above if empty.",
    )
    playbook_finalizers: tuple[str, ...] = setting(
        "CLOUDKIT_PLAYBOOK_FINALIZERS",
        words,
        default=",".join(PLAYBOOK_FINALIZERS),
        doc="The finalizers by which playbooks hold a resource while there is a machine.",
    )
    eda_job_timeout: float = setting(
        "CLOUDKIT_EDA_JOB_TIMEOUT",
        duration,
        default="2h",
        minimum=0,
        doc="How long an EDA job may leave nothing on the resource before it has failed; 0: for ever.",
    )
    eda_resend_after: float = setting(
        "CLOUDKIT_EDA_RESEND_AFTER",
        duration,
        default="10m",
        minimum=1,
        doc="The same for a job whose webhook nobody answered.",
    )
    max_attempts: int = setting(
        "CLOUDKIT_MAX_ATTEMPTS",
        integer,
        default="5",
        minimum=1,
        doc="How often a job is tried before somebody must look at it.",
    )
    retry_base: float = setting(
        "CLOUDKIT_RETRY_BASE",
        duration,
        default="2m",
        minimum=0.1,
        doc="How long after its first failure a job is tried again; doubles with each further one.",
    )
    retry_max: float = setting(
        "CLOUDKIT_RETRY_MAX",
        duration,
        default="30m",
        minimum=0.1,
        doc="The longest wait after a failure.",
    )
    max_job_history: int = setting(
        "CLOUDKIT_MAX_JOB_HISTORY",
        integer,
        default="10",
        minimum=2,
        doc="How many jobs the status of an instance shows.",
    )

    def __post_init__(self) -> None:
        if self.providers and self.provisioning_provider not in self.providers:
            raise Misconfigured(
                f"CLOUDKIT_PROVIDERS must name {self.provisioning_provider}, which runs the jobs "
                "(CLOUDKIT_PROVISIONING_PROVIDER)"
            )
        if not self.playbook_finalizers:
            raise Misconfigured("CLOUDKIT_PLAYBOOK_FINALIZERS must name at least one finalizer")
        if self.retry_base > self.retry_max:
            raise Misconfigured("CLOUDKIT_RETRY_BASE must not be longer than CLOUDKIT_RETRY_MAX")

    @property
    def policy(self) -> Policy:
        return Policy(
            provider=self.provisioning_provider,
            providers=self.providers or frozenset({self.provisioning_provider}),
            playbook_finalizers=self.playbook_finalizers,
            eda_job_timeout=timedelta(seconds=self.eda_job_timeout) if self.eda_job_timeout else None,
            eda_resend_after=timedelta(seconds=self.eda_resend_after),
            eda_patience=timedelta(seconds=self.eda_patience),
            retry_base=timedelta(seconds=self.retry_base),
            retry_max=timedelta(seconds=self.retry_max),
            max_attempts=self.max_attempts,
            max_job_history=self.max_job_history,
        )
