"""What the process depends on, and whether it is there: the truth behind ``/readyz``."""


class Health:
    """The parts that must be up before this process is ready.

    A part is named once it is first reported; the process is ready when every part is up.
    """

    def __init__(self) -> None:
        self._parts: dict[str, str] = {}

    def up(self, part: str) -> None:
        """*part* does its work."""
        self._parts[part] = ""

    def down(self, part: str, because: str) -> None:
        """*part* is missing; *because* is for the person who asks."""
        self._parts[part] = because

    @property
    def ready(self) -> bool:
        return bool(self._parts) and not any(self._parts.values())

    def parts(self) -> dict[str, str]:
        """Each part, with what is wrong with it or "ok"."""
        return {part: because or "ok" for part, because in self._parts.items()}
