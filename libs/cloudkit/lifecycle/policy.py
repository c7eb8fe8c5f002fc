"""The choices of the operator that decisions depend on."""

from datetime import timedelta
from zlib import crc32

import msgspec

from cloudkit.contracts.instance import PLAYBOOK_FINALIZERS, PROVIDER_ANNOTATION, ComputeInstance
from cloudkit.contracts.jobs import Provider


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How patient, and with whom. The same in the watcher and the status-writer.

    ``providers`` are those that this installation runs. A failed job is tried again ``retry_base`` after
    its failure, then after twice that and so on up to ``retry_max``, each wait up to ``retry_jitter`` of
    itself longer, at most ``max_attempts`` times in all. A decision is repeated after ``repeat_after``
    until its effect shows; after ``follow_after`` without news of a running job somebody asks for it.

    Of an EDA job only its playbook tells, by what it leaves on the resource: an annotation, and one of the
    ``playbook_finalizers``. Without that it has failed ``eda_job_timeout`` after its webhook (None: never),
    or ``eda_resend_after`` a webhook that nobody answered; and a deletion waits for it for
    ``eda_patience``.
    """

    provider: Provider = Provider.AAP
    providers: frozenset[Provider] = frozenset({Provider.AAP})
    retry_base: timedelta = timedelta(minutes=2)
    retry_max: timedelta = timedelta(minutes=30)
    retry_jitter: float = 0.1
    max_attempts: int = 5
    max_job_history: int = 10
    repeat_after: timedelta = timedelta(seconds=60)
    follow_after: timedelta = timedelta(minutes=5)
    playbook_finalizers: tuple[str, ...] = PLAYBOOK_FINALIZERS
    eda_job_timeout: timedelta | None = timedelta(hours=2)
    eda_resend_after: timedelta = timedelta(minutes=10)
    eda_patience: timedelta = timedelta(minutes=15)

    def provider_for(self, instance: ComputeInstance) -> Provider:
        """Who runs the next job: the instance's annotation, if it names a provider that runs here."""
        asked = instance.says(PROVIDER_ANNOTATION)
        return next((provider for provider in self.providers if provider == asked), self.provider)

    def backoff(self, attempt: int, whose: str) -> timedelta:
        """How long after the failure of *attempt* (1, 2, …) the next one starts. The jitter is always the
        same for one *whose*: whoever asks is told the same, and a thousand that failed together do not try
        together."""
        doublings = min(max(attempt - 1, 0), _DOUBLINGS)
        wait = min(self.retry_base * (1 << doublings), self.retry_max)
        return wait * (1 + self.retry_jitter * crc32(whose.encode()) / 0xFFFFFFFF)


_DOUBLINGS = 16
"""Further ones would leave what a duration can hold."""
