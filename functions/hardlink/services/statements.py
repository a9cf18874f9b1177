"""Values for what a call says: the time of a statement, and what it says about its visitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

from hardlink.domain import clock_skew, ip_addresses, values
from hardlink.domain.call import Call
from hardlink.domain.commands import Identify, Track
from hardlink.domain.graph import NOTHING, Node
from hardlink.domain.records import Session
from hardlink.domain.values import Name, Value
from hardlink.services.verification import VerifiedIds


class Dated(Protocol):
    """The parts of a call with times on the device's clock: a `Statement`, or a `Batch`."""

    @property
    def device_times(self) -> Sequence[int | None]:
        """The time of each part, on the device's clock; `None` where the device names none."""

    @property
    def is_erased(self) -> bool:
        """True if nothing is left, as all of it predates an erasure."""

    def time(self, call: Call, offset: int) -> int | None:
        """Return the earliest server time, if the device names one; never in the future."""

    def without_erased(self, call: Call, session: Session) -> Self:
        """Leave out the parts that happened in a time that was erased of the session."""

    def erase(self) -> Self:
        """Leave out everything."""


class Statement(NamedTuple):
    """A call whose parts have one time. `device_time`: on the device's clock, if it names one."""

    device_time: int | None
    is_erased: bool = False

    @property
    def device_times(self) -> Sequence[int | None]:
        """The one time."""
        return [self.device_time]

    def time(self, call: Call, offset: int) -> int | None:
        """Return the time on the server's clock, if the device names it."""
        return server_time(self.device_time, call, offset)

    def without_erased(self, call: Call, session: Session) -> Statement:
        """Erase the statement where it was made in a time that was erased of the session."""
        time = self.time(call, session.offset)
        was_erased = session.was_erased(call.now if time is None else time)
        return self.erase() if was_erased else self

    def erase(self) -> Statement:
        """Leave out everything."""
        return self._replace(is_erased=True)


def server_time(device_time: int | None, call: Call, offset: int) -> int | None:
    """Convert a device's time to the server's clock: never in the future, and after 1970 began."""
    if device_time is None:
        return None
    # never 0, which is "never" wherever a node says when it was linked, undone or erased
    return max(1, min(clock_skew.correct_time(device_time, offset), call.now))


class VisitorUpdate(NamedTuple):
    """Identifiers and values of a call's visitor.

    `set_once`: attributes that are set only if they have no value. `only_current_customer`: soft
    `ids` are set on the customer who is logged in, and look up no other one. `proven`: the
    identifiers that a token proves; `None` where no proof is needed. `replaced_of`: the source
    whose earlier segments and traits these replace, if they do.
    """

    ids: tuple[Node, ...] = ()
    attributes: Mapping[str, Any] = NOTHING
    set_once: Mapping[str, Any] = NOTHING
    segments: Mapping[str, bool] = NOTHING
    traits: Mapping[str, Any] = NOTHING
    consents: Mapping[str, Any] = NOTHING
    only_current_customer: bool = False
    proven: frozenset[Node] | None = None
    replaced_of: str | None = None

    @classmethod
    def of_track(cls, command: Track, ids: VerifiedIds, source: str) -> VisitorUpdate:
        """Return what a `Track` command of a source says about its visitor."""
        return cls(
            ids.nodes,
            command.attributes,
            NOTHING,
            command.segments,
            command.traits,
            command.consents,
            command.only_current_customer,
            ids.proven,
            source if command.replace_lists else None,
        )

    @classmethod
    def of_identify(cls, command: Identify, ids: VerifiedIds) -> VisitorUpdate:
        """Return what an `Identify` or `Update` command says about its visitor."""
        return cls(
            ids.nodes,
            command.properties,
            command.set_once,
            command.segments,
            command.traits,
            command.consents,
            proven=ids.proven,
        )

    def is_empty(self) -> bool:
        """Tell whether nothing is said about the visitor: no identifiers, and no values."""
        said = (
            self.ids,
            self.attributes,
            self.set_once,
            self.segments,
            self.traits,
            self.consents,
        )
        return not any(said)

    def timestamped_values(self, time: int) -> dict[Name, Value]:
        """Return the values as set at a time, microseconds, without IP addresses."""
        attributes = ip_addresses.strip_ip_addresses(self.attributes)
        once = ip_addresses.strip_ip_addresses(self.set_once)
        return {
            **values.with_timestamp("attributes", once, time, once=True),
            **values.with_timestamp("attributes", attributes, time),
            **self._timestamped_lists(time),
            **values.with_timestamp("consents", self.consents, time),
        }

    def _timestamped_lists(self, time: int) -> dict[Name, Value]:
        traits = ip_addresses.strip_ip_addresses(self.traits)
        if self.replaced_of is not None:
            return values.replacing_lists(self.replaced_of, self.segments, traits, time)
        return {
            **values.with_timestamp("segments", self.segments, time),
            **values.with_timestamp("traits", traits, time),
        }
