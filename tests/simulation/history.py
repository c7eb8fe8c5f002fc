"""What happened in one run: who did what, when, knowing what. For people, and to be compared."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Words = Callable[[], str] | str


@dataclass(frozen=True)
class Violation:
    """A broken promise: which one, what broke it, and when."""

    rule: str
    what: str
    at: float

    def __str__(self) -> str:
        return f"{self.rule}: {self.what} (t={self.at:.1f})"


class History:
    """Everything that was told, in its order, by the virtual clock *time*."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._open = True
        self._told: list[tuple[float, str, str]] = []
        self.violations: list[Violation] = []
        self.counts: Counter[str] = Counter()
        """How often each fault was injected, and other figures."""

    def close(self) -> None:
        """Whatever happens now is not history any more."""
        self._open = False

    def tell(self, who: str, what: str) -> None:
        if self._open:
            self._told.append((self._time(), who, what))

    def fault(self, kind: str, who: str, what: str) -> None:
        """A fault of *kind* befell *who*."""
        self.counts[f"fault: {kind}"] += 1
        self.tell("FAULT", f"{kind}: {who} {what}")

    def violated(self, rule: str, what: str) -> None:
        violation = Violation(rule, what, self._time())
        self.violations.append(violation)
        self.tell("VIOLATION", str(violation))

    def lines(self) -> Iterator[str]:
        for at, who, what in self._told:
            yield f"{at:9.2f}  {who:<18}{what}"
