"""The AsyncAPI document: every channel, message and operation, with schemas made from the contracts."""

from typing import Any

import msgspec
import yaml

from cloudkit.contracts import subjects
from cloudkit.contracts.cloudevents import SPEC_VERSION
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import Cancel, Confirm, Deprovision, Follow, Intent, Provision, Reconcile
from cloudkit.contracts.jobs import JobType, Provider
from cloudkit.runtime.delivery import BatchSubscription, Subscription
from fromcode.examples import Example, intents, job_event
from fromcode.program import Service, services
from fromcode.tables import subscriptions

HEAD = """\
# Drawn from the code by `make docs`; a test fails when it says something else. Do not edit it by hand.
"""
DESCRIPTION = """\
What the services of cloudkit-provisioner say to each other over NATS JetStream; others may listen.

Intents are requests between the services: they may be lost, doubled or late, and change without notice.
Job events are facts, appended and never changed: subscribe to them as you like.
docs/reference/subjects.md says how.
"""
INTENTS = (Reconcile, Provision, Deprovision, Cancel, Confirm, Follow)
TEXT: dict[str, Any] = {"type": "string"}

Document = dict[str, Any]


def asyncapi_document() -> str:
    """The document as YAML."""
    plain = msgspec.to_builtins(_document())
    return HEAD + yaml.dump(plain, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


def _document() -> Document:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "cloudkit-provisioner",
            "version": "1.0.0",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": {**_sent(), **_received()},
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


class _Plain(yaml.SafeDumper):
    """Writes equal values out instead of pointing at the first of them, and long texts as blocks."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)


def _channels() -> Document:
    name = {"description": "A Kubernetes name; a dot in it is written `_`."}
    where = {"namespace": name, "name": name}
    return {
        "intents": {
            "address": "cloudkit.intent.{service}.{namespace}.{name}",
            "title": f"Stream {subjects.INTENTS}",
            "description": "One intent per instance and service: the newest replaces the one before.",
            "messages": {intent.__name__: _ref("messages", intent.__name__) for intent in INTENTS},
            "parameters": {
                "service": {"description": "Who it is for.", "enum": list(subjects.Addressee)},
                **where,
            },
        },
        "jobEvents": {
            "address": "cloudkit.job.{namespace}.{name}.{uid}.{provider}.{type}.{event}",
            "title": f"Stream {subjects.JOBS}",
            "description": "What happened to every job, in the order in which it happened for each instance.",
            "messages": {"JobEvent": _ref("messages", "JobEvent")},
            "parameters": {
                **where,
                "uid": {"description": "The uid of the ComputeInstance."},
                "provider": {"description": "Who runs the job.", "enum": list(Provider)},
                "type": {"description": "What the job does to the machine.", "enum": list(JobType)},
                "event": {"description": "What happened.", "enum": list(JobEventName)},
            },
        },
        "again": {
            "address": "cloudkit.intent.again.{durable}.{sequence}",
            "title": f"Stream {subjects.INTENTS}",
            "description": "Events of the job log that a consumer gave up, to be delivered to it once more.",
            "messages": {"JobEvent": _ref("messages", "JobEvent")},
            "parameters": {
                "durable": {"description": "The consumer that gave it up."},
                "sequence": {"description": f"Its sequence in {subjects.JOBS}."},
            },
        },
        "deadLetters": {
            "address": "cloudkit.dead.{service}.{subject}",
            "title": f"Stream {subjects.DEAD_LETTERS}",
            "description": "Messages that nobody could handle, as they were; docs/reference/dead-letters.md.",
            "messages": {"DeadLetter": _ref("messages", "DeadLetter")},
            "parameters": {
                "service": {"description": "Who could not handle it.", "enum": [s.name for s in services()]},
                "subject": {"description": "The subject it was on: several tokens."},
            },
        },
    }


def _sent() -> Document:
    asked = [intent.__name__ for intent in INTENTS]
    return {
        "watcherAsks": _operation("send", "intents", asked, "The watcher asks for what brings it forward."),
        "providerAsksToReconcile": _operation(
            "send", "intents", ["Reconcile"], "A provider found an intent stale: let the resource catch up."
        ),
        "providerTells": _operation("send", "jobEvents", ["JobEvent"], "A provider says what happened."),
        "operatorReplays": _operation(
            "send",
            "again",
            ["JobEvent"],
            "An operator replays a dead letter: `cloudkit dead-letters replay`.",
        ),
        "anybodyGivesUp": _operation("send", "deadLetters", ["DeadLetter"], "Kept for a person to look at."),
    }


def _received() -> Document:
    return {
        _camel(subscription.durable): _subscribed(service, subscription)
        for service in services()
        for subscription in subscriptions(service)
    }


def _subscribed(service: Service, subscription: Subscription[Any] | BatchSubscription[Any]) -> Document:
    channel, messages = _heard(subscription)
    if channel == "intents":
        is_status = subscription.subjects[0] == subjects.intents_for(subjects.Addressee.STATUS)
        messages = [name for name in messages if (name == "Reconcile") is is_status]
    operation = _operation("receive", channel, messages, f"{service.name} hears it.")
    return operation | {"x-durable": subscription.durable, "x-filter-subjects": list(subscription.subjects)}


def _heard(subscription: Subscription[Any] | BatchSubscription[Any]) -> tuple[str, list[str]]:
    """On which channel, and which of its messages."""
    if subscription.stream == subjects.JOBS:
        return "jobEvents", ["JobEvent"]
    if subscription.subjects[0].startswith(subjects.AGAIN):
        return "again", ["JobEvent"]
    return "intents", [intent.__name__ for intent in INTENTS]


def _operation(action: str, channel: str, messages: list[str], summary: str) -> Document:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _messages() -> Document:
    examples = intents()
    return {
        **{intent.__name__: _message(intent, examples[intent.__name__]) for intent in INTENTS},
        "JobEvent": _message(JobEvent, job_event()),
        "DeadLetter": {
            "summary": "A message that nobody could handle.",
            "contentType": "application/json",
            "payload": {"description": "The body of the message, whatever it was."},
        },
    }


def _message(type: type[msgspec.Struct], example: Example) -> Document:
    return {
        "summary": (type.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {
                **dict.fromkeys(example.headers, TEXT),
                "ce-specversion": {"type": "string", "const": SPEC_VERSION},
                "traceparent": {"type": "string", "description": "W3C trace context, if tracing is on."},
            },
            "required": list(example.headers),
        },
        "payload": _ref("schemas", type.__name__),
        "examples": [{"name": type.__name__, "headers": example.headers, "payload": example.payload}],
    }


def _schemas() -> Document:
    _, schemas = msgspec.json.schema_components(
        [JobEvent, Intent], ref_template="#/components/schemas/{name}"
    )
    return {name: _reflowed(schemas[name]) for name in sorted(schemas)}


def _reflowed(schema: Document) -> Document:
    """Docstrings without the indentation of their source."""
    if "description" in schema:
        lines = [line.strip() for line in schema["description"].splitlines()]
        return schema | {"description": "\n".join(lines).replace("``", "`")}
    return schema


def _ref(kind: str, name: str) -> Document:
    return {"$ref": f"#/components/{kind}/{name}"}


def _camel(dashed: str) -> str:
    first, *others = dashed.split("-")
    return first + "".join(other.capitalize() for other in others)
