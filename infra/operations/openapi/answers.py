"""JSON Schemas of answers, by name. `tests/http/test_openapi.py` holds them to real answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time"}
VALUES: Schema = {"type": "object", "additionalProperties": True}


def reference(name: str) -> dict[str, str]:
    """Refer to a schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(of: Schema) -> dict[str, Any]:
    """Build an array."""
    return {"type": "array", "items": of}


def nullable(of: Schema) -> dict[str, Any]:
    """Build a value that may be null."""
    return {"anyOf": [of, {"type": "null"}]}


def complete(description: str, optional: str = "", /, **fields: Schema) -> Schema:
    """Build an object that has these fields and no others.

    `optional`: the names of those that may be missing, with blanks between.
    """
    required = sorted(fields.keys() - set(optional.split()))
    return {
        "description": description,
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": False,
    }


_ID = reference("Id")
_IDENTIFIER = reference("Identifier")
_WARNINGS = array(TEXT)
_OF_VISITOR = {"session": _ID, "profile": _ID}
_OF_CUSTOMER: dict[str, Schema] = {
    "customer": _IDENTIFIER,
    "identifiers": {"type": "object", "additionalProperties": array(TEXT)},
    "attributes": VALUES,
    "segments": array(TEXT),
    "traits": VALUES,
    "consents": VALUES,
    "visits": COUNT,
    "contributions": COUNT,
    "first_seen": TIME,
    "last_seen": TIME,
}
_OF_LINK: dict[str, Schema] = {
    "from": TEXT,
    "to": nullable(TEXT),
    "rule": TEXT,
    "said": TIME,
    "at": TIME,
    "evidence": TEXT,
    "source": TEXT,
    "undone": nullable(TIME),
}
_OF_EVENT: dict[str, Schema] = {
    "id": TEXT,
    "type": TEXT,
    "time": TIME,
    "received": TIME,
    "session": TEXT,
    "profile": TEXT,
    "source": TEXT,
    "properties": VALUES,
    "context": VALUES,
}

