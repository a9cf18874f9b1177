"""Two substitutions in the template that the emulator needs, and its other limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DOCUMENTED = {
    "path": "functions run in the folder of their code, which is not /var/task: the path is said from there",
    "partiql": "a batch of PartiQL inserts is checked as the action BatchExecuteStatement, on `*`, which IAM does not "
    "know: it is allowed where PartiQLInsert is. So whether PartiQLInsert is allowed is not shown here",
}
"""Kinds of substitutions, and why. Not substituted: server keys have punctuation, as ExcludePunctuation is ignored."""
BATCH = {"Action": "dynamodb:BatchExecuteStatement", "Effect": "Allow", "Resource": "*"}
_TASK = "/var/task/"
_INSERT = "dynamodb:PartiQLInsert"
Rule = Callable[[Any], Any]
"""Replacement of a value. `None`: it stays."""


@dataclass(frozen=True)
class Change:
    """A substitution: its kind, and where in the template it was made."""

    kind: str
    where: tuple[str, ...]


def substitute_resources(body: dict[str, Any]) -> tuple[dict[str, Any], list[Change]]:
    """A template as the emulator takes it, and what was changed."""
    rules: dict[str, Rule] = {
        "path": _path,
        "partiql": _partiql,
    }
    assert rules.keys() == DOCUMENTED.keys()
    changes: list[Change] = []
    return _visited(body, (), rules, changes), changes


def _visited(
    value: Any, where: tuple[str, ...], rules: dict[str, Rule], changes: list[Change]
) -> Any:
    match value:
        case dict():
            value = {
                k: _visited(v, (*where, k), rules, changes) for k, v in value.items()
            }
        case list():
            value = [
                _visited(v, (*where, str(i)), rules, changes)
                for i, v in enumerate(value)
            ]
    for kind, rule in rules.items():
        if (other := rule(value)) is not None:
            changes.append(Change(kind, where))
            value = other
    return value


def _path(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_TASK):
        return value.removeprefix(_TASK)
    return None


def _partiql(value: Any) -> Any:
    """A policy's statements, if one of them is about inserts."""
    if isinstance(value, list) and any(
        isinstance(one, dict) and _INSERT in one.get("Action", ()) for one in value
    ):
        return [*value, BATCH]
    return None
