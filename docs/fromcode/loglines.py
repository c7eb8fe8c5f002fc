"""The messages that a package logs, read from its source: text, levels and fields.

The text of an f-string has ``<name>`` where a value goes. A message that cannot be read from the source is
an error: then nobody could search for it either.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fromcode.program import ROOT, trees

SHARED = ROOT / "libs" / "cloudkit" / "runtime" / "log_lines.py"
"""Where services have their words from that more than one of them says."""
LEVELS = ("debug", "info", "warning", "error")


@dataclass
class LogLine:
    """One message, wherever in the package it is said."""

    text: str
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def log_lines(folder: Path) -> list[LogLine]:
    """Every message that the modules under *folder* log, by text. Raises `LookupError`."""
    lines: dict[str, LogLine] = {}
    modules = dict(trees(folder))
    names = _Names([*(module for _, module in trees(SHARED)), *modules.values()])
    for file, module in modules.items():
        for call, levels in _log_calls(module):
            for text in _texts(call.args[0], names, f"{file.name}:{call.lineno}"):
                line = lines.setdefault(text, LogLine(text))
                line.levels |= levels
                line.fields |= {name for keyword in call.keywords for name in _fields(keyword, names)}
    return sorted(lines.values(), key=lambda line: line.text.lower())


class _Names:
    """What a name stands for in a package: functions, and the expressions assigned to variables."""

    def __init__(self, modules: Iterable[ast.Module]) -> None:
        self.functions: dict[str, ast.FunctionDef] = {}
        self.values: dict[str, ast.expr] = {}
        for module in modules:
            for node in ast.walk(module):
                if isinstance(node, ast.FunctionDef):
                    self.functions[node.name] = node
                elif isinstance(node, ast.Assign):
                    self._note(node.targets[0], node.value)

    def _note(self, target: ast.expr, value: ast.expr) -> None:
        match target, value:
            case ast.Name(id=name), _:
                self.values[name] = value
            case ast.Tuple(elts=targets), ast.Tuple(elts=values):
                for each, its in zip(targets, values, strict=False):
                    self._note(each, its)


def _log_calls(module: ast.Module) -> Iterator[tuple[ast.Call, set[str]]]:
    """Calls of ``log.<level>``, also through a variable that was chosen from several levels."""
    aliases = {
        target.id: levels
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name)
        if (levels := {level for part in ast.walk(node.value) if (level := _level(part))})
        and not isinstance(node.value, ast.Call)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and node.args:
            if level := _level(node.func):
                yield node, {level}
            elif isinstance(node.func, ast.Name) and node.func.id in aliases:
                yield node, aliases[node.func.id]


def _level(node: ast.AST) -> str:
    match node:
        case ast.Attribute(value=ast.Name(id="log"), attr=level) if level in LEVELS:
            return level
    return ""


def _texts(node: ast.expr, names: _Names, where: str) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(_part(part) for part in parts)]
        case ast.IfExp(body=one, orelse=other):
            return [*_texts(one, names, where), *_texts(other, names, where)]
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name)) if isinstance(
            table := names.values.get(name), ast.Dict
        ):
            return [text for value in table.values for text in _texts(value, names, where)]
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in names.values:
            return _texts(names.values[name], names, where)
    raise LookupError(f"{where}: the message of this log line cannot be read from the source")


def _part(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=ast.BoolOp(values=[*_, last])):
            return _part(ast.FormattedValue(last, -1))
        case ast.FormattedValue(value=ast.Attribute(attr=name) | ast.Name(id=name)):
            return f"<{name}>"
    return "<…>"


def _fields(keyword: ast.keyword, names: _Names) -> Iterator[str]:
    if keyword.arg is not None:
        yield "exception" if keyword.arg == "exc_info" else keyword.arg
    else:
        yield from _keys(keyword.value, names)


def _keys(node: ast.expr, names: _Names) -> Iterator[str]:
    """The keys of a mapping whose expression is *node*, as far as they can be read."""
    match node:
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if key is None:
                    yield from _keys(value, names)
                elif isinstance(key, ast.Constant):
                    yield str(key.value)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in names.functions:
            for part in ast.walk(names.functions[name]):
                if isinstance(part, ast.Return) and part.value is not None:
                    yield from _keys(part.value, names)
        case ast.Name(id=name) if name in names.values:
            yield from _keys(names.values[name], names)
        case ast.BinOp(left=left, right=right):
            yield from _keys(left, names)
            yield from _keys(right, names)
