"""The AsyncAPI document is drawn from the code, whole, and true to what is sent."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import yaml

from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.subjects import again_subject, dead_letter_subject
from fromcode.__main__ import ASYNCAPI
from fromcode.asyncapi import asyncapi_document
from fromcode.examples import Example, intents, job_event
from fromcode.program import services
from fromcode.tables import subscriptions

EXAMPLES = {**intents(), "JobEvent": job_event()}


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load(ASYNCAPI.read_text())


def test_the_document_is_what_the_code_says() -> None:
    assert ASYNCAPI.read_text() == asyncapi_document(), "run `make docs`"


def references(node: Any) -> Iterator[str]:
    match node:
        case dict():
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)


def test_every_reference_leads_somewhere(document: Any) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_sent_fits_its_schema(name: str, document: Any) -> None:
    message = document["components"]["messages"][name]
    example = EXAMPLES[name]
    assert_fits(example.payload, message["payload"], document)
    assert_fits(example.headers, message["headers"], document)


def test_what_lacks_a_field_does_not_fit(document: Any) -> None:
    payload = job_event().payload
    del payload["job"]["state"]
    with pytest.raises(jsonschema_rs.ValidationError, match="state"):
        assert_fits(payload, document["components"]["messages"]["JobEvent"]["payload"], document)


def assert_fits(value: Any, schema: dict[str, Any], document: Any) -> None:
    whole = {**schema, "components": json.loads(json.dumps(document["components"], default=str))}
    jsonschema_rs.validator_for(whole).validate(value)


SUBJECTS = {
    "intents": [example.subject for example in intents().values()],
    "jobEvents": [job_event().subject],
    "again": [again_subject("aap-poller-claims", 7)],
    "deadLetters": [dead_letter_subject("aap-poller", "cloudkit.intent.aap.ns.vm")],
}


@pytest.mark.parametrize(
    ("channel", "subject"), [(channel, subject) for channel, group in SUBJECTS.items() for subject in group]
)
def test_a_subject_fits_the_address_of_its_channel(channel: str, subject: str, document: Any) -> None:
    address = document["channels"][channel]["address"]
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^.]+)", re.escape(address)).replace(
        "(?P<subject>[^.]+)", "(?P<subject>.+)"
    )
    found = re.fullmatch(pattern, subject)
    assert found
    parameters = document["channels"][channel]["parameters"]
    assert set(found.groupdict()) == set(parameters)
    for name, value in found.groupdict().items():
        assert value in parameters[name].get("enum", [value])


def test_every_event_and_every_consumer_stands_in_the_document(document: Any) -> None:
    assert document["channels"]["jobEvents"]["parameters"]["event"]["enum"] == list(JobEventName)
    durables = {operation.get("x-durable") for operation in document["operations"].values()} - {None}
    assert durables == {one.durable for service in services() for one in subscriptions(service)}


def test_every_message_has_an_example() -> None:
    assert all(isinstance(example, Example) for example in EXAMPLES.values())
