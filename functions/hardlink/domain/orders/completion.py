"""Complete an order that is told again: what a later report adds to the event that is kept. Pure.

An event is never rewritten, so what is added is kept beside it and lies over it wherever it is
read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hardlink.domain.graph import NOTHING

PRODUCTS = "products"
"""The lines of an order, in the words of Hello Retail's conversions and of the order feed."""
STATUS = "status"
_NUMBERS = ("number", "orderNumber")
"""What a report calls the order's number: it is that of the order, not a value of its own."""
_MISSING = object()
"""No value that a report could have."""

Values = Mapping[str, Any]


class OrderReport(NamedTuple):
    """One report of an order, or the event that is kept of it.

    `type`: of the event; `order`: as `describe_order` formats it; `properties`: of the event;
    `by_shop`: the shop's order feed said it, not a client.
    """

    type: str
    order: Values
    properties: Values
    by_shop: bool = False


class Completion(NamedTuple):
    """Values that later reports add to the event of an order; readers lay them over its own.

    `by_shop`: the shop has reported it, so clients change nothing of it any more.
    """

    order: Values = NOTHING
    properties: Values = NOTHING
    by_shop: bool = False

    def overlay(self, body: Values) -> dict[str, Any]:
        """Lay what was added over the body of the event (`order`, `properties`, ...).

        The body itself stays as it was stored.
        """
        return {
            **body,
            "order": {**body.get("order", NOTHING), **self.order},
            "properties": {**body.get("properties", NOTHING), **self.properties},
        }


class Completed(NamedTuple):
    """A completion, and the names of what the event keeps although the report says otherwise."""

    completion: Completion
    kept: tuple[str, ...] = ()


def complete_order(
    event: OrderReport, before: Completion, report: OrderReport
) -> Completed:
    """Complete an event by a report. `before`: what earlier reports added.

    | value | rule |
    |---|---|
    | missing so far | is added |
    | another `status` | the shop's counts, else the latest client's |
    | more of the same lines | count, as the report before was of a part of the order |
    | any other value | the shop's first report corrects what a client said; else the first stays |

    Properties are completed only where both events are of one type: another system's mean others.
    """
    shop_spoke = event.by_shop or before.by_shop
    rules = _Rules(
        corrects=report.by_shop and not shop_spoke,
        sets_status=report.by_shop or not shop_spoke,
    )
    order, kept = rules.changes({**event.order, **before.order}, report.order)
    properties: dict[str, Any] = {}
    shown = {**event.properties, **before.properties}
    if report.type == event.type:
        properties, also_kept = rules.changes(shown, report.properties)
        kept = [*kept, *also_kept]
    elif PRODUCTS in report.properties and PRODUCTS not in shown:
        # Of another system's properties only the lines mean the same; they are the order's then.
        lines = {PRODUCTS: report.properties[PRODUCTS]}
        order |= rules.changes(before.order, lines)[0]
    completion = Completion(
        {**before.order, **order},
        {**before.properties, **properties},
        before.by_shop or report.by_shop,
    )
    return Completed(completion, tuple(dict.fromkeys(kept)))


class _Rules(NamedTuple):
    """The choice of the values of a report that count although the event has others."""

    corrects: bool
    sets_status: bool

    def changes(
        self, shown: Values, reported: Values
    ) -> tuple[dict[str, Any], list[str]]:
        """Select the values of a report that count, and the names of those that do not.

        `shown`: the values that the event has so far, with what was added. The order's number is
        no value, and a value that is said again as it is changes nothing.
        """
        changed: dict[str, Any] = {}
        kept: list[str] = []
        for name, value in reported.items():
            # each system calls the number otherwise, and it is known already
            if name in _NUMBERS or shown.get(name, _MISSING) == value:
                continue
            if name not in shown or self._replaces(name, shown[name], value):
                changed[name] = value
            else:
                kept.append(name)
        return changed, kept

    def _replaces(self, name: str, old: object, new: object) -> bool:
        """Tell whether another value of a name counts instead of the one that is shown."""
        if name == STATUS:
            return self.sets_status
        completes = name == PRODUCTS and _has_more_lines(old, new)
        return completes or self.corrects


def _has_more_lines(old: object, new: object) -> bool:
    """Tell whether lines of an order are some of the new ones: each as often, and not all.

    `old`: as the event has them, `new`: as a report has them. What is no list of lines is no part
    of one.
    """
    if not isinstance(old, Sequence) or not isinstance(new, Sequence):
        return False
    # Lines are objects, which no set can hold, and one product may stand in two equal lines.
    rest = list(new)
    for line in old:
        if line not in rest:
            return False
        rest.remove(line)
    return bool(rest)
