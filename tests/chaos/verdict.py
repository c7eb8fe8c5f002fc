"""What came of a run: everything that a person needs to believe it, or to find out what went wrong."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from chaos.lifecycles import Life
from chaos.schedule import Strike
from e2e.evidence import evidence
from e2e.invariants import violations
from e2e.world import World
from sandbox.aap.audit import AuditEntry, AuditEvent
from sandbox.aap.subjects import Purpose
from sandbox.eda.audit import Webhook

EVIDENCE_OF = 3
"""So many lives that stood still are told of in full."""


@dataclass(kw_only=True)
class Verdict:
    """Times are in seconds. ``violations`` say by what each broken promise was broken."""

    seed: int
    nodes: int
    lives: Sequence[Life]
    struck: Sequence[Strike]
    missed: Sequence[str] = ()
    violations: dict[str, Collection[object]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    audit: Sequence[AuditEntry] = ()
    webhooks: Sequence[Webhook] = ()
    took: float = 0.0

    @property
    def good(self) -> bool:
        return not self.violations

    @property
    def unfinished(self) -> list[Life]:
        return [life for life in self.lives if life.stage]


async def examine(world: World, verdict: Verdict) -> None:
    """Write into *verdict* what *world* shows, now that nobody strikes any more."""
    if verdict.unfinished:
        verdict.violations["lives stood still"] = [str(life) for life in verdict.unfinished]
        refs = [life.ref for life in verdict.unfinished if life.ref is not None]
        verdict.told += [await evidence(world, ref) for ref in refs[:EVIDENCE_OF]]
    else:
        await _examine_at_rest(world, verdict)
    verdict.audit = await world.aap.audit()
    verdict.webhooks = await world.eda.webhooks()
    if late := provisioned_after_cleanup(verdict.webhooks):
        verdict.violations["EDA was told to provision after a cleanup"] = list(late)


async def _examine_at_rest(world: World, verdict: Verdict) -> None:
    try:
        verdict.violations |= await violations(world)
    except AssertionError as error:
        verdict.violations["it did not come to rest"] = [str(error).partition("\n")[0]]
        verdict.told.append(str(error))


def provisioned_after_cleanup(webhooks: Iterable[Webhook]) -> list[Webhook]:
    """The webhooks that ask for a machine whose removal was asked for before."""
    removed: set[str] = set()
    late: list[Webhook] = []
    for webhook in webhooks:
        if webhook.purpose is Purpose.DEPROVISION:
            removed.add(webhook.uid)
        elif webhook.uid in removed:
            late.append(webhook)
    return late


def table(verdict: Verdict) -> str:
    """The figures of a run, one a line."""
    rows = [*_rows_of_lives(verdict), *_rows_of_jobs(verdict), *_rows_of_strikes(verdict)]
    rows.append(("violations", str(sum(map(len, verdict.violations.values())))))
    rows.append(("time", f"{verdict.took:.0f} s"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {figure}" for name, figure in rows)


def _rows_of_lives(verdict: Verdict) -> list[tuple[str, str]]:
    done = [life for life in verdict.lives if not life.stage]
    by_provider = Counter(life.provider for life in done)
    providers = ", ".join(f"{provider} {count}" for provider, count in sorted(by_provider.items()))
    took = sorted(life.took for life in done) or [0.0]
    return [
        ("seed", str(verdict.seed)),
        ("nodes of NATS", str(verdict.nodes)),
        ("lifecycles", f"{len(done)} of {len(verdict.lives)} ({providers})"),
        ("  with a new spec", str(sum(life.changes and not life.impatient for life in done))),
        ("  deleted at once", str(sum(life.impatient for life in done))),
        ("  took", f"{took[len(took) // 2]:.0f} s, at most {took[-1]:.0f} s"),
    ]


def _rows_of_jobs(verdict: Verdict) -> list[tuple[str, str]]:
    launches = [entry for entry in verdict.audit if entry.event is AuditEvent.LAUNCH]
    by_eda = sum(entry.by_rulebook for entry in launches)
    canceled = sum(entry.event is AuditEvent.CANCEL for entry in verdict.audit)
    return [
        ("jobs", f"{len(launches)} ({by_eda} by EDA), {canceled} canceled"),
        ("webhooks", str(len(verdict.webhooks))),
    ]


def _rows_of_strikes(verdict: Verdict) -> list[tuple[str, str]]:
    by_kind = Counter(strike.kind for strike in verdict.struck)
    rows = [("faults", str(len(verdict.struck)))]
    return rows + [(f"  {kind}", str(count)) for kind, count in by_kind.most_common()]


def story(verdict: Verdict) -> str:
    """What is wrong, who was struck when, and what is known of those that stood still."""
    parts = ["\n".join(f"{what}: {which}" for what, which in verdict.violations.items())]
    parts.append("\n".join(["Who was struck when:", *map(str, verdict.struck)]))
    if verdict.missed:
        parts.append("\n".join(["What could not be done:", *verdict.missed]))
    return "\n\n".join([*parts, *verdict.told])
