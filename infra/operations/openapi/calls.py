"""The native calls, as data for the document: purpose, key, body, query parameters, answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hardlink.domain import commands
from infra.operations.openapi.answers import TEXT, Schema, complete

NATIVE_FUNCTIONS = {
    *("track", "identify", "update", "anonymize", "consent", "session", "visitor"),
    *("customers", "erase", "orders", "health"),
}
"""Functions whose routes are native. Those of the dialects follow their own systems' documents."""

_ONE_IDENTIFIER: Schema = {
    "description": "One identifier, such as `{registered: gordon}`.",
    "type": "object",
    "additionalProperties": {"type": ["string", "integer"]},
    "minProperties": 1,
    "maxProperties": 1,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the API.

    - `route`: method and path. `summary`: its purpose. `answer`: the name of its answer's schema.
    - `key`: `write` (`source.id` in the body), `server` (a bearer token), or none.
    - `body`: the command that it carries, or a schema of its own.
    - `query`: parameters -> description. `names`: what the query names besides, if anything.
    - `status`: of its success.
    """

    route: str
    summary: str
    answer: str
    key: Literal["write", "server"] | None = "server"
    body: type[commands.WriteCommand] | Schema | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    names: Literal["customer", "session"] | None = None
    status: int = 200


_PAGE = {
    "limit": "Events of a page, at most 1000.",
    "cursor": "Of the answer before, for the next page.",
    "type": "Only events of this type.",
    "source": "Only events of this source, by its name in `sources.toml`.",
    "since": "Only events from this time on.",
    "until": "Only events before this time.",
}
_ITSELF = {
    "itself": "`true`: the customer known by the identifier alone, whoever has it by now.",
}
_COMPUTED = {
    "traits": "Names of computed traits, with commas in between, or `*`.",
    "segments": "Names of computed segments, with commas in between, or `*`.",
}
_EVIDENCE = complete(
    "The link that is meant; without it the newest.", "evidence", evidence=TEXT
)
_MERGE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "from": _ONE_IDENTIFIER,
        "into": _ONE_IDENTIFIER,
        "preview": {"type": "boolean", "description": "Only show it."},
    },
    "required": ["from", "into"],
}
_REMOVAL = complete(
    "The identifier, and the customer whose it is not.",
    customer=_ONE_IDENTIFIER,
    identifier=_ONE_IDENTIFIER,
)
_UNDO = complete(
    "An identifier of the correction, and its evidence.",
    identifier=_ONE_IDENTIFIER,
    evidence=TEXT,
)

CALLS = (
    Call(
        "POST /track", "Store events of a session.", "Tracked", "write", commands.Track
    ),
    Call(
        "PUT /track",
        "Do nothing and answer null, as Tracardi does.",
        "Nothing",
        None,
    ),
    Call(
        "POST /identify",
        "Link the session's visitor to a customer.",
        "Identified",
        "write",
        commands.Identify,
    ),
    Call(
        "POST /update",
        "Set values of a visitor or a customer.",
        "Updated",
        "write",
        commands.Update,
    ),
    Call(
        "POST /anonymize",
        "Begin a new visitor, at log-out.",
        "Anonymized",
        "write",
        commands.Anonymize,
    ),
    Call(
        "POST /consent",
        "Opt out, opt in, erase oneself.",
        "Consented",
        "write",
        commands.Consent,
    ),
    Call(
        "POST /session",
        "Keep the session in a first-party cookie.",
        "Kept",
        "write",
        commands.Keep,
    ),
    Call(
        "GET /visitor",
        "Read public traits and segments of a page's visitor.",
        "Visitor",
        None,
        query={
            "source": "The write key of the page's source.",
            "session": "The session that the page holds.",
        },
    ),
    Call(
        "GET /customers",
        "Read a customer.",
        "Customer",
        query={**_ITSELF, **_COMPUTED},
        names="customer",
    ),
    Call(
        "GET /customers/events",
        "Read a customer's timeline.",
        "Events",
        query=_PAGE | _ITSELF,
        names="customer",
    ),
    Call(
        "GET /customers/export",
        "Read everything that is stored about a customer.",
        "Export",
        query={name: _PAGE[name] for name in ("since", "until")} | _ITSELF,
        names="customer",
    ),
    Call(
        "GET /customers/recent",
        "List the customers who were here in the last day.",
        "RecentCustomers",
    ),
    Call(
        "GET /customers/why",
        "Explain which customer an identifier finds.",
        "Explained",
        names="customer",
    ),
    Call(
        "POST /customers/merge",
        "Make two known customers one, or preview that.",
        "Merged",
        body=_MERGE,
    ),
    Call(
        "POST /customers/remove-identifier",
        "Take an identifier off a customer.",
        "Corrected",
        body=_REMOVAL,
    ),
    Call("POST /customers/undo", "Undo a merge or a removal.", "Corrected", body=_UNDO),
    Call(
        "POST /customers/erase",
        "Erase a customer.",
        "Erasure",
        names="customer",
        status=202,
    ),
    Call(
        "GET /sessions",
        "Read a session, its customer, and why.",
        "Session",
        names="session",
    ),
    Call(
        "GET /sessions/events",
        "Read a session's events.",
        "Events",
        query=_PAGE,
        names="session",
    ),
    Call(
        "GET /sessions/verdicts",
        "Read which events were not stored, and why.",
        "Verdicts",
        names="session",
    ),
    Call(
        "POST /sessions/unlink",
        "Undo the newest link of a session's visitor.",
        "Session",
        body=_EVIDENCE,
        names="session",
    ),
    Call(
        "POST /sessions/erase",
        "Erase a visitor.",
        "Erasure",
        names="session",
        status=202,
    ),
    Call("GET /erasures/{id}", "Read the receipt of an erasure.", "Erasure"),
    Call(
        "GET /live",
        "Read what comes in now.",
        "Live",
        query={"since": "The cursor of the answer before."},
    ),
    Call("GET /project", "Read the project of the key.", "Project"),
    Call(
        "GET /tracking-user",
        "Find the most recent visit of a customer.",
        "TrackingUser",
        query={"email": "An e-mail address.", "customer_id": "A customer's ID."},
    ),
    Call(
        "GET /newsletter/content",
        "Read what a mail to a customer may be made of.",
        "NewsletterContent",
        query={
            "email": "An e-mail address; `userEmail` too.",
            "customer_id": "A customer's ID; `customerId` too.",
            "traits": "Names with commas in between, or `*`; else those that are public.",
            "segments": "Names of segments, as for traits.",
        },
    ),
    Call(
        "GET /newsletter/content/signed",
        "Read public traits and segments of a newsletter's recipient.",
        "Visitor",
        None,
        query={
            "source": "The write key of a source.",
            "token": "A token that names the recipient, signed by the shop's backend.",
        },
    ),
    Call(
        "POST /orders",
        "Import the order feed: JSON, CSV or XML, at most 500 orders.",
        "ImportedOrders",
        body={},
    ),
    Call("GET /health", "Find out if the tables answer.", "Health", None),
)
