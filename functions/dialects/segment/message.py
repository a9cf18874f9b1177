"""One message on its way to commands: what the clients' vocabularies have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator, ValidationError

from dialects.segment.command_group import CommandGroup, Fault
from hardlink.domain import values
from hardlink.domain.commands import Identify, Track, Update
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.identifiers import parse_identifier, parse_session_id
from hardlink.domain.sources import Project


class Nobody(Exception):
    """A message is about nobody who can be one; what is wrong was named already."""


class FieldNames(NamedTuple):
    """What a client calls the fields of a message."""

    session: str
    user: str
    time: str
    values: str = "traits"
    event: str = "event"
    id: str = "messageId"


class Visitor(NamedTuple):
    """Who a message is about: a session, a customer, or both."""

    session: str | None
    user: str | None


class Item:
    """One message: `number` is its place in the batch; what is wrong with it is appended to `faults`."""

    def __init__(
        self, number: int, project: Project, wire: FieldNames, faults: list[Fault]
    ) -> None:
        self._number = number
        self._project = project
        self._wire = wire
        self._faults = faults

    def fault(self, field: str, message: str) -> None:
        """Name what is wrong with this message."""
        self._faults.append(Fault(self._number, field, message))

    def session(self, value: object, field: str | None = None) -> str | None:
        """A session's ID, if it is sent and can be one; else it is named."""
        return self._id(value, field or self._wire.session, parse_session_id)

    def user(self, value: object, field: str | None = None) -> str | None:
        """A customer's ID, if it is sent and can be one; else it is named."""
        return self._id(value, field or self._wire.user, parse_identifier)

    def visitor(self, session: object, user: object) -> Visitor:
        """Who it is about. Raises `Invalid` where neither is sent, `Nobody` where neither can be an ID."""
        if not (given(session) or given(user)):
            names = dict.fromkeys((self._wire.session, self._wire.user))
            raise Invalid(f"say who it is: send {' or '.join(names)}", self._wire.user)
        found = Visitor(self.session(session), self.user(user))
        if found == (None, None):
            raise Nobody
        return found

    def event(
        self,
        who: Visitor,
        event: Mapping[str, Any],
        *,
        traits: Mapping[str, Any] = NOTHING,
        wire: Mapping[str, str] = NOTHING,
    ) -> CommandGroup:
        """An event of this visitor. `traits`: what it says of them; `wire`: more of the client's names."""
        body: dict[str, Any] = {"ids": self._ids(who.user), "events": [event], "traits": traits}
        body |= {"session": who.session} if who.session else {"server_side": True}
        names = {"type": self._wire.event, "time": self._wire.time, "id": self._wire.id, **wire}
        return CommandGroup([self._number], Track, body, {**names, **self._names})

    def about(
        self, who: Visitor, said: Mapping[str, Any], time: object, *, email: object = None
    ) -> CommandGroup:
        """What is said about somebody, and who they are: an address counts beside a customer's ID only."""
        ids = self._ids(who.user)
        type_ = self._project.email
        if ids and type_ and type_ not in ids:
            address = self._id(email, f"{self._wire.values}.email", parse_identifier)
            ids |= {type_: address} if address else {}
        body = {"ids": ids, "session": who.session, "properties": self._kept(said), "time": time}
        command = Identify if who.session and ids else Update
        return self._said(command, body)

    def renamed(
        self, previous: tuple[str, object], user: tuple[str, object], time: object
    ) -> list[CommandGroup]:
        """An ID that the client made up is this customer (alias). Both by the client's name and value."""
        for field, value in (previous, user):
            if not given(value):
                raise Invalid("say who it was and who it is: both are needed", field)
        before, now = self.session(previous[1], previous[0]), self.user(user[1], user[0])
        if before is None or now is None or before == now:
            return []
        body = {"session": before, "ids": self._ids(now), "time": time}
        said = self._said(Identify, body)
        wire = {**said.wire, "session.id": previous[0]}
        return [said._replace(wire=wire, renames=True)]

    def _said(self, command: type[Identify | Update], body: Mapping[str, Any]) -> CommandGroup:
        names = {"properties": self._wire.values, "time": self._wire.time, **self._names}
        return CommandGroup([self._number], command, body, names)

    @property
    def _names(self) -> Mapping[str, str]:
        ids = {f"ids.{self._project.email}": f"{self._wire.values}.email"}
        ids[f"ids.{self._project.first_hard}"] = self._wire.user
        return {**ids, "session.id": self._wire.session}

    def _ids(self, user: str | None) -> dict[str, Any]:
        return {} if user is None else {self._project.first_hard: user}

    def _id(self, value: object, field: str, check: Callable[[object, str], str]) -> str | None:
        try:
            return check(value, field) if given(value) else None
        except Invalid as error:
            self.fault(field, error.message)
            return None

    def _kept(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The values that can be kept; each of the others is named."""
        kept: dict[str, Any] = {}
        for name, value in said.items():
            try:
                values.check_values({name: value}, self._wire.values)
                kept[name] = value
            except Invalid as error:
                self.fault(error.field or self._wire.values, error.message)
        return kept


def given(value: object) -> bool:
    """Whether a client sent this: clients write null, or an empty text, for what they do not know."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def validated(validator: SchemaValidator, body: object) -> dict[str, Any]:
    """A message that has the shape it should, without nulls. Raises `Invalid` naming the field."""
    if not isinstance(body, Mapping):
        raise Invalid("a message is a JSON object")
    try:
        found: dict[str, Any] = validator.validate_python(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise Invalid(message, ".".join(map(str, first["loc"]))) from error
    return {name: value for name, value in found.items() if value is not None}
