"""What a call answers of which nothing is stored: the profile that is there, else none; never an ID of nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.http.service import KEY, Client, Reply, eventually, fresh

OLD = "2026-01-01T00:00:00Z"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Case:
    """A visitor of whom nothing is stored. `profile`: what they are answered; `named`: what they name."""

    session: str
    profile: str | None
    named: str | None = None
    who: str | None = None
    time: str | None = None
    options: Mapping[str, Any] | None = None
    source: str = "web-key"
    agent: str = ""


def visited(shop: Client, session: str) -> str:
    return str(shop.track(session, "view").json["profile"]["id"])


def opt_out(shop: Client, session: str, **more: Any) -> Any:
    body = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "tracking": "denied",
        **more,
    }
    return shop.post("/consent", body).json


def erase(shop: Client, path: str) -> None:
    eventually(lambda: shop.get(*path.split("/")).status, 200)
    assert (
        shop.send(
            "POST", f"/{path}/erase", b"", {"authorization": f"Bearer {KEY}"}
        ).status
        == 202
    )


def opted_out(shop: Client) -> Case:
    session = fresh()
    profile = visited(shop, session)
    opt_out(shop, session)
    return Case(session, profile)


def opted_out_elsewhere(shop: Client) -> Case:
    profile = opted_out(shop).profile
    return Case(fresh(), profile, named=profile)


def opted_out_and_erased(shop: Client) -> Case:
    session = fresh()
    profile = visited(shop, session)
    assert opt_out(shop, session, erase=True)["profile"] == {"id": None}
    return Case(session, None, named=profile)


def erased(shop: Client) -> Case:
    session = fresh()
    profile = visited(shop, session)
    erase(shop, f"sessions/{session}")
    return Case(session, None, named=profile, time=OLD)


def erased_who_shared_the_device(shop: Client) -> Case:
    session, gordon = fresh(), fresh("gordon")
    for who in (gordon, fresh("alyx")):
        profile = shop.identify(session, {"registered": who}, "split-key").json[
            "profile"
        ]["id"]
    erase(shop, f"customers/registered/{gordon}")
    # what the erased person did here is refused once the erasure has reached the session
    event = {"type": "probe", "time": OLD}
    body = {"source": {"id": "web-key"}, "session": {"id": session}, "events": [event]}
    eventually(
        lambda: shop.post("/track", body).json["results"][0]["status"], "dropped"
    )
    return Case(session, profile, time=OLD)


def erased_whom_it_names(shop: Client) -> Case:
    session, gordon = fresh(), fresh("gordon")
    shop.identify(fresh(), {"registered": gordon})
    erase(shop, f"customers/registered/{gordon}")
    return Case(session, visited(shop, session), who=gordon, time=OLD)


def erased_whom_it_names_anew(shop: Client) -> Case:
    found = erased_whom_it_names(shop)
    return Case(fresh(), None, who=found.who, time=OLD)


def not_saved(shop: Client) -> Case:
    return Case(
        fresh(),
        None,
        named=fresh(),
        options={"saveEvents": False, "saveSession": False},
    )


def not_saved_of_a_visitor(shop: Client) -> Case:
    session = fresh()
    return Case(session, visited(shop, session), options={"saveEvents": False})


def not_saved_of_a_known_profile(shop: Client) -> Case:
    profile = visited(shop, fresh())
    options = {"saveEvents": False, "saveSession": False}
    return Case(fresh(), profile, named=profile, options=options)


def not_saved_and_opted_out_and_erased(shop: Client) -> Case:
    found = opted_out_and_erased(shop)
    found.options = {"saveEvents": False, "saveSession": False}
    return found


def sent_by_a_bot(shop: Client) -> Case:
    return Case(fresh(), None, named=fresh(), source="people-key", agent=BOT)


CASES = [
    opted_out,
    opted_out_elsewhere,
    opted_out_and_erased,
    erased,
    erased_who_shared_the_device,
    erased_whom_it_names,
    erased_whom_it_names_anew,
    not_saved,
    not_saved_of_a_visitor,
    not_saved_of_a_known_profile,
    not_saved_and_opted_out_and_erased,
    sent_by_a_bot,
]


def _body(case: Case, **more: Any) -> dict[str, Any]:
    found = {
        "source": {"id": case.source},
        "session": {"id": case.session},
        "profile": case.named and {"id": case.named},
        "options": case.options,
        **more,
    }
    return {name: value for name, value in found.items() if value is not None}


def _post(shop: Client, case: Case, path: str, body: object) -> Reply:
    return shop.post(path, body, user_agent=case.agent)


def track(shop: Client, case: Case) -> Reply:
    event = {"type": "view", "time": case.time}
    ids = {"registered": case.who} if case.who else {}
    return _post(shop, case, "/track", _body(case, events=[event], ids=ids))


def tracardi(shop: Client, case: Case) -> Reply:
    event = {
        "type": "sign-in",
        "time": {"insert": case.time},
        "properties": {"pk": case.who},
    }
    case.source = case.source.replace("web", "tracardi").replace(
        "people", "tracardi-people"
    )
    return _post(shop, case, "/track", _body(case, events=[event]))


def identify(shop: Client, case: Case) -> Reply:
    said = {"ids": {"registered": case.who or fresh("c")}, "time": case.time or OLD}
    return _post(shop, case, "/identify", _body(case, **said))


def update(shop: Client, case: Case) -> Reply:
    said: dict[str, Any] = {"properties": {"a": 1}, "time": case.time or OLD}
    ids = {"registered": case.who} if case.who else {}
    return _post(shop, case, "/update", _body(case, ids=ids, **said))


def collect(shop: Client, case: Case) -> Reply:
    key = case.source.replace("web", "tracardi").replace("people", "tracardi-people")
    return _post(shop, case, f"/collect/view/{key}/{case.session}", {})


def xo(shop: Client, case: Case) -> Reply:
    user = {"identities": {"sessionId": case.session}}
    return _post(
        shop, case, f"/{case.source}", {"action": "view", "target": {}, "user": user}
    )


def helloretail(shop: Client, case: Case) -> Reply:
    body = {"websiteUuid": case.source, "trackingUserId": case.session}
    return _post(shop, case, "/serve/collect/pageview", body)


def segment(shop: Client, case: Case) -> Reply:
    body = {"writeKey": case.source, "anonymousId": case.session, "event": "view"}
    return _post(shop, case, "/v1/track", body)


def bulk(shop: Client, case: Case) -> Reply:
    data = {
        "company_id": case.source,
        "customer_ids": {"cookie": case.session},
        "type": "view",
    }
    asked = {"project_id": case.source, "cookie": case.session, "customer": {}}
    commands = [
        {"name": "system/ids", "data": asked},
        {"name": "crm/events", "data": data},
    ]
    return _post(shop, case, "/bulk", {"commands": commands})


OPTIONS = [case for case in CASES if case.__name__.startswith("not_saved")]
SAID = [case for case in CASES if case not in OPTIONS]
NOW = [opted_out, opted_out_and_erased, sent_by_a_bot]
Made = Callable[[Client], Case]
Sent = Callable[[Client, Case], Reply]


@pytest.mark.parametrize(
    ("case", "call"),
    [
        *((case, call) for case in CASES for call in (track, tracardi)),
        *((case, call) for case in SAID for call in (identify, update)),
        *((case, collect) for case in NOW),
    ],
)
def test_the_profile_is_the_one_that_is_there_or_none(
    shop: Client, case: Made, call: Sent
) -> None:
    found = case(shop)
    found.named = None if call is collect else found.named
    reply = call(shop, found)
    assert reply.status == 200, reply.body
    assert [r["status"] for r in reply.json.get("results", [])] in ([], ["dropped"])
    assert reply.json["session"] == {"id": found.session}
    assert reply.json["profile"] == {"id": found.profile}


@pytest.mark.parametrize("case", NOW)
@pytest.mark.parametrize("call", [xo, helloretail, segment, bulk])
def test_other_systems_clients_are_told_no_id_but_their_own(
    shop: Client, case: Made, call: Sent
) -> None:
    found = case(shop)
    reply = call(shop, found)
    assert "nothing was stored" in reply.body.decode()
    assert {*UUID.findall(reply.body.decode())} <= {*UUID.findall(found.session)}


def test_who_opted_out_and_was_erased_opens_no_other_session(shop: Client) -> None:
    """Attraqt's clients send two session IDs: neither is recorded."""
    found, other = opted_out_and_erased(shop), fresh()
    user = {"identities": {"sessionId": found.session, "sessionid": other}}
    shop.post("/web-key", {"action": "view", "target": {}, "user": user})
    assert shop.get("sessions", other).status == 404
