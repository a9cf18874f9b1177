"""One message on its way to commands: what the vocabularies of all clients have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator

from dialects.partial_failure import Fault
from dialects.segment.commands import CommandGroup
from dialects.segment.requests import is_given
from hardlink.domain import values
from hardlink.domain.commands import Identify, Track, Update
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.identifiers import parse_identifier, parse_session_id
from hardlink.domain.schema import validate
from hardlink.domain.sources.registry import Project


class NoVisitorError(Exception):
    """None of a message's IDs is valid. Their faults are recorded, so the message is skipped."""


class FieldNames(NamedTuple):
    """The client's names for the fields of a message."""

    session: str
    user: str
    time: str
    values: str = "traits"
    event: str = "event"
    id: str = "messageId"


class Visitor(NamedTuple):
    """Session and customer of a message: at least one of them."""

    session: str | None
    user: str | None


class FieldValue(NamedTuple):
    """A field of a message in the client's spelling, and its value."""

    field: str
    value: object


class MessageTranslator:
    """Builds the commands of one message, and records what of it has to be left out.

    `number`: place of the message in the batch; faults are appended to `faults`.
    """

    def __init__(
        self, number: int, project: Project, fields: FieldNames, faults: list[Fault]
    ) -> None:
        self._number = number
        self._project = project
        self._fields = fields
        self._faults = faults

    def read_visitor(self, session: object, user: object) -> Visitor:
        """The visitor of a message. Raises `Invalid` if no ID is sent, `NoVisitorError`."""
        if not (is_given(session) or is_given(user)):
            names = " or ".join(
                dict.fromkeys((self._fields.session, self._fields.user))
            )
            raise Invalid(
                f"the message names no visitor: send {names}", self._fields.user
            )
        visitor = Visitor(
            self._read_id(FieldValue(self._fields.session, session), parse_session_id),
            self._read_id(FieldValue(self._fields.user, user), parse_identifier),
        )
        if visitor == (None, None):
            raise NoVisitorError
        return visitor

    def build_track(
        self,
        visitor: Visitor,
        event: Mapping[str, Any],
        *,
        traits: Mapping[str, Any] = NOTHING,
        wire: Mapping[str, str] = NOTHING,
    ) -> CommandGroup:
        """Store an event. `traits`: of its visitor; `wire`: further names of the client's."""
        body: dict[str, Any] = {
            "ids": self._customer_ids(visitor.user),
            "events": [event],
            "traits": traits,
        }
        if visitor.session:
            body["session"] = visitor.session
        else:
            # A backend's event of a customer happened on no device.
            body["server_side"] = True
        names = {
            "type": self._fields.event,
            "time": self._fields.time,
            "id": self._fields.id,
        }
        return CommandGroup(
            [self._number], Track, body, {**names, **wire, **self._id_fields()}
        )

    def build_update(
        self,
        visitor: Visitor,
        properties: Mapping[str, Any],
        time: object,
        *,
        set_once: Mapping[str, Any] = NOTHING,
    ) -> CommandGroup:
        """Set values of a visitor, and link the session to the customer if both are sent.

        `set_once`: values that are set only if the visitor has none of their name.
        An email address among the values identifies a customer beside their ID only.
        """
        ids = self._customer_ids(visitor.user)
        email_type = self._project.email_type
        if ids and email_type and email_type not in ids:
            sent = FieldValue(f"{self._fields.values}.email", properties.get("email"))
            address = self._read_id(sent, parse_identifier)
            if address:
                ids[email_type] = address
        body = {
            "ids": ids,
            "session": visitor.session,
            "properties": self._valid_values(properties),
            "set_once": self._valid_values(set_once),
            "time": time,
        }
        return self._build_identify(
            Identify if visitor.session and ids else Update, body
        )

    def build_alias(
        self,
        previous: FieldValue,
        user: FieldValue,
        time: object,
        *,
        either_way: bool = False,
    ) -> list[CommandGroup]:
        """Link a session, whose ID the client made up, to a customer; nothing if it is the same.

        `either_way`: the client may name the two the other way round.
        """
        # Before either is parsed: a fault in one ID would else hide that the other is missing.
        for sent in (previous, user):
            if not is_given(sent.value):
                raise Invalid(
                    "an alias needs the previous ID and the user's ID", sent.field
                )
        session = self._read_id(previous, parse_session_id)
        customer = self._read_id(user, parse_identifier)
        if session is None or customer is None or session == customer:
            return []
        body = {"session": session, "ids": self._customer_ids(customer), "time": time}
        group = self._build_identify(Identify, body)
        wire = {**group.wire, "session.id": previous.field}
        return [group._replace(wire=wire, renames=True, either_way=either_way)]

    def _build_identify(
        self, command: type[Identify | Update], body: Mapping[str, Any]
    ) -> CommandGroup:
        """Make the command that sets values, with the client's names of its fields."""
        names = {"properties": self._fields.values, "time": self._fields.time}
        return CommandGroup(
            [self._number], command, body, {**names, **self._id_fields()}
        )

    def _id_fields(self) -> dict[str, str]:
        """Map the fields that identify a visitor to the client's own names of them."""
        return {
            f"ids.{self._project.email_type}": f"{self._fields.values}.email",
            f"ids.{self._project.first_hard_type}": self._fields.user,
            "session.id": self._fields.session,
        }

    def _customer_ids(self, user: str | None) -> dict[str, Any]:
        """Make the identifiers of a user, whose ID is of the project's first hard type."""
        if user is None:
            return {}
        return {self._project.first_hard_type: user}

    def _read_id(
        self, sent: FieldValue, parse: Callable[[object, str], str]
    ) -> str | None:
        """The ID, if one is sent; an invalid one is recorded."""
        if not is_given(sent.value):
            return None
        try:
            return parse(sent.value, sent.field)
        except Invalid as error:
            self._record_fault(sent.field, error)
            return None

    def _valid_values(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the values that can be stored, and record the others."""
        kept = values.keep_storable(
            properties, self._fields.values, values.MOST_CUSTOMER_BYTES
        )
        for part in kept.left_out:
            self._faults.append(Fault(self._number, part.field, part.reason))
        return kept.values

    def _record_fault(self, field: str, error: Invalid) -> None:
        """Note a part of the message that is left out; the rest of it is stored."""
        self._faults.append(Fault(self._number, field, error.message))


def validate_message(validator: SchemaValidator, body: object) -> dict[str, Any]:
    """Read the known fields of a message, without nulls.

    Raises `Invalid` naming the field; one that is not a JSON object names none.
    """
    if not isinstance(body, Mapping):
        raise Invalid("a message must be a JSON object")
    fields = validate(validator, body)
    return {name: value for name, value in fields.items() if value is not None}
