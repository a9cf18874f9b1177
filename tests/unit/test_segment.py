"""Segment's dialect: its messages as commands of the library, and the order of these."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialects.partial_failure import Fault
from dialects.segment import answers, requests
from dialects.segment.commands import CommandGroup, build_chains, drop_fault
from dialects.segment.executor import Executor
from dialects.segment.requests import Batch
from dialects.segment.translation import translate_batch
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Identify, Track, Update
from hardlink.domain.errors import (
    Busy,
    Forbidden,
    HardlinkError,
    Invalid,
    NotFound,
    Refused,
    TooLarge,
    UnknownSource,
)
from hardlink.domain.values import to_json
from hardlink.services.service import Service
from tests.support.world import SOURCES, SPACE, in_memory

PROJECT = SOURCES.projects[SPACE]


def read(*given_: Mapping[str, Any], posthog: bool = False) -> list[CommandGroup]:
    """Translate valid messages."""
    found, faults = translate_batch(Batch(given_, {}, posthog=posthog), PROJECT)
    assert faults == []
    return found


def one(**message: Any) -> CommandGroup:
    (found,) = read(message)
    return found


# -- a message is a command ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "command", "body"),
    [
        pytest.param(
            {"type": "track", "event": "A", "anonymousId": "s"},
            Track,
            {"session": "s", "ids": {}},
            id="an event of a session",
        ),
        pytest.param(
            {"type": "track", "event": "A", "anonymousId": "s", "userId": 7},
            Track,
            {"session": "s", "ids": {"registered": "7"}},
            id="an event with both IDs links",
        ),
        pytest.param(
            {"type": "track", "event": "A", "userId": "u", "anonymousId": None},
            Track,
            {"server_side": True, "ids": {"registered": "u"}},
            id="an event of a customer on no device",
        ),
        pytest.param(
            {"type": "group", "groupId": "g", "anonymousId": "s"},
            Track,
            {"session": "s", "ids": {}, "traits": {"groupId": "g"}},
            id="a group is an event and a trait",
        ),
        pytest.param(
            {"type": "identify", "anonymousId": "s", "userId": "u", "traits": {"a": 1}},
            Identify,
            {"session": "s", "ids": {"registered": "u"}, "properties": {"a": 1}, "time": None},
            id="identify with both IDs links",
        ),
        pytest.param(
            {"type": "identify", "userId": "u", "traits": {"email": "A@b.c"}, "timestamp": "t"},
            Update,
            {
                "session": None,
                "ids": {"registered": "u", "email": "A@b.c"},
                "properties": {"email": "A@b.c"},
                "time": "t",
            },
            id="identify of a customer on no device, known by an address as well",
        ),
        pytest.param(
            {"type": "identify", "anonymousId": "s", "traits": {"email": "A@b.c"}},
            Update,
            {"session": "s", "ids": {}, "properties": {"email": "A@b.c"}, "time": None},
            id="identify of nobody yet says traits, and an address identifies nobody",
        ),
        pytest.param(
            {"type": "identify", "userId": "u", "context": {"traits": {"a": 1, "b": 1}},
             "traits": {"b": 2}},
            Update,
            {
                "session": None,
                "ids": {"registered": "u"},
                "properties": {"a": 1, "b": 2},
                "time": None,
            },
            id="traits in the context, as RudderStack's clients send them",
        ),
        pytest.param(
            {"type": "alias", "previousId": "p", "userId": "u", "anonymousId": "s"},
            Identify,
            {"session": "p", "ids": {"registered": "u"}, "time": None},
            id="alias of the previous ID",
        ),
        pytest.param(
            {"type": "alias", "userId": "u", "anonymousId": "s"},
            Identify,
            {"session": "s", "ids": {"registered": "u"}, "time": None},
            id="alias of the anonymous ID where no previous one is said",
        ),
    ],
)  # fmt: skip
def test_a_message_is_a_command(
    message: dict[str, Any], command: type, body: dict[str, Any]
) -> None:
    found = one(**message)
    assert found.command is command
    body_of_command = {
        name: value for name, value in found.body.items() if name != "events"
    }
    assert body_of_command == {"traits": {}, **body} if command is Track else body
    assert found.renames == (message["type"] == "alias")


@pytest.mark.parametrize(
    ("times", "time"),
    [
        ({"timestamp": "t"}, "t"),
        ({"originalTimestamp": "o"}, "o"),
        ({"originalTimestamp": "o", "timestamp": "t"}, "o"),
        ({"originalTimestamp": None, "timestamp": "t"}, "t"),
    ],
)
def test_the_devices_own_time_comes_first(times: dict[str, Any], time: str) -> None:
    found = one(type="track", event="A", anonymousId="s", messageId="m", **times)
    assert found.events[0]["time"] == time
    assert found.events[0]["id"] == "m"


@pytest.mark.parametrize(
    ("event", "session", "ids"),
    [
        ({"distinct_id": "u"}, None, {"registered": "u"}),
        ({"properties": {"distinct_id": "u"}}, None, {"registered": "u"}),
        ({"distinct_id": "u", "properties": {"$device_id": "d"}}, "d", {"registered": "u"}),
        ({"distinct_id": "d", "properties": {"$device_id": "d"}}, "d", {}),
        ({"distinct_id": "d", "properties": {"$is_identified": False}}, "d", {}),
        ({"distinct_id": "d", "properties": {"$process_person_profile": False}}, "d", {}),
        ({"distinct_id": "u", "properties": {"$process_person_profile": True}}, None,
         {"registered": "u"}),
        ({"distinct_id": "u", "properties": {"$is_identified": 0}}, None, {"registered": "u"}),
    ],
)  # fmt: skip
def test_the_visitor_of_a_posthog_event(
    event: dict[str, Any], session: str | None, ids: dict[str, str]
) -> None:
    (found,) = read({"event": "a", **event}, posthog=True)
    assert (found.body.get("session"), found.body["ids"]) == (session, ids)


_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        "",
        " ",
        "x",
        "null",
        "@own",
        "größe",
        "\ud83d",
        "x" * 300,
        [],
        {},
        [{}],
    ]
)
_VALUES = st.one_of(
    _ODD, st.dictionaries(st.sampled_from(["email", "größe", "a", ""]), _ODD)
)
_NAMES = [
    "anonymousId",
    "userId",
    "previousId",
    "groupId",
    "event",
    "messageId",
    "timestamp",
]
_NAMES += ["originalTimestamp", "properties", "traits", "context", "name", "category"]
_POSTHOGS = ["event", "distinct_id", "properties", "timestamp", "uuid", "$set"]
_INSIDE = [
    "distinct_id",
    "alias",
    "$set",
    "$anon_distinct_id",
    "$device_id",
    "$is_identified",
]
_SPECIAL = ["$identify", "$create_alias", "$set", "$set_once", "$groupidentify", "a"]
_MESSAGES = st.builds(
    lambda kind, more: {"type": kind, **more},
    st.sampled_from(requests.KINDS),
    st.dictionaries(st.sampled_from(_NAMES), _VALUES),
)
_EVENTS = st.builds(
    lambda more, inside, name: {**more, "properties": inside, "event": name},
    st.dictionaries(st.sampled_from(_POSTHOGS), _VALUES),
    st.dictionaries(st.sampled_from(_INSIDE), _VALUES),
    st.one_of(_VALUES, st.sampled_from(_SPECIAL)),
)


@settings(max_examples=300, derandomize=True)
@given(
    st.one_of(
        st.tuples(st.lists(_MESSAGES, max_size=4), st.just(value=False)),
        st.tuples(st.lists(_EVENTS, max_size=4), st.just(value=True)),
    )
)
def test_whatever_a_message_says_it_is_a_command_or_a_fault(
    call: tuple[list[dict[str, Any]], bool],
) -> None:
    batch = Batch(call[0], {}, posthog=call[1])
    found, faults = translate_batch(batch, PROJECT)
    spoken_of = {number for one in found for number in one.numbers} | {
        f.number for f in faults
    }
    silent = [
        batch.messages[n] for n in range(len(batch.messages)) if n not in spoken_of
    ]
    for message in silent:  # an alias of oneself is so already
        assert "alias" in (
            message.get("type"),
            str(message.get("event")).removeprefix("$create_"),
        )
    for chain in build_chains(found):
        for one in chain:
            with suppress(HardlinkError):
                commands.read(one.command, one.body)
    to_json(answers.answer_batch(batch, faults, []).body)


# -- the order of commands ----------------------------------------------------------------------


def track(
    session: str | None = None, user: str | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "A",
        "anonymousId": session,
        "userId": user,
        **more,
    }


def identify(session: str | None, user: str, **traits: str) -> dict[str, Any]:
    return {
        "type": "identify",
        "anonymousId": session,
        "userId": user,
        "traits": traits,
    }


@pytest.mark.parametrize(
    ("batch", "chains"),
    [
        pytest.param(
            [track("s")] * 3, [[[0, 1, 2]]], id="one visitor's events are one command"
        ),
        pytest.param(
            [track("s"), track("t"), track("s"), track("t")],
            [[[0, 2]], [[1, 3]]],
            id="other visitors do not come between",
        ),
        pytest.param(
            [track("s"), identify("s", "u"), track("s", "u")],
            [[[0], [1], [2]]],
            id="what an identify stands between stays so",
        ),
        pytest.param(
            [track("s"), track("s", "u"), track("s", "u"), track("s")],
            [[[0], [1, 2], [3]]],
            id="who it is is said at its place",
        ),
        pytest.param(
            [track("s"), track(user="u"), track("t"), track("s", "u"), track("t", "u")],
            [[[0], [1], [2], [3], [4]]],
            id="chains that turn out to be one keep their order",
        ),
        pytest.param(
            [identify(None, "u", email="A@b.c"), identify(None, "v", email=" a@b.c")],
            [[[0], [1]]],
            id="an address that changes hands does so in order",
        ),
        pytest.param(
            [track(user="p"), {"type": "alias", "previousId": "p", "userId": "u"}],
            [[[0], [1]]],
            id="whether the previous ID is a customer is seen after what came before",
        ),
        pytest.param(
            [
                track("s", "u"),
                track("s", "u", type="group", groupId="g"),
                track("s", "u"),
            ],
            [[[0], [1], [2]]],
            id="a trait is said at its place",
        ),
        pytest.param(
            [track("s", timestamp=1), track("s", originalTimestamp=1)],
            [[[0], [1]]],
            id="errors name the field of their own message",
        ),
        pytest.param(
            [track("s")] * 501,
            [[[*range(500)], [500]]],
            id="a command takes 500 events",
        ),
    ],
)
def test_commands_about_one_visitor_or_customer_keep_their_order(
    batch: list[dict[str, Any]], chains: list[list[list[int]]]
) -> None:
    found = build_chains(read(*batch))
    assert [[list(command.numbers) for command in chain] for chain in found] == chains
    for chain in found:
        for command in chain:
            assert len(command.events) in (0, len(command.numbers))


def test_events_with_values_of_their_own_are_followed_by_them() -> None:
    found = read(
        {"event": "a", "distinct_id": "u", "properties": {"$set": {"x": 1}}},
        {"event": "b", "distinct_id": "u"},
        posthog=True,
    )
    (chain,) = build_chains(found)
    assert [list(command.numbers) for command in chain] == [[0], [0], [1]]
    assert [command.command for command in chain] == [Track, Update, Track]


# -- without what can't be ----------------------------------------------------------------------


BOTH = {"ids": {"registered": "u", "email": "a@b.c"}, "properties": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        pytest.param(
            Invalid("m", "ids.email"), {"ids": {"registered": "u"}}, id="an address"
        ),
        pytest.param(Refused("m"), {"ids": {"registered": "u"}}, id="what is refused"),
    ],
)
def test_the_rest_is_carried_out(error: HardlinkError, changed: dict[str, Any]) -> None:
    before = CommandGroup([0], Identify, BOTH, {})
    assert drop_fault(before, error) == before._replace(body={**BOTH, **changed})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (BOTH, Invalid("m", "ids.registered")),
        (BOTH, Invalid("m", "time")),
        (BOTH, Invalid("m")),
        ({"ids": {"registered": "u"}}, Refused("m")),
        ({"ids": {}}, Refused("m")),
        ({"properties": {}}, Invalid("m", "properties")),
    ],
)
def test_nothing_is_left_without_what_is_essential(
    body: dict[str, Any], error: HardlinkError
) -> None:
    assert drop_fault(CommandGroup([0], Identify, body, {}), error) is None


# -- carrying out -------------------------------------------------------------------------------


class Busily:
    """A service whose tables are too busy for one visitor, and that remembers whom it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def track(self, _: Call, command: Track) -> dict[str, Any]:
        session = str(command.session_id)
        with self._lock:
            self.asked.append(session)
        if session == "busy":
            raise Busy("later")
        return {"results": [{"status": "stored"}] * len(command.events), "warnings": []}


