"""How often handling a message went wrong in this process, and how long to leave it alone then."""

from dataclasses import dataclass, replace
from datetime import datetime

from nats.aio.msg import Msg

MOST_CRASHES = 10
REMEMBERED = 10_000

MessageKey = tuple[int, datetime]


@dataclass(frozen=True)
class Trouble:
    """``crashes`` counts our bugs, ``outages`` what others could not do for us."""

    crashes: int = 0
    outages: int = 0

    @property
    def hopeless(self) -> bool:
        return self.crashes >= MOST_CRASHES

    @property
    def crash_pause(self) -> float:
        """Seconds: 1, 2, 4 … 60."""
        return min(60.0, 2.0 ** (self.crashes - 1))

    @property
    def outage_pause(self) -> float:
        """Seconds: 1, 2, 4 … 30."""
        return min(30.0, 2.0 ** (min(self.outages, 10) - 1))


class Troubles:
    """The troubles of the messages that had any; the oldest are forgotten beyond 10,000."""

    def __init__(self) -> None:
        self._of: dict[MessageKey, Trouble] = {}

    def crashed(self, message: Msg) -> Trouble:
        trouble = self._of.get(key_of(message), Trouble())
        return self._remember(message, replace(trouble, crashes=trouble.crashes + 1))

    def outage(self, message: Msg) -> Trouble:
        trouble = self._of.get(key_of(message), Trouble())
        return self._remember(message, replace(trouble, outages=trouble.outages + 1))

    def over(self, message: Msg) -> None:
        """It was handled."""
        self._of.pop(key_of(message), None)

    def _remember(self, message: Msg, trouble: Trouble) -> Trouble:
        self._of[key_of(message)] = trouble
        while len(self._of) > REMEMBERED:
            del self._of[next(iter(self._of))]
        return trouble


def key_of(message: Msg) -> MessageKey:
    """What names a message for good: a stream that was lost and made again counts its sequences anew."""
    found = message.metadata
    return found.sequence.stream, found.timestamp
