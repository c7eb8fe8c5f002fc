"""Versions understand each other, also when one is rolled back: each reads what the others write.

How the samples are made, and how to add one, `unit.contracts.wire` says.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from unit.contracts.wire import SAMPLES, Kind, kinds, outdated, stored_samples

KINDS = {kind.name: kind for kind in kinds()}
STORED = [(kind, path) for kind in KINDS.values() for path in kind.stored]
NAMES = [path.stem for _, path in STORED]

FORGOTTEN: Mapping[str, str] = {}
"""Fields of earlier versions that nobody reads now, as ``JobEvent.job.attempt``, and why that is fine."""
NOT_UNDERSTOOD: Mapping[str, str] = {}
"""Kinds that readers of an earlier version refuse, as ``JobEvent.1``, and what a rollback has to wait for."""


def test_there_is_a_sample_of_every_shape() -> None:
    changed = [kind.name for kind in outdated()]
    assert not changed, (
        f"the shape of {', '.join(changed)} is new: keep the files of before, which tell whether a rollback "
        "is safe, and add one with: PYTHONPATH=tests .venv/bin/python -m unit.contracts.wire"
    )


def test_no_sample_is_of_a_kind_that_there_is_not() -> None:
    assert {path for _, path in STORED} == set(SAMPLES.iterdir())


@pytest.mark.parametrize(("kind", "path"), STORED, ids=NAMES)
def test_what_an_earlier_version_wrote_is_read_today(kind: Kind, path: Path) -> None:
    for sample in stored_samples(path)[1]:
        assert set(_lost(kind.name, sample["body"], kind.again(sample)["body"])) <= set(FORGOTTEN)


@pytest.mark.parametrize(("kind", "path"), STORED, ids=NAMES)
def test_what_is_written_today_is_read_by_an_earlier_version(kind: Kind, path: Path) -> None:
    reader = jsonschema_rs.validator_for(stored_samples(path)[0])
    for said in kind.said:
        part = said["headers" if kind.name == "DeadLetter" else "body"]
        refused = [error.message for error in reader.iter_errors(part)]
        assert not refused or path.stem in NOT_UNDERSTOOD, f"{path.stem} refuses {part}: {refused}"


@pytest.mark.parametrize(("kind", "path"), STORED, ids=NAMES)
def test_it_is_said_where_an_earlier_version_listens_and_with_the_headers_that_it_knows(
    kind: Kind, path: Path
) -> None:
    for sample in stored_samples(path)[1]:
        again = kind.again(sample)
        assert again.get("subject") == sample.get("subject")
        assert again.get("headers", {}).items() >= sample.get("headers", {}).items()


def test_a_word_that_an_earlier_version_does_not_know_would_be_noticed() -> None:
    event = KINDS["JobEvent"]
    reader = jsonschema_rs.validator_for(event.shape)
    melted = {**event.said[0]["body"], "event": "melted"}
    assert not reader.is_valid(melted)
    assert reader.is_valid({**event.said[0]["body"], "since-v9": [1]}), (
        "a field that it does not know is ignored"
    )


def test_every_field_stands_in_a_sample() -> None:
    _, (full, bare) = stored_samples(KINDS["JobEvent"].stored[-1])
    defined = KINDS["JobEvent"].shape["$defs"]["JobRecord"]
    assert set(full["body"]["job"]) == set(defined["properties"])
    assert set(bare["body"]["job"]) >= set(defined["required"])


def _lost(where: str, sample: Any, again: Any) -> Iterator[str]:
    """What stands in *sample* and not, or otherwise, in what was made of it."""
    if isinstance(sample, dict) and isinstance(again, dict):
        for name, value in sample.items():
            yield from _lost(f"{where}.{name}", value, again.get(name))
    elif isinstance(sample, list) and isinstance(again, list) and len(sample) == len(again):
        for one, other in zip(sample, again, strict=True):
            yield from _lost(where, one, other)
    elif sample != again:
        yield where
