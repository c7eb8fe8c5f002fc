"""What goes wrong in AAP and in EDA, by the words in which the schedule tells of it.

All of it wears off by itself, and takes less time than a lost answer is waited for (`chaos.world`).
"""

from collections.abc import Mapping

from sandbox.aap.faults import Fault, FaultKind, login_page, proxy_error, too_many_requests, unavailable
from sandbox.eda.faults import Fault as EdaFault

LAUNCH = "/launch/$"


def _launches(kind: FaultKind, times: int, seconds: float = 0.0) -> Fault:
    return Fault(kind=kind, method="POST", path=LAUNCH, times=times, seconds=seconds)


AAP_FAULTS: Mapping[str, Fault] = {
    "five launches are cut off": _launches(FaultKind.DROP, 5),
    "five answers to launches are lost": _launches(FaultKind.DROP_AFTER, 5),
    "three launches are committed late": _launches(FaultKind.COMMIT_LATE, 3, 4.0),
    "three launches wait in a queue": _launches(FaultKind.LAUNCH_LATE, 3, 4.0),
    "fifteen connections are cut": Fault(kind=FaultKind.DROP, times=15),
    "ten answers are lost": Fault(kind=FaultKind.DROP_AFTER, times=10),
    "twenty answers are slow": Fault(kind=FaultKind.DELAY, latency=2.0, times=20),
    "ten times 502": proxy_error(502, "Bad Gateway", times=10),
    "five times 429": too_many_requests("2", times=5),
    "maintenance": unavailable("2", times=5),
    "three login pages": login_page(times=3),
}
EDA_FAULTS: Mapping[str, EdaFault] = {
    "two events are lost": EdaFault(heard=False, times=2),
    "three webhooks get 500, though heard": EdaFault(status=500, times=3),
    "three webhooks get 503, unheard": EdaFault(status=503, heard=False, times=3),
    "three connections are cut": EdaFault(drop=True, times=3),
    "five answers are slow": EdaFault(latency=2.0, times=5),
    "five playbooks start late": EdaFault(starts_after=3.0, times=5),
}
