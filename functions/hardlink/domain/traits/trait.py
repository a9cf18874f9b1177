"""A computed trait: which events count, what of them, within which window, and how. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hardlink.domain.graph import NOTHING
from hardlink.domain.times import to_iso
from hardlink.domain.traits.aggregates import Aggregate
from hardlink.domain.traits.selection import SessionEvent
from hardlink.domain.traits.shop_events import Paths, find_first
from hardlink.domain.traits.windows import EVER, Window, window_of_days

Filter = Callable[[SessionEvent], bool]


def _accept_every(_: SessionEvent) -> bool:
    """Accept an event: a trait without a filter."""
    return True


class Trait(NamedTuple):
    """A computed trait.

    - `name`: also says the window, where that is not its own (see `within`).
    - `paths`: of the value in the properties of each type of event; no paths mean its time.
    - `any_paths`: the same for events of all other types; `None` leaves these out.
    - `accepts`: a further filter. `public`: pages may read it of their own visitor.
    """

    name: str
    aggregate: Aggregate
    window: Window = EVER
    paths: Mapping[str, Paths] = NOTHING
    any_paths: Paths | None = None
    accepts: Filter = _accept_every
    public: bool = False

    def within(self, days: int) -> Trait:
        """Return the trait over the last days.

        Raises `ValueError` for one that has a window of its own: which of both would count?
        """
        if self.window.kind != "ever":
            raise ValueError(f"{self.name} has a window of its own")
        name = f"{self.name} within {days} days"
        return self._replace(name=name, window=window_of_days(days))

    def read(self, found: SessionEvent) -> object:
        """Read what the trait is computed of; `None` for an event that does not count."""
        paths = self._find_paths(found.event.type)
        # The filter is asked last: it costs more than a look at the type.
        if paths is None or not self.accepts(found):
            return None
        # Traits of when something happened need no property.
        if not paths:
            return to_iso(found.event.time)
        return find_first(found.properties, paths)

    def _find_paths(self, type_: str) -> Sequence[str] | None:
        """Find the paths for events of a type; `None` where these do not count."""
        return self.paths.get(type_, self.any_paths)
