"""The instances as the API server last gave them to us, to spare reading them before each write."""

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.runtime.lanes import Lane

MOST = 2000


class Latest:
    """The latest known state in each lane; the longest unused are forgotten beyond 2,000.

    It may be out of date. Whoever writes on its word writes with its resourceVersion, and is refused
    then.
    """

    def __init__(self) -> None:
        self._instances: dict[Lane, ComputeInstance] = {}

    def of(self, lane: Lane) -> ComputeInstance | None:
        return self._instances.get(lane)

    def keep(self, lane: Lane, instance: ComputeInstance) -> None:
        self.forget(lane)
        self._instances[lane] = instance
        if len(self._instances) > MOST:
            del self._instances[next(iter(self._instances))]

    def forget(self, lane: Lane) -> None:
        self._instances.pop(lane, None)