ANSWERS: Mapping[str, Schema] = {
    "Nothing": {"description": "Nothing is answered.", "type": "null"},
    "Id": complete("The ID of a session or profile.", id={"type": ["string", "null"]}),
    "Identifier": complete("An identifier of a customer.", type=TEXT, value=TEXT),
    "Error": complete(
        "A refusal. `message` says what to do, `field` what it is about. Tracardi's clients read "
        "`detail`.",
        "detail",
        error=complete("The error.", "field", code=TEXT, message=TEXT, field=TEXT),
        detail={},
    ),
    "LeftOut": complete(
        "A part that was not stored, and why.", field=TEXT, reason=TEXT
    ),
    "Result": complete(
        "The verdict of one event, in the order of the payload.",
        "reason field left_out event",
        id=nullable(TEXT),
        status={"enum": ["stored", "duplicate", "rejected", "dropped"]},
        reason=TEXT,
        field=TEXT,
        left_out=array(reference("LeftOut")),
        event=VALUES,
    ),
    "Tracked": complete(
        "What became of the events of a call.",
        **_OF_VISITOR,
        results=array(reference("Result")),
        warnings=_WARNINGS,
    ),
    "Identified": complete(
        "The visitor, and the customer by an identifier that the call itself carried.",
        **_OF_VISITOR,
        customer=nullable(_IDENTIFIER),
        warnings=_WARNINGS,
    ),
    "Updated": complete(
        "The visitor, or the customer that the call named.",
        "session profile customer",
        **_OF_VISITOR,
        customer=nullable(_IDENTIFIER),
        warnings=_WARNINGS,
    ),
    "Anonymized": complete(
        "The new visitor.", "warnings", **_OF_VISITOR, warnings=_WARNINGS
    ),
    "Consented": complete(
        "What holds from now on.",
        "erasure warnings",
        **_OF_VISITOR,
        tracking={"enum": ["granted", "denied"]},
        erasure=_ID,
        warnings=_WARNINGS,
    ),
    "Kept": complete(
        "The session that the browser's cookie names.",
        "warnings",
        session=_ID,
        warnings=_WARNINGS,
    ),
    "Session": complete(
        "A session, its customer, and every link behind that, newest first.",
        "warnings",
        **_OF_VISITOR,
        customer=nullable(_IDENTIFIER),
        why=array(reference("Link")),
        warnings=_WARNINGS,
    ),
    "Link": complete(
        "An entry of a link history: who was linked to whom, by which rule.",
        "since finds",
        **_OF_LINK,
        since=nullable(TIME),
        finds=nullable(TEXT),
    ),
    "Explained": complete(
        "The customer that an identifier finds, and each change of that, newest first.",
        "warnings",
        identifier=_IDENTIFIER,
        finds=nullable(_IDENTIFIER),
        why=array(reference("Link")),
        warnings=_WARNINGS,
    ),
    "StoredEvent": {
        "description": "An event as it is stored. Events have more fields where they were sent.",
        "type": "object",
        "properties": _OF_EVENT,
        "required": sorted(_OF_EVENT),
        "additionalProperties": True,
    },
    "Events": complete(
        "A page of events, newest first. `cursor`: of the next page; null on the last one.",
        "warnings",
        events=array(reference("StoredEvent")),
        cursor=nullable(TEXT),
        warnings=_WARNINGS,
    ),
    "Verdicts": complete(
        "Events of the last day that were not stored, and why.",
        "warnings",
        verdicts=array(VALUES),
        warnings=_WARNINGS,
    ),
    "CustomerSession": {
        "description": "A session of a customer.",
        "type": "object",
        "properties": {"id": TEXT, "profile": TEXT, "last_seen": TIME},
        "required": ["id", "last_seen", "profile"],
    },
    "Computed": complete(
        "Traits and segments computed of a customer's events. `events`: how many were read.",
        traits=VALUES,
        segments={"type": "object", "additionalProperties": {"type": "boolean"}},
        events=COUNT,
        incomplete={"type": "object", "additionalProperties": TEXT},
    ),
    "Visitor": complete(
        "Public traits and segments of a visitor.",
        "warnings",
        traits=VALUES,
        segments={"type": "object", "additionalProperties": {"type": "boolean"}},
        incomplete={"type": "object", "additionalProperties": TEXT},
        warnings=_WARNINGS,
    ),
    "Customer": {
        **complete(
            "A customer. Of each value the one set last.",
            "warnings computed",
            **_OF_CUSTOMER,
            sessions=array(reference("CustomerSession")),
            computed=reference("Computed"),
            warnings=_WARNINGS,
        ),
        "additionalProperties": True,
    },
    "RecentCustomers": complete(
        "The customers who were seen last, the latest first. `more`: there may be others.",
        "warnings",
        customers=array(
            complete(
                "A customer.",
                **{
                    name: _OF_CUSTOMER[name]
                    for name in ("customer", "identifiers", "attributes", "last_seen")
                },
            )
        ),
        sessions=COUNT,
        more={"type": "boolean"},
        warnings=_WARNINGS,
    ),
    "Export": complete(
        "Everything that is stored about a customer.",
        "warnings",
        **_OF_CUSTOMER,
        sessions=array(reference("CustomerSession")),
        exported=TIME,
        since=nullable(TIME),
        until=nullable(TIME),
        links=array(complete("A link.", **_OF_LINK, found=nullable(TEXT))),
        events=array(reference("StoredEvent")),
        warnings=_WARNINGS,
    ),
    "MergedCustomer": complete(
        "A customer before a merge.",
        customer=_IDENTIFIER,
        identifiers=_OF_CUSTOMER["identifiers"],
        visits=COUNT,
    ),
    "Merged": {
        "description": "Both customers as they were, and the values in which they differ.",
        "type": "object",
        "properties": {
            "from": reference("MergedCustomer"),
            "into": reference("MergedCustomer"),
            "conflicts": array(VALUES),
            "evidence": nullable(TEXT),
        },
        "required": ["conflicts", "evidence", "from", "into"],
    },
    "Corrected": complete(
        "The customer, and the evidence by which the correction is undone.",
        "warnings",
        customer=_IDENTIFIER,
        evidence=nullable(TEXT),
        warnings=_WARNINGS,
    ),
    "Erasure": complete(
        "The receipt of an erasure. `removed`: how much, by kind.",
        "warnings",
        erasure=_ID,
        state={"enum": ["running", "done"]},
        at=TIME,
        done=nullable(TIME),
        removed={"type": "object", "additionalProperties": COUNT},
        warnings=_WARNINGS,
    ),
    "Live": complete(
        "What comes in. `cursor`: for the next call.",
        "warnings",
        events=array(VALUES),
        cursor=TEXT,
        more={"type": "boolean"},
        warnings=_WARNINGS,
    ),
    "Project": complete(
        "The project of the key, and its identifier types.",
        "warnings",
        project=complete("The project.", name=TEXT),
        identifiers=array(
            complete("A type.", type=TEXT, kind={"enum": ["hard", "soft"]})
        ),
        warnings=_WARNINGS,
    ),
    "TrackingUser": complete(
        "The most recent visit of a customer.",
        "warnings",
        **_OF_VISITOR,
        warnings=_WARNINGS,
    ),
    "NewsletterContent": complete(
        "The most recent visit of a customer, and traits and segments of all their visits.",
        "warnings",
        session=nullable(_ID),
        profile=nullable(_ID),
        traits=VALUES,
        segments={"type": "object", "additionalProperties": {"type": "boolean"}},
        incomplete={"type": "object", "additionalProperties": TEXT},
        warnings=_WARNINGS,
    ),
    "ImportedOrders": {
        "description": "How many orders of the feed were stored, and the verdict of each row.",
        "type": "object",
        "properties": {
            **dict.fromkeys(("stored", "associated", "known", "rejected"), COUNT),
            "results": array(VALUES),
        },
        "required": ["associated", "known", "rejected", "results", "stored"],
    },
    "Health": complete("The tables answer.", status=TEXT),
}
