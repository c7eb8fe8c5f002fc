"""Bugs that somebody might make, one by one: a simulation that does not find them proves nothing.

Each spoils a port, or a part of a service as its assembly has made it; the product has no switch for any.
`tests/simulation/test_bugs.py` shows that they are found, `simulation.hunt` by which seeds; to see one bite:

    python -m simulation --bug no-recovery --seeds 20
"""

from simulation.bugs.asking import (
    AcknowledgedFirst,
    EarlierIntentsStay,
    IntentsNeverTooOld,
    IntentsOfTheGoneStay,
    LaunchBeforeAdoption,
    NoRepeat,
    PauseIgnored,
    StaleIntentsDropped,
    StaleIntentsObeyed,
)
from simulation.bugs.bug import Bug as Bug
from simulation.bugs.eda import ImpatientWithPlaybooks
from simulation.bugs.following import AnyJobWithItsId, GoneIsSuccess, NoFollow, NoPoll, NoSweep
from simulation.bugs.launching import (
    CancelWithoutWaiting,
    LaunchBeforeClaim,
    LaunchSentAgain,
    NoClaimAge,
    NoGrace,
)
from simulation.bugs.log import DerivedClaimId, NobodyElsesJobs, NoExpectation, NoReadAge, OneLifeAName
from simulation.bugs.recovery import (
    ImpatientRecovery,
    LostLogIgnored,
    NoRecovery,
    NoSearchAfterAdoption,
    NoWaitInANewLog,
    OlderThanTheLogObeyed,
    OnlyItsOwnJobsSearched,
    SurveyNotRepeated,
)
from simulation.bugs.writing import (
    BlindFinalizers,
    BlindOverwrite,
    BlindStatus,
    ReleasedAfterAnyCleanup,
    ReleasedWithoutTheLog,
)

BUGS: dict[str, type[Bug]] = {
    "": Bug,
    "no-expectation": NoExpectation,
    "derived-claim-id": DerivedClaimId,
    "no-read-age": NoReadAge,
    "nobody-elses-jobs": NobodyElsesJobs,
    "one-life-a-name": OneLifeAName,
    "no-claim-age": NoClaimAge,
    "launch-before-claim": LaunchBeforeClaim,
    "launch-sent-again": LaunchSentAgain,
    "no-grace": NoGrace,
    "cancel-without-waiting": CancelWithoutWaiting,
    "no-recovery": NoRecovery,
    "impatient-recovery": ImpatientRecovery,
    "lost-log-ignored": LostLogIgnored,
    "only-its-own-jobs-searched": OnlyItsOwnJobsSearched,
    "no-wait-in-a-new-log": NoWaitInANewLog,
    "survey-not-repeated": SurveyNotRepeated,
    "no-search-after-adoption": NoSearchAfterAdoption,
    "older-than-the-log-obeyed": OlderThanTheLogObeyed,
    "no-follow": NoFollow,
    "no-sweep": NoSweep,
    "no-poll": NoPoll,
    "any-job-with-its-id": AnyJobWithItsId,
    "gone-is-success": GoneIsSuccess,
    "earlier-intents-stay": EarlierIntentsStay,
    "intents-of-the-gone-stay": IntentsOfTheGoneStay,
    "intents-never-too-old": IntentsNeverTooOld,
    "stale-intents-obeyed": StaleIntentsObeyed,
    "stale-intents-dropped": StaleIntentsDropped,
    "acknowledged-first": AcknowledgedFirst,
    "no-repeat": NoRepeat,
    "launch-before-adoption": LaunchBeforeAdoption,
    "pause-ignored": PauseIgnored,
    "impatient-with-playbooks": ImpatientWithPlaybooks,
    "blind-status": BlindStatus,
    "blind-finalizers": BlindFinalizers,
    "blind-overwrite": BlindOverwrite,
    "released-without-the-log": ReleasedWithoutTheLog,
    "released-after-any-cleanup": ReleasedAfterAnyCleanup,
}
