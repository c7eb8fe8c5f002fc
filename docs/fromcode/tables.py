"""The tables: what each of them draws from the code, and from where."""

import ast
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import fields
from inspect import Parameter, getmembers, isfunction, signature
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from cloudkit.contracts.events import JobEventName
from cloudkit.runtime import metrics as shared_metrics
from cloudkit.runtime.again import with_twins
from cloudkit.runtime.delivery import BatchSubscription, Subscription
from cloudkit.runtime.settings import describe
from cloudkit.runtime.settings.declare import Declaration
from cloudkit.runtime.streams import StreamSizes, stream_configs
from fromcode.loglines import log_lines
from fromcode.pages import Row, code, codes
from fromcode.program import ROOT, Service, services, trees

NANOSECONDS = 1_000_000_000
POSITIONAL = frozenset({Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD})
MIB = 1024 * 1024

LIFECYCLE = ROOT / "docs" / "lifecycle.md"
REASON = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)*")
NO_REASONS = frozenset(
    {
        *("Accept", "Authorization", "Location"),
        *("Available", "Ready", "Stalled", "True", "False", "Unknown"),
        *("ComputeInstance", "Progressing", "Failed", "Pending", "Waiting", "Running"),
        *("NotFound", "Expired"),
        *("Normal", "Warning"),
    }
)
"""Words written like the reason of a condition that are none: headers, states, phases, conditions, errors
that never reach a resource, and types of events."""


def every_table() -> dict[str, Sequence[Row]]:
    """Each table by its name."""
    return {
        "settings": settings(),
        "metrics": metrics(),
        "streams": streams(),
        "consumers": consumers(),
        "events": events(),
        "reasons": reasons(),
        "log-runtime": logged(ROOT / "libs" / "cloudkit"),
        **{f"log-{service.name}": logged(service.folder) for service in services()},
    }


def settings() -> list[Row]:
    """Variable, default, what it must be, who reads it, meaning."""
    readers: dict[str, list[Service]] = {}
    declared: dict[str, Declaration] = {}
    for service in services():
        for one in _declarations(service):
            if declared.setdefault(one.variable, one) != one:
                raise LookupError(f"{one.variable} is declared in two ways")
            readers.setdefault(one.variable, []).append(service)
    everybody = len(services())
    order = sorted(declared, key=lambda variable: (-len(readers[variable]), readers[variable][0], variable))
    return [
        (
            code(variable),
            _default(declared[variable]),
            declared[variable].expected,
            "all" if len(readers[variable]) == everybody else ", ".join(s.name for s in readers[variable]),
            declared[variable].meaning,
        )
        for variable in order
    ]


def _declarations(service: Service) -> Iterator[Declaration]:
    settings = service.module("settings").Settings
    known = {row.variable for row in describe(settings)}
    for field in fields(settings):
        if (declared := field.metadata.get("declaration")) and declared.variable in known:
            yield declared


def _default(declared: Declaration) -> str:
    return "**required**" if declared.default is None else code(declared.default) or "not set"


def metrics() -> list[Row]:
    """Name, type, labels, who has it, help."""
    found = [(metric, "all") for metric in _metrics_of(shared_metrics)]
    for service in services():
        if (service.folder / "metrics.py").exists():
            found += [(metric, service.name) for metric in _metrics_of(service.module("metrics"))]
    return [(*_metric(metric), where, _sentence(metric)) for metric, where in found]


def _metrics_of(module: ModuleType) -> list[MetricWrapperBase]:
    return [value for value in vars(module).values() if isinstance(value, MetricWrapperBase)]


def _metric(metric: MetricWrapperBase) -> tuple[str, str, str]:
    described = next(iter(metric.describe()))
    name = f"{described.name}_total" if described.type == "counter" else described.name
    labels = metric._labelnames  # noqa: SLF001  # there is no public way to ask for them
    return code(name), described.type, codes(labels)


def _sentence(metric: MetricWrapperBase) -> str:
    text = next(iter(metric.describe())).documentation
    return text if text.endswith(".") else f"{text}."


