"""How letters look: as a table, as a page, as JSON.

What is in them may come from anybody, so nothing of it reaches a terminal that a terminal would obey.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from rich.table import Table
from rich.text import Text

from cloudkit.cli.deadletters.replaying import Again, Look, Useless, replay_of
from cloudkit.runtime.deadletters import Letter

COLUMNS = ("number", "age", "service", "subject", "instance", "reason")
MOST_OF_A_BODY = 20_000
"""Characters of a body that a page shows."""
UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def table(letters: Sequence[Letter], ages: Sequence[float]) -> Table:
    """One line for each of *letters*, with their *ages* in seconds."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        right = column in ("number", "age")
        made.add_column(column, justify="right" if right else "left", no_wrap=column != "reason")
    for letter, age in zip(letters, ages, strict=True):
        cells = (str(letter.number), short(age), letter.service, letter.subject, whose(letter), letter.reason)
        made.add_row(*(Text(printable(cell)) for cell in cells))
    return made


def page(letter: Letter, age: float) -> str:
    """Everything about *letter*, and what to do with it."""
    facts = {
        "service": letter.service,
        "subject": letter.subject,
        "instance": whose(letter) or "nobody can tell",
        "reason": letter.reason,
        "put aside": f"{short(age)} ago, {letter.time:%Y-%m-%d %H:%M:%S} UTC",
        "consumer": letter.consumer,
        "stream": f"{letter.stream}, message {letter.sequence}",
        **letter.headers,
    }
    width = max(map(len, facts))
    lines = [f"Dead letter {letter.number}", ""]
    lines += [f"{printable(name):<{width}}  {printable(fact)}" for name, fact in facts.items()]
    if letter.traceback:
        lines += ["", *(printable(line) for line in letter.traceback.rstrip().split("\n"))]
    lines += ["", *(printable(line) for line in _pretty(letter.body).split("\n"))]
    return "\n".join([*lines, "", *advice(letter)])


def advice(letter: Letter) -> Iterator[str]:
    """What to do with *letter*."""
    number = letter.number
    match replay_of(letter):
        case Again(durable):
            yield f"This is an event of the job log; it stays there, and {durable} has to see it once more."
            yield f"Once the bug is mended and {letter.service} runs: cloudkit dead-letters replay {number}"
        case Look(instance):
            yield "An intent is never sent again as it was: if it is still wanted, the watcher asks for it."
            yield f"To have {instance} looked at now: cloudkit dead-letters replay {number}"
        case Useless(because):
            yield f"There is nothing to replay: {printable(because)}."
            yield f"Find out who published it, then: cloudkit dead-letters drop {number}"
        case never:
            assert_never(never)


def as_json(letter: Letter, age: float) -> Mapping[str, object]:
    """*letter* for programs; ``body`` is text, what is no UTF-8 in it escaped."""
    return {
        "number": letter.number,
        "time": letter.time.isoformat(),
        "age": round(age),
        "service": letter.service,
        "subject": letter.subject,
        "instance": whose(letter),
        "reason": letter.reason,
        "traceback": letter.traceback,
        "stream": letter.stream,
        "consumer": letter.consumer,
        "sequence": letter.sequence,
        "headers": dict(letter.headers),
        "body": letter.body.decode(errors="backslashreplace"),
    }


def whose(letter: Letter) -> str:
    """Namespace and name of the instance that *letter* is about; empty if nobody can tell."""
    match replay_of(letter):
        case Again(instance=instance) | Look(instance):
            return str(instance)
        case Useless():
            return ""
        case never:
            assert_never(never)


def short(seconds: float) -> str:
    """*seconds* in their largest unit, as `kubectl get` shows ages."""
    for unit, size in UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f}{unit}"
    return "0s"


def printable(text: str) -> str:
    """*text* in one line, without what a terminal would obey."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _pretty(body: bytes) -> str:
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body.decode(errors="backslashreplace")
    left = len(text) - MOST_OF_A_BODY
    return text if left <= 0 else f"{text[:MOST_OF_A_BODY]}\n… and {left} characters more, with --json"
