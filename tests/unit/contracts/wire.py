"""What travels or is kept today: every message and record, its shape, and how it was written before.

A file of ``samples`` holds one message as one version wrote it, with every field set and with those alone
that are always there, and its `Kind.shape`, by which readers of that version read it. Such a file is never
changed. When the shape changes, this adds another, to be committed with the change::

    PYTHONPATH=tests .venv/bin/python -m unit.contracts.wire
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from cloudkit.contracts.cloudevents import event_headers, intent_headers
from cloudkit.contracts.events import JobEvent, encode_event, read_event
from cloudkit.contracts.instance import ComputeInstanceStatus, Phase, decode
from cloudkit.contracts.intents import (
    Cancel,
    Confirm,
    Deprovision,
    Follow,
    Intent,
    Provision,
    Reconcile,
    encode_intent,
    read_intent,
)
from cloudkit.contracts.subjects import Addressee, intent_subject, job_subject
from unit.contracts.specimens import NOW, dead_letter

SAMPLES = Path(__file__).parent / "samples"
ADDRESSEES = {Reconcile: Addressee.STATUS, Confirm: Addressee.EDA}
"""Of intents that are not for AAP."""
LONGEST_ENUM = 12

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of message or record. ``said`` is, as JSON, all that its writer may say."""

    name: str
    shape: Json
    said: tuple[Json, ...]
    again: Callable[[Json], Json]
    """Read a sample as its reader does, and write it again."""

    @property
    def stored(self) -> tuple[Path, ...]:
        """Its files, oldest first."""
        return tuple(sorted(SAMPLES.glob(f"{self.name}.*.json"), key=lambda path: int(path.suffixes[0][1:])))


def kinds() -> tuple[Kind, ...]:
    intents = (Reconcile, Provision, Deprovision, Cancel, Confirm, Follow)
    return (
        *(_message(type, _say_intent, lambda body: _say_intent(read_intent(body))) for type in intents),
        _message(JobEvent, _say_event, lambda body: _say_event(read_event(body))),
        _message(ComputeInstanceStatus, _say_status, lambda body: _say_status(_read_status(body))),
        _dead_letters(),
    )


def _message(type: type[Any], say: Callable[[Any], Json], again: Callable[[bytes], Json]) -> Kind:
    values = (*(filled(type, turn=turn) for turn in range(LONGEST_ENUM)), filled(type, optional=False))
    return Kind(
        name=type.__name__,
        shape=_shape(type),
        said=tuple(say(msgspec.convert(value, type)) for value in values),
        again=lambda sample: again(json.dumps(sample["body"]).encode()),
    )


def _say_intent(intent: Intent) -> Json:
    addressee = ADDRESSEES.get(type(intent), Addressee.AAP)
    return {
        "subject": intent_subject(addressee, intent.instance),
        "headers": intent_headers(intent, id="some id", source="watcher", time=NOW),
        "body": json.loads(encode_intent(intent)),
    }


def _say_event(event: JobEvent) -> Json:
    headers = event_headers(event, id="some id", source="aap-poller")
    return {"subject": job_subject(event), "headers": headers, "body": json.loads(encode_event(event))}


def _say_status(status: ComputeInstanceStatus) -> Json:
    return {"body": json.loads(msgspec.json.encode(status))}


def _read_status(body: bytes) -> ComputeInstanceStatus:
    return decode(body, ComputeInstanceStatus)


def _dead_letters() -> Kind:
    """Nobody but people reads them, by their headers; what they hold is sent again as it is."""
    letter = dead_letter()
    return Kind(
        name="DeadLetter",
        shape={"type": "object", "required": sorted(letter["headers"])},
        said=(letter,),
        again=lambda _: dead_letter(),
    )


def filled(type: Any, *, turn: int = 0, optional: bool = True) -> Any:
    """A value of *type* as JSON: every field has something in it, or those alone that are required. Each
    *turn* takes another word of every enumeration."""
    return _filled(inspect.type_info(type), "thing", turn, optional=optional)


def _filled(kind: inspect.Type, name: str, turn: int, *, optional: bool) -> Any:
    match kind:
        case inspect.StructType(fields=fields):
            tag = {kind.tag_field: kind.tag} if kind.tag_field else {}
            wanted = (field for field in fields if field.required or optional)
            return tag | {
                field.encode_name: _filled(field.type, field.encode_name, turn, optional=optional)
                for field in wanted
            }
        case inspect.EnumType(cls=words):
            return list(words)[turn % len(list(words))].value
        case inspect.UnionType(types=types):
            something = next(one for one in types if not isinstance(one, inspect.NoneType))
            return _filled(something, name, turn, optional=optional)
        case inspect.VarTupleType(item_type=item):
            return [_filled(item, name, turn, optional=optional)]
        case inspect.DictType():
            return {f"some {name}": [None, 1.5, "é"]}
        case inspect.DateTimeType():
            return NOW.isoformat()
    if isinstance(kind, inspect.StrType) and kind.pattern:
        return f"some-{name}"  # A name of Kubernetes holds no blank.
    return {inspect.StrType: f"some {name}", inspect.BoolType: True, inspect.IntType: 7}.get(type(kind), 1.5)


def _shape(type: type[Any]) -> Json:
    """What a reader of *type* takes, as a JSON schema: whatever it does not name is ignored."""
    shape: Json = _without_words(json.loads(msgspec.json.encode(msgspec.json.schema(type))))
    if Phase.__name__ in shape["$defs"]:
        shape["$defs"][Phase.__name__] = {"type": "string"}  # A phase that nobody knows is read, too.
    return shape


def _without_words(schema: Any) -> Any:
    """*schema* without titles and descriptions, which change nothing."""
    if isinstance(schema, list):
        return [_without_words(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _without_words(one) for name, one in schema.items()}
    return {name: one for name, one in kept.items() if not (isinstance(one, str) and name in WORDS)}


WORDS = ("title", "description")


def stored_samples(path: Path) -> tuple[Json, tuple[Json, ...]]:
    """The shape in *path*, and its samples."""
    content = json.loads(path.read_text())
    return content["shape"], tuple(content["samples"])


def outdated() -> Iterator[Kind]:
    """Those whose shape no file has."""
    for kind in kinds():
        if not kind.stored or stored_samples(kind.stored[-1])[0] != kind.shape:
            yield kind


def main() -> None:
    SAMPLES.mkdir(exist_ok=True)
    for kind in outdated():
        path = SAMPLES / f"{kind.name}.{len(kind.stored) + 1}.json"
        samples = list(dict.fromkeys(map(_text, chain(kind.said[:1], kind.said[-1:]))))
        content = {"shape": kind.shape, "samples": [json.loads(sample) for sample in samples]}
        path.write_text(_text(content) + "\n")


def _text(content: Json) -> str:
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)


if __name__ == "__main__":
    main()
