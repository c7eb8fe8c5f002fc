"""The virtual machines that playbooks made."""

from collections.abc import Iterator

import msgspec

from sandbox.aap.subjects import Purpose, Subject


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual machine. ``complete`` is false when the playbook that touched it last did not reach
    its end; ``job`` is that playbook's job."""

    namespace: str
    name: str
    uid: str
    job: int
    complete: bool


class Machines:
    """The machines that exist now, by namespace and name."""

    def __init__(self) -> None:
        self._machines: dict[tuple[str, str], Machine] = {}

    def __iter__(self) -> Iterator[Machine]:
        return iter(self._machines.values())

    def leave_behind(self, subject: Subject, purpose: Purpose, *, job: int, succeeded: bool) -> None:
        """What a playbook that ran, to its end or not, leaves behind."""
        place = (subject.namespace, subject.name)
        if not subject.name or purpose is Purpose.OTHER:
            return
        if purpose is Purpose.PROVISION:
            self._machines[place] = Machine(
                namespace=subject.namespace, name=subject.name, uid=subject.uid, job=job, complete=succeeded
            )
        elif succeeded:
            self._machines.pop(place, None)
        elif (machine := self._machines.get(place)) is not None:
            self._machines[place] = msgspec.structs.replace(machine, job=job, complete=False)

    def clear(self) -> None:
        self._machines.clear()
