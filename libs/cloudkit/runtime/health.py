"""What the process depends on, and whether it is there: the truth behind ``/readyz``."""

from collections.abc import Callable

OK = "ok"


class Health:
    """The parts that must be up before this process is ready.

    A part is named once it is first reported; the process is ready when every part is up.
    """

    def __init__(self) -> None:
        self._parts: dict[str, Callable[[], str]] = {}
        self._doing: dict[str, str] = {}

    def up(self, part: str, doing: str = OK) -> None:
        """*part* does its work: what it is *doing*, where there is more than one good answer."""
        self._doing[part] = doing
        self.ask(part, lambda: "")

    def down(self, part: str, because: str) -> None:
        """*part* is missing; *because* is for the person who asks."""
        self.ask(part, lambda: because)

    def ask(self, part: str, trouble: Callable[[], str]) -> None:
        """*part* is what *trouble* says whenever somebody asks: why it is missing, or nothing."""
        self._parts[part] = trouble

    @property
    def ready(self) -> bool:
        return bool(self._parts) and not self.troubles()

    def troubles(self) -> dict[str, str]:
        """The parts that are missing, and why."""
        return {part: why for part, trouble in self._parts.items() if (why := trouble())}

    def parts(self) -> dict[str, str]:
        """Each part, with what is wrong with it, or what it does, mostly "ok"."""
        return {part: trouble() or self._doing.get(part, OK) for part, trouble in self._parts.items()}
