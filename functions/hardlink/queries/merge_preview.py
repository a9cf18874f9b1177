"""Show what a merge of two customers brings together, before or after it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hardlink.domain.values import SHOWN_KINDS
from hardlink.queries.customer import Customer
from hardlink.storage.store import Store


def preview_merge(
    store: Store, absorbed: Customer, customer: Customer
) -> dict[str, Any]:
    """Describe both customers and the values in which they differ.

    `kept` is the value that readers see of the merged customer: the one set last. Segments are
    lists, of which each entry holds by itself, so they are no conflict.
    """
    together = customer.absorb(absorbed).read_values(store)
    values = [one.read_values(store) for one in (absorbed, customer)]
    conflicts: list[dict[str, Any]] = []
    for kind in SHOWN_KINDS:
        if kind != "segments":
            conflicts += _list_conflicts(kind, values[0], values[1], together)
    return {
        "from": _describe(absorbed),
        "into": _describe(customer),
        "conflicts": conflicts,
    }


def _describe(customer: Customer) -> dict[str, Any]:
    return {
        "customer": customer.root._asdict(),
        "identifiers": customer.identifiers,
        "visits": len(customer.visits),
    }


def _list_conflicts(
    kind: str,
    absorbed: Mapping[str, Any],
    customer: Mapping[str, Any],
    together: Mapping[str, Any],
) -> list[dict[str, Any]]:
    conflicts: list[dict[str, Any]] = []
    for name, value in absorbed[kind].items():
        if name not in customer[kind] or customer[kind][name] == value:
            continue
        conflict = {"kind": kind, "name": name, "from": value}
        conflict |= {"into": customer[kind][name], "kept": together[kind].get(name)}
        conflicts.append(conflict)
    return conflicts