def streams() -> list[Row]:
    """Name, subjects, retention, how much is kept."""
    return [
        (
            code(config["name"]),
            codes(config["subjects"]),
            config["retention"],
            "1 per subject" if config["max_msgs_per_subject"] == 1 else "all",
            f"{config['max_age'] // NANOSECONDS // 86_400} days" if config["max_age"] else "for ever",
            f"{config['max_bytes'] // MIB} MiB" if config["max_bytes"] > 0 else "any",
            f"the {config['discard']} one goes" if config["discard"] == "old" else "a new one is refused",
        )
        for config in stream_configs(StreamSizes())
    ]


def consumers() -> list[Row]:
    """Durable, service, stream, subjects."""
    return [
        (
            code(subscription.durable),
            service.name,
            code(subscription.stream),
            "<br>".join(map(code, subscription.subjects)),
        )
        for service in services()
        for subscription in subscriptions(service)
    ]


class _Anything:
    """Stands where a handler would: it is named, never called."""

    def __getattr__(self, name: str) -> "_Anything":
        return self


def subscriptions(service: Service) -> list[Subscription[Any] | BatchSubscription[Any]]:
    """What *service* subscribes to when it looks after every namespace."""
    module = service.module("subscriptions")
    found: list[Subscription[Any] | BatchSubscription[Any]] = []
    for _, function in getmembers(module, isfunction):
        if function.__module__ != module.__name__ or "Subscription" not in str(
            signature(function).return_annotation
        ):
            continue
        given = _arguments(function, POSITIONAL), _arguments(function, {Parameter.KEYWORD_ONLY})
        made = function(*given[0].values(), **given[1])
        found += made if isinstance(made, tuple) else (made,)
    return sorted(with_twins(found), key=lambda subscription: subscription.durable)


def _arguments(function: Callable[..., Any], kinds: Collection[Any]) -> dict[str, Any]:
    """Arguments for the parameters of these *kinds*: texts are empty, numbers are one."""
    stand_ins: dict[Any, Any] = {str: "", int: 1, float: 1.0}
    return {
        parameter.name: stand_ins.get(parameter.annotation, _Anything())
        for parameter in signature(function).parameters.values()
        if parameter.kind in kinds and parameter.default is Parameter.empty
    }


def events() -> list[Row]:
    """Each event, and what its enumeration says of it."""
    return [(code(name), meaning) for name, meaning in event_meanings().items()]


def event_meanings() -> dict[str, str]:
    """The sentence below each member of `JobEventName`."""
    _, module = next(trees(ROOT / "libs/cloudkit/contracts/events.py"))
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    meanings = {}
    for member, text in pairwise(classes[JobEventName.__name__].body):
        match member, text:
            case ast.Assign(value=ast.Constant(value=str(name))), ast.Expr(ast.Constant(str(said))):
                meanings[name] = said.replace("``", "`")
    assert list(meanings) == [name.value for name in JobEventName]  # noqa: S101  # a member without a sentence
    return meanings


def reasons() -> list[Row]:
    """Every word that may be the reason of a condition and that ``docs/lifecycle.md`` leaves to others."""
    elsewhere = set(re.findall(r"^\| `(\w+)` \|", LIFECYCLE.read_text(), re.MULTILINE))
    folders = [
        ROOT / "libs/cloudkit/contracts",
        ROOT / "libs/cloudkit/lifecycle",
        *(s.folder for s in services()),
    ]
    words = {
        node.value
        for folder in folders
        for path, module in trees(folder)
        if path.name != "notices.py"  # Those of events stand in docs/describe.md.
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and REASON.fullmatch(node.value)
    }
    return [(code(word),) for word in sorted(words - NO_REASONS - elsewhere)]


def logged(folder: Path) -> list[Row]:
    """Message, levels, fields."""
    return [
        (code(line.text), ", ".join(sorted(line.levels)), codes(sorted(line.fields)))
        for line in log_lines(folder)
    ]
