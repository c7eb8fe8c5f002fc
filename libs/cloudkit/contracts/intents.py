"""Intents: what the watcher asks for. Imperative, and never trusted: each may be lost, doubled or late.

There is one intent per instance and service; the newest replaces whatever was asked before.
"""

from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.instance import InstanceRef, Launch, decode
from cloudkit.contracts.jobs import JobRecord, JobState
from cloudkit.contracts.moments import Moment


class Reconcile(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Look at this instance: adopt it, bring its status up to date, or release it."""

    instance: InstanceRef


class _ToProvider(msgspec.Struct, frozen=True, kw_only=True):
    """What every intent to a provider carries.

    ``born`` is the resource's creation time, and ``age`` how old (seconds) it was when this was asked, by the
    clock of Kubernetes alone; 0 if nobody could tell. ``newest`` is the newest job that the resource shows:
    the record to start from when the log has none; ``launch`` is what it says of one that has not become a
    job. ``retry_requested_at`` is what the annotation of that name says.
    """

    instance: InstanceRef
    born: Moment
    age: float = 0.0
    number: int
    newest: JobRecord | None = None
    launch: Launch | None = None
    retry_requested_at: str = ""


class Provision(_ToProvider, frozen=True, kw_only=True, tag=True):
    """Run the provision job with this number; it restarts the machine if the spec asks for that.

    ``resource`` is what the playbook gets; None if the message would have become too large with it, and
    then ``oversize`` says how large, and ``size_limit`` what fits, in bytes.
    """

    config_version: str
    attempt: int
    resource: dict[str, Any] | None
    restart_requested_at: Moment | None = None
    oversize: int = 0
    size_limit: int = 0


class Deprovision(_ToProvider, frozen=True, kw_only=True, tag=True):
    """Stop what runs, then run the deprovision job with this number. Its resource is as in `Provision`.

    ``nothing_to_remove``: no playbook holds the resource, so that there is no machine that EDA made:
    write down that the job succeeded, without sending a webhook.
    """

    attempt: int
    resource: dict[str, Any] | None
    oversize: int = 0
    size_limit: int = 0
    nothing_to_remove: bool = False


class Cancel(_ToProvider, frozen=True, kw_only=True, tag=True):
    """Stop job ``number``: the instance is being deleted under another provider."""


class Confirm(_ToProvider, frozen=True, kw_only=True, tag=True):
    """EDA job ``number`` is over. The resource shows that it succeeded; or shows nothing, for so long that
    it has failed; or nobody is to wait for it any longer, and how it ended stays unknown."""

    outcome: JobState


class Follow(_ToProvider, frozen=True, kw_only=True, tag=True):
    """The resource shows job ``number`` running (it is ``newest``): is it still followed?"""


ProviderIntent: TypeAlias = Provision | Deprovision | Cancel | Confirm | Follow
Intent: TypeAlias = Reconcile | ProviderIntent


def without_resource(intent: Provision | Deprovision, *, size: int, limit: int) -> Provision | Deprovision:
    """*intent* as it is said when its message of *size* bytes is larger than the *limit*.

    The resource is None, not empty: a reader that knows no such thing refuses the message, and runs no
    playbook without its resource.
    """
    return replace(intent, resource=None, oversize=size, size_limit=limit)


def encode_intent(intent: Intent) -> bytes:
    """The body of the message that carries *intent*."""
    return msgspec.json.encode(intent)


def read_intent(data: bytes) -> Intent:
    """The intent in a message's body. Raises `Malformed`."""
    return decode(data, Intent)  # type: ignore[arg-type]  # a union is a type to msgspec, not to mypy