def test_busy_is_raised_after_all_other_commands() -> None:
    """The client sends all of it again: nothing of it may be under way still."""
    service = Busily()
    name, source, project = SOURCES.resolve_key("move")
    found = read(
        track("busy"), *(track(f"s{n}") for n in range(20)), identify("busy", "u")
    )
    with pytest.raises(Busy):
        Executor(cast("Service", service)).execute(
            Call(name, source, project, 0, "e"), found
        )
    assert sorted(service.asked) == sorted(["busy", *(f"s{n}" for n in range(20))])


# -- answers ------------------------------------------------------------------------------------


def test_what_was_not_stored_is_named_once_in_the_order_of_the_batch() -> None:
    batch = Batch([{"messageId": "a"}, {"messageId": ["b"]}, 5], {})
    faults = [Fault(2, "", "no"), Fault(0, "userId", "no"), Fault(1, "event", "no")]
    answer = answers.answer_batch(batch, [*faults, faults[1]], ["w", "w"])
    assert answer.status == 200
    assert answer.body == {
        "success": True,
        "status": 1,
        "errors": [
            {"index": 0, "messageId": "a", "field": "userId", "message": "no"},
            {"index": 1, "field": "event", "message": "no"},
            {"index": 2, "message": "no"},
        ],
        "warnings": ["w"],
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Invalid("m", "f"), 400, "invalid"),
        (TooLarge("m", "f"), 400, "too_large"),
        (UnknownSource("m", "f"), 401, "unknown_source"),
        (Forbidden("m", "f"), 403, "origin_not_allowed"),
        (NotFound("m", "f"), 404, "not_found"),
        (Busy("m", "f"), 503, "busy"),
    ],
)
def test_an_error_in_the_words_of_every_client(
    error: HardlinkError, status: int, code: str
) -> None:
    answer = answers.answer_error(error)
    told = {
        "success": False,
        "code": code,
        "message": "f: m",
        "detail": "f: m",
        "field": "f",
    }
    assert (answer.status, answer.body) == (status, told)


def test_all_that_has_no_room_is_left_out_at_once() -> None:
    world = in_memory()
    known = {f"a{n}": n for n in range(250)}
    world.identify("s", "split", ids={"registered": "k"}, properties=known)
    traits = {f"b{n}": n for n in range(250)}
    said_now = read(
        {"type": "identify", "userId": "k", "anonymousId": "s", "traits": traits}
    )
    asked: list[int] = []
    get = world.store.get

    def counted(keys: Any) -> Any:
        asked.append(len(keys))
        return get(keys)

    world.store.get = counted  # type: ignore[method-assign]
    outcome = Executor(world.service).execute(world.service.call("split"), said_now)
    assert [fault.field for fault in outcome.faults] == [
        f"traits.b{n}" for n in range(5, 250)
    ]
    assert len(asked) < 20
    world.settle()
    kept = world.customer("k")["attributes"]
    assert kept == {**known, **{f"b{n}": n for n in range(5)}}
