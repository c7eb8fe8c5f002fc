"""What must be true in AAP after the stories: nothing left, nothing running, nothing done twice."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.aap.audit import AuditEntry, AuditEvent, Violation
from sandbox.aap.control import Control
from sandbox.aap.machines import Machine


@dataclass(frozen=True)
class Finding:
    """One sentence for the summary, and whether it is as it should be."""

    good: bool
    text: str


async def examine(aap: Control) -> list[Finding]:
    """What AAP, looked at from behind, says about the jobs that it was asked to run."""
    return judge(await aap.machines(), await aap.audit(), await aap.violations())


def judge(
    machines: Sequence[Machine], audit: Sequence[AuditEntry], broken: Sequence[Violation]
) -> list[Finding]:
    """One finding for each thing that must be true."""
    return [_machines(machines), _ended(audit), _twice(audit), _rules(broken)]


def _machines(machines: Sequence[Machine]) -> Finding:
    left = ", ".join(f"{one.namespace}/{one.name} (job {one.job})" for one in machines)
    return Finding(not machines, f"machines left behind: {left}" if left else "no machine is left behind")


def _ended(audit: Sequence[AuditEntry]) -> Finding:
    launched = _jobs(audit, AuditEvent.LAUNCH)
    running = sorted(launched - _jobs(audit, AuditEvent.FINISH))
    if running:
        return Finding(False, f"jobs that still run: {running}")
    return Finding(bool(launched), f"{len(launched)} jobs ran, and all have ended")


def _jobs(audit: Sequence[AuditEntry], event: AuditEvent) -> set[int]:
    return {entry.job for entry in audit if entry.event is event}


def _twice(audit: Sequence[AuditEntry]) -> Finding:
    launches = Counter(_work(entry) for entry in audit if entry.event is AuditEvent.LAUNCH)
    repeated = sorted(work for work, times in launches.items() if times > 1)
    return Finding(
        not repeated, f"launched more than once: {repeated}" if repeated else "no job was launched twice"
    )


def _work(launch: AuditEntry) -> str:
    """What a job was launched for. One that EDA launches has no number, and in the stories no other of its
    purpose."""
    return launch.cloudkit_job or f"{launch.purpose} of {launch.namespace}/{launch.name}"


def _rules(broken: Sequence[Violation]) -> Finding:
    told = "; ".join(f"{one.rule} (job {one.launch.job} beside {list(one.beside)})" for one in broken)
    return Finding(not broken, told or "no two jobs ever ran for one machine at the same time")
