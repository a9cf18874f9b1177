"""What callers may ask for: every body is validated once, here, and nowhere again.

Unknown keys are ignored, as the real clients send some. Every error is an `Invalid` that names its field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hardlink import instants, values
from hardlink.errors import HardlinkError, Invalid, TooLarge
from hardlink.identifiers import checked

MOST_EVENTS = 500
"""Events of one call."""

_M = TypeVar("_M", bound="_Wire")


def _reference(value: object) -> object:
    """`{"id": ...}`, an empty one, or nothing; a bare ID is taken as well."""
    if value is None or value == "":
        return None
    id_ = value.get("id") if isinstance(value, Mapping) else value
    return None if id_ is None or (isinstance(id_, str) and not id_.strip()) else id_


def _nothing_is_empty(value: object) -> object:
    return {} if value is None else value


def _labels(value: object) -> object:
    """Segments come as a list of labels, or as label -> whether it holds."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return dict.fromkeys(value, True) if all(isinstance(v, str) for v in value) else value
    return {} if value is None else value


Reference = Annotated[Any, BeforeValidator(_reference)]
Properties = Annotated[dict[str, Any], BeforeValidator(_nothing_is_empty)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Options(_Wire):
    """Options of the tracker payload or of one event of it (seed 002; `save` and `saveEvents`: Tracardi's code)."""

    save: bool = True
    save_event: bool = Field(default=True, alias="saveEvent")
    save_events: bool = Field(default=True, alias="saveEvents")
    save_session: bool = Field(default=True, alias="saveSession")
    debugger: bool = False

    @property
    def saves(self) -> bool:
        """Whether the events that this stands on are to be stored."""
        return self.save and self.save_event and self.save_events


OptionsOf = Annotated[Options, BeforeValidator(_nothing_is_empty)]
_DEFAULT = Options()


class Event(_Wire):
    """One event of a tracker payload (seed 002). `time`: when it happened, on the device's clock."""

    type: Annotated[str, BeforeValidator(lambda v: v.strip() if isinstance(v, str) else v)]
    id: Annotated[Any, Field(default=None)]
    time: Any = None
    properties: Properties = Field(default_factory=dict)
    context: Properties = Field(default_factory=dict)
    options: OptionsOf = _DEFAULT
    tags: Annotated[list[str], BeforeValidator(lambda v: v or [])] = Field(default_factory=list)

    @property
    def happened(self) -> object:
        """The time as the client wrote it: `time` itself, or its `insert` or `create` (Tracardi)."""
        if isinstance(self.time, Mapping):
            given = self.time
            return given.get("insert") or given.get("create")
        return self.time


class Sent(_Wire):
    """What every write call says: its source, and the session if it has one."""

    source: Reference
    session: Reference = None

    @property
    def write_key(self) -> str:
        """The ID of the source. Raises `Invalid`."""
        if not isinstance(self.source, str | int):
            raise Invalid("send the write key of a source", "source.id")
        return str(self.source).strip()

    @property
    def session_id(self) -> str | None:
        """The session that the client made up, if it sent one. Raises `Invalid`."""
        return None if self.session is None else checked(self.session, "session.id")


class Track(Sent):
    """`POST /track`: the tracker payload of seed 002, plus `ids`. `events` are validated one by one, by `event`."""

    profile: Reference = None
    context: Properties = Field(default_factory=dict)
    properties: Properties = Field(default_factory=dict)
    events: Annotated[list[Any], BeforeValidator(lambda v: [] if v is None else v)] = Field(
        default_factory=list
    )
    options: OptionsOf = _DEFAULT
    ids: Properties = Field(default_factory=dict)


class Identify(Sent):
    """`POST /identify`: say who a session's visitor is. `time`: when it was said, on the device's clock."""

    profile: Reference = None
    ids: Properties = Field(default_factory=dict)
    properties: Properties = Field(default_factory=dict)
    segments: Annotated[dict[str, bool], BeforeValidator(_labels)] = Field(default_factory=dict)
    traits: Properties = Field(default_factory=dict)
    time: Any = None
    token: Any = None


class Update(Identify):
    """`POST /update`: say something about a session's visitor, or about the customer with these `ids`."""


class Anonymize(Sent):
    """`POST /anonymize`: whoever uses this device from now on is somebody else."""


class Consent(Sent):
    """`POST /consent`: `denied` stores nothing from now on."""

    profile: Reference = None
    tracking: Literal["granted", "denied"]
    erase: bool = False


def read(model: type[_M], body: object) -> _M:
    """A command from a parsed JSON body. Raises `Invalid`, and `TooLarge` for too many events."""
    if not isinstance(body, Mapping):
        raise Invalid("the body is a JSON object")
    command = _validated(model, body, "")
    if isinstance(command, Track) and len(command.events) > MOST_EVENTS:
        raise TooLarge(f"{len(command.events)} events: send at most {MOST_EVENTS} a call", "events")
    if isinstance(command, Identify):
        _check_values(command)
    return command


def event(body: object, number: int) -> Event:
    """One event of a payload, its limits held (seed 004). Raises `Invalid` naming `events[number]`."""
    field = f"events[{number}]"
    if not isinstance(body, Mapping):
        raise Invalid("an event is a JSON object with a type", field)
    found = _validated(Event, body, f"{field}.")
    values.check_name(found.type, f"{field}.type")
    return found


def event_id(found: Event, number: int) -> str | None:
    """The ID that the client gave an event. Raises `Invalid`."""
    return None if found.id in (None, "") else checked(found.id, f"events[{number}].id")


def _check_values(command: Identify) -> None:
    for field in ("properties", "segments", "traits"):
        values.check(getattr(command, field), field)
    if command.time is not None:
        instants.parse(command.time, "time")


def _validated(model: type[_M], body: object, prefix: str) -> _M:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _invalid(first, prefix) from error
    except RecursionError as error:
        raise Invalid("nested too deeply") from error


def _invalid(first: Any, prefix: str) -> HardlinkError:
    path = ".".join(map(str, first["loc"]))
    return Invalid(f"{first['msg'][:1].lower()}{first['msg'][1:]}", f"{prefix}{path}")
