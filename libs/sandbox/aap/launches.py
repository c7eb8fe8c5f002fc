"""What a launch request asks for, and what of it a template allows.

A job template ignores what it does not prompt for, and says so; a workflow template refuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sandbox.aap.answers import Answer, bad_request
from sandbox.aap.model import Order, Template, TemplateKind, User
from sandbox.aap.templates import prompts_of


@dataclass(frozen=True)
class Accepted:
    """What will be launched, and the fields that will not be heeded."""

    order: Order
    ignored_fields: Mapping[str, Any]


def read_body(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a launch request. Raises `Answer` 400."""
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise bad_request("JSON parse error - not a JSON object") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(f"JSON parse error - {error}") from None


def accept(template: Template, user: User, body: Mapping[str, msgspec.Raw]) -> Accepted:
    """What *template* makes of the launch fields in *body*. Raises `Answer` 400."""
    extra_vars = _read_extra_vars(body.get("extra_vars"))
    given = {
        name: value
        for name, of_template in prompts_of(template).items()
        if name in body and (value := msgspec.json.decode(body[name])) != of_template
    }
    prompts = {name: value for name, value in given.items() if template.asks_for(name)}
    ignored = {name: value for name, value in given.items() if name not in prompts}
    if not template.asks_for("extra_vars") and (names := _names(extra_vars)):
        ignored["extra_vars"] = msgspec.Raw(extra_vars)
        if template.kind is TemplateKind.WORKFLOW_JOB_TEMPLATE:
            raise _refused(ignored, names)
        extra_vars = b"{}"
    elif ignored and template.kind is TemplateKind.WORKFLOW_JOB_TEMPLATE:
        raise _refused(ignored, ())
    return Accepted(Order(template=template, user=user, extra_vars=extra_vars, prompts=prompts), ignored)


def _read_extra_vars(raw: msgspec.Raw | None) -> bytes:
    """extra_vars as JSON text. They may come as an object, or as a string that holds one."""
    text = bytes(raw) if raw is not None else b"{}"
    try:
        if text.startswith(b'"'):
            text = msgspec.json.decode(text, type=str).encode() or b"{}"
        text.decode()
        msgspec.json.decode(text, type=dict[str, msgspec.Raw] | None)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Answer(400, {"extra_vars": [f"Must be valid JSON or YAML. {error}"]}) from None
    return b"{}" if text == b"null" else text


def _names(extra_vars: bytes) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(extra_vars, type=dict[str, msgspec.Raw]))


def _refused(ignored: Mapping[str, Any], names: tuple[str, ...]) -> Answer:
    reasons = {name: ["Field is not configured to prompt on launch."] for name in ignored}
    if names:
        reasons["extra_vars"] = [
            f"Variables {', '.join(names)} are not allowed on launch. "
            "Check the Prompt on Launch setting on the Workflow Job Template to include Extra Variables."
        ]
    return Answer(400, reasons)
