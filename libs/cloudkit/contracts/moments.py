"""Points in time, as messages and resources carry them: never without their offset from UTC.

One without could not be compared with any other, and a comparison that fails is a crash.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

import msgspec

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

LAST = datetime.max.replace(tzinfo=UTC)


def later(moment: datetime, wait: timedelta) -> datetime:
    """*moment* and *wait*, or the end of time: whoever writes the year 9999 means "never"."""
    return LAST if moment > LAST - wait else moment + wait
