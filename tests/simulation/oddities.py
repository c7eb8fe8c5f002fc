"""What is odd about the AAP of one world: templates whose jobs are workflow jobs, and, now and then, requests
that are too many, cancels that are forbidden, and running jobs that go back into the queue.

It has dice of its own: worlds without oddities stay as they were.
"""

from dataclasses import dataclass, field
from random import Random

import msgspec

from cloudkit.contracts.errors import Forbidden, Unreachable
from sandbox.aap.model import Job, JobKind, Status, Template, TemplateKind
from simulation import aap
from simulation.faults import Dice
from simulation.loop import WORLD, VirtualLoop
from unit.aap_poller.aap import CREATE, DELETE

EVERY = 120.0
"""Seconds between two oddities, on average."""
ODD_WORLDS = 0.4
WORKFLOWS = 0.5
"""How likely each template of an odd world is a workflow template."""
THROTTLED_FOR = (5.0, 20.0, 60.0)
FORBIDDEN_FOR = (30.0, 120.0, 400.0)


@dataclass
class Oddities:
    """Makes the AAP of the world with *seed* odd, or not, until the dice are calm."""

    seed: int
    aap: "aap.Server"
    loop: VirtualLoop
    dice: Dice
    _forbidden_until: float = 0.0
    _throttled_until: float = 0.0
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(f"oddities of {self.seed}")
        if self._random.random() >= ODD_WORLDS:
            return
        for name in (CREATE, DELETE):
            if self._random.random() < WORKFLOWS:
                self._make_workflow(name)
        self.aap.slow = self._meet
        self._soon()

    def _make_workflow(self, name: str) -> None:
        """Let the template *name* run what it was as the only step of a workflow."""
        catalog = self.aap.state.catalog
        (template,) = (one for one in catalog if one.name == name)
        step = f"{name}-step"
        catalog.put(msgspec.structs.replace(template, name=step))
        catalog.put(Template(name=name, kind=TemplateKind.WORKFLOW_JOB_TEMPLATE, nodes=(step,)))
        self.dice.history.tell(aap.AAP, f"{name} is a workflow")

    def _meet(self, call: str) -> None:
        """What every request meets. Raises `Unreachable` for 429, and `Forbidden`."""
        if self.dice.calm:
            return
        if self.loop.time() < self._throttled_until:
            raise Unreachable("AAP answered 429", system=aap.AAP)
        if call == "cancel" and self.loop.time() < self._forbidden_until:
            raise Forbidden("You do not have permission", system=aap.AAP, status=403)

    def _soon(self) -> None:
        self.loop.call_later(self._random.expovariate(1 / EVERY), self._happen, context=WORLD)

    def _happen(self) -> None:
        if self.dice.calm:
            return
        self._random.choice((self._throttle, self._forbid, self._requeue))()
        self._soon()

    def _throttle(self) -> None:
        seconds = self._random.choice(THROTTLED_FOR)
        self._throttled_until = self.loop.time() + seconds
        self.dice.history.fault("throttled", aap.AAP, f"for {seconds:.0f} s")

    def _forbid(self) -> None:
        seconds = self._random.choice(FORBIDDEN_FOR)
        self._forbidden_until = self.loop.time() + seconds
        self.dice.history.fault("cancels forbidden", aap.AAP, f"for {seconds:.0f} s")

    def _requeue(self) -> None:
        """As AWX does when a cluster has no room for another pod."""
        state = self.aap.present()
        if running := [job for job in state.jobs.active() if _may_go_back(job)]:
            job = self._random.choice(running)
            self.dice.history.fault("queued again", aap.AAP, str(job.id))
            state.force(job, Status.PENDING, state.now)
            self.aap.tell()


def _may_go_back(job: Job) -> bool:
    return job.kind is JobKind.JOB and job.status is Status.RUNNING and job.canceled_on is None
