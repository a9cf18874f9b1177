"""The Tag Manager template: the calls that each tag makes, and that it has exactly the permissions that it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hardlink.domain.identifiers import is_placeholder
from tests.browser.sdk import gtm
from tests.browser.sdk.gtm import Page, Step, page, pages

URL = "https://api.shop.example"
START = {"tagType": "start", "url": URL, "writeKey": "web-key", "consent": "none"}
CONFIG = {
    "token": "web-key",
    "target": URL,
    "track": {"visits": False, "default_properties": {}},
    "ping": {"enabled": False},
    "dnt": False,
    "gpc": False,
}
"""The SDK's configuration if no other field was filled in."""


def rows(**values: Any) -> list[dict[str, Any]]:
    """A filled-in table."""
    return [{"name": name, "value": value} for name, value in values.items()]


def tag(kind: str, **filled: Any) -> Step:
    return ("tag", {"tagType": kind, "consent": "none", **filled})


def start(**filled: Any) -> Step:
    return ("tag", {**START, **filled})


EVERYTHING: Mapping[str, tuple[Step, list[list[Any]]]] = {
    "start with every option": (
        start(
            url=f" {URL}// ",
            visits=True,
            ping=True,
            dnt=True,
            gpc=True,
            storage="cookie",
            cookieDomain="shop.example",
            optInRequired=True,
            identities=rows(ecommerceid="E-1", crm=""),
            sessionId="S-1",
            defaultProperties=rows(shop="de", empty=""),
        ),
        [
            [
                "start",
                {
                    "token": "web-key",
                    "target": URL,
                    "customer": {"ecommerceid": "E-1"},
                    "track": {"visits": True, "default_properties": {"shop": "de"}},
                    "ping": {"enabled": True},
                    "consent": "required",
                    "dnt": True,
                    "gpc": True,
                    "storage": "cookie",
                    "cookieDomain": "shop.example",
                },
            ],
            ["xo.addUserIdentity", "sessionId", "S-1"],
        ],
    ),
    "start with the required options": (start(), [["start", CONFIG]]),
    "a domain applies to a cookie only": (
        start(storage="local", cookieDomain="shop.example"),
        [["start", {**CONFIG, "storage": "local"}]],
    ),
    "an event": (tag("event", eventType=" view "), [["track", "view", {}]]),
    "an event with identities, and with properties from a table and an object": (
        tag(
            "event",
            eventType="purchase",
            identities=rows(registered="gordon@blackmesa.com", crm=42),
            propertiesObject={"items": [{"sku": "1"}], "total": 1, "coupon": None},
            properties=rows(total=12.5, gift=False, note="", step=0),
        ),
        [
            ["identify", {"registered": "gordon@blackmesa.com", "crm": "42"}],
            [
                "track",
                "purchase",
                {"items": [{"sku": "1"}], "total": 12.5, "gift": False, "step": 0},
            ],
        ],
    ),
    "an event whose object is not an object": (
        tag("event", eventType="view", propertiesObject="undefined"),
        [["track", "view", {}]],
    ),
    "an activity": (
        tag(
            "activity",
            action="purchase",
            identities=rows(ecommerceId="E-1", userid=7),
            segments=rows(vip="true", new=True),
            traits=rows(age=45, buyer=True, city=""),
            target=rows(product=123, page=""),
            sourceId="rec-1",
            metadata=rows(price="1999", quantity="2", currency="EUR", orderId="007"),
            activitySegments=["sale", "", "new"],
        ),
        [
            ["xo.addUserIdentity", "ecommerceId", "E-1"],
            ["xo.addUserIdentity", "userid", "7"],
            ["xo.setUserSegments", ["vip", "new"]],
            ["xo.setUserTraits", {"age": 45, "buyer": True}],
            [
                "xo.send",
                {
                    "action": "purchase",
                    "target": {"product": "123"},
                    "sourceId": "rec-1",
                    "metadata": {
                        "price": 1999,
                        "quantity": 2,
                        "currency": "EUR",
                        "orderId": "007",
                    },
                    "segments": ["sale", "new"],
                },
            ],
        ],
    ),
    "an activity with only an action": (
        tag("activity", action="view", activitySegments=" , "),
        [["xo.send", {"action": "view", "target": {}}]],
    ),
    "an activity with a price that is not a number": (
        tag("activity", action="view", metadata=rows(price="low")),
        [["xo.send", {"action": "view", "target": {}, "metadata": {"price": "low"}}]],
    ),
    "segments that the visitor left": (
        tag(
            "activity",
            action="view",
            segments=rows(vip=True, new="false", old=0, none=""),
        ),
        [
            ["xo.setUserSegments", {"vip": True, "new": False, "old": False}],
            ["xo.send", {"action": "view", "target": {}}],
        ],
    ),
    "a session ID in the table": (
        tag("activity", action="view", identities=rows(sessionid="S-1", userid="7")),
        [
            ["xo.addUserIdentity", "sessionId", "S-1"],
            ["xo.addUserIdentity", "userid", "7"],
            ["xo.send", {"action": "view", "target": {}}],
        ],
    ),
    "the session ID's own field takes precedence": (
        tag(
            "event", eventType="view", identities=rows(sessionId="S-1"), sessionId="S-2"
        ),
        [["xo.addUserIdentity", "sessionId", "S-2"], ["track", "view", {}]],
    ),
    "identify": (
        tag(
            "identify",
            identities=rows(registered=" g ", crm=None),
            attributes=rows(name="G", age=""),
        ),
        [["identify", {"registered": "g"}, {"name": "G"}]],
    ),
    "identify without attributes": (
        tag("identify", identities=rows(registered="g"), sessionId="S-1"),
        [["xo.addUserIdentity", "sessionId", "S-1"], ["identify", {"registered": "g"}]],
    ),
    "identify with a placeholder": (
        tag(
            "identify",
            identities=rows(registered="undefined"),
            attributes=rows(name="G"),
        ),
        [],
    ),
    "update": (
        tag("update", attributes=rows(name="G", age="")),
        [["update", {"name": "G"}]],
    ),
    "update without values": (tag("update", attributes=rows(name="", age=None)), []),
    "anonymize": (tag("anonymize"), [["anonymize"]]),
    "opt in": (tag("optIn"), [["optIn"]]),
    "opt out": (tag("optOut"), [["optOut"]]),
}


DENIED: Step = ("consent", False)
GRANTED: Step = ("consent", True)
WAITING = {"consent": "wait"}


def with_wait(step: Step) -> Step:
    """The same tag, set to wait for consent."""
    return ("tag", {**step[1], **WAITING})


VISITS: Mapping[str, Callable[[Step], list[Step]]] = {
    "first": lambda step: [step],
    "loaded": lambda step: [("sdk", None), step],
    "denied": lambda step: [DENIED, with_wait(step)],
    "granted": lambda step: [DENIED, with_wait(step), GRANTED, DENIED, GRANTED],
}


Visits = Mapping[tuple[str, str], Page]


@pytest.fixture(scope="module")
def visits() -> Visits:
    """The outcome of every tag on every kind of page, by the names of both."""
    names = [(visit, name) for visit in VISITS for name in EVERYTHING]
    found = pages([VISITS[visit](EVERYTHING[name][0]) for visit, name in names])
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("name", EVERYTHING)
def test_calls_of_a_tag_before_the_sdk_is_loaded(name: str, visits: Visits) -> None:
    """XO-13."""
    step, wanted = EVERYTHING[name]
    found = visits["first", name]
    assert found.queued == wanted
    starts = step[1]["tagType"] == "start"
    assert found.scripts == ([[f"{URL}/sdk.js?with=xo", "hardlink"]] if starts else [])
    assert found.outcomes == ([[]] if starts else [["success"]])


@pytest.mark.parametrize("name", EVERYTHING)
def test_the_same_calls_are_made_to_a_loaded_sdk(name: str, visits: Visits) -> None:
    """XO-13."""
    wanted = EVERYTHING[name][1]
    found = visits["loaded", name]
    assert (found.called, found.scripts, found.outcomes) == (wanted, [], [["success"]])


def test_queued_calls_are_made_in_order() -> None:
    before, after = tag("event", eventType="first"), tag("event", eventType="third")
    found = page(
        before, start(), tag("event", eventType="second"), ("loaded", None), after
    )
    assert [call[:2] for call in found.called] == [
        ["start", CONFIG],
        *(["track", type_] for type_ in ("first", "second", "third")),
    ]
    assert found.outcomes == [["success"]] * 4


def test_a_start_tag_fails_if_the_sdk_cannot_be_loaded() -> None:
    found = page(start(), ("failed", None))
    assert found.outcomes == [["failure"]]
    assert "could not be loaded" in found.logged[0][1]


def test_a_missing_xo_adapter_is_loaded() -> None:
    before = tag("activity", action="view")
    after = tag("activity", action="search")
    found = page(("core", None), before, start(sessionId="s1"), ("loaded", None), after)
    assert found.called == [
        ["start", CONFIG],
        ["xo.addUserIdentity", "sessionId", "s1"],
        ["xo.send", {"action": "search", "target": {}}],
    ]
    assert found.outcomes == [["failure"], ["success"], ["success"]]
    assert "sdk.js?with=xo" in found.logged[0][1]


FAILURES: Mapping[str, tuple[Step, str]] = {
    "start without a key": (start(writeKey=" "), "write key"),
    "start without a URL": (start(url=None), "API URL"),
    "start at a URL that is not secure": (
        start(url="http://api.shop.example"),
        "API URL",
    ),
    "start at a path that is not permitted": (start(url=f"{URL}/v1"), "API URL"),
    "an event without a type": (tag("event", eventType=" "), "type"),
    "an event whose type is an object": (tag("event", eventType={"a": 1}), "type"),
    "an activity without an action": (tag("activity", action=None), "action"),
    "a tag of an unknown type": (tag("other"), "choose"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_tag_without_a_required_field_fails_without_a_call(name: str) -> None:
    step, why = FAILURES[name]
    found = page(step)
    assert (found.queued, found.scripts, found.outcomes) == ([], [], [["failure"]])
    assert why in found.logged[0][1]


# -- identities --------------------------------------------------------------------------------------


PLACEHOLDERS = [
    *(
        "undefined",
        "null",
        "None",
        "nil",
        "NaN",
        "0",
        "-1",
        "true",
        "FALSE",
        "anonymous",
        "Guest",
    ),
    *(
        "unknown",
        "id",
        "user",
        "email",
        "distinct_id",
        "not_authenticated",
        "[object Object]",
    ),
    *(
        "00000000-0000-0000-0000-000000000000",
        "",
        "  ",
        " null ",
        "(null)",
        "<null>",
        "0.0",
        "n/a",
    ),
    *("[]", "{}", "(not set)", "{00000000-0000-0000-0000-000000000000}"),
]
VALID_IDS = ["42", "nullable", "gordon@blackmesa.com", "a=b/c#d", "user-1", "0x1"]


def test_placeholders_are_omitted_as_by_the_service() -> None:
    """XO-13."""
    values = [*PLACEHOLDERS, *VALID_IDS]
    assert [value for value in values if is_placeholder(value)] == PLACEHOLDERS
    found = page(
        *(tag("identify", identities=rows(registered=value)) for value in values)
    )
    assert found.queued == [["identify", {"registered": value}] for value in VALID_IDS]
    assert found.outcomes == [["success"]] * len(values)


@pytest.mark.parametrize("value", [None, True, False, {"id": "1"}, ["1"], 0, -1])
def test_values_that_cannot_be_an_identity_are_omitted(value: object) -> None:
    found = page(
        tag("activity", action="view", identities=rows(userid=value), sessionId=value)
    )
    assert found.queued == [["xo.send", {"action": "view", "target": {}}]]


def test_no_personal_value_is_logged() -> None:
    personal = {
        "identities": rows(email="g@x.example", crm="null"),
        "attributes": rows(name="Gordon"),
    }
    found = page(
        tag("identify", **personal),
        tag("event", eventType="x", **personal),
        tag("update"),
    )
    assert found.logged != []
    assert not re.search("g@x.example|Gordon", json.dumps(found.logged))


# -- consent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_waiting_tag_does_nothing_before_consent(name: str, visits: Visits) -> None:
    wanted = EVERYTHING[name][1]
    found = visits["denied", name]
    sets_consent = name.startswith("opt ")
    assert found.queued == (wanted if sets_consent else [])
    assert found.names == (["hardlink"] if sets_consent else [])
    assert (found.scripts, found.outcomes) == ([], [["success"]])
    later = visits["granted", name]
    assert later.queued == wanted
    assert later.outcomes == [["success"]]


@pytest.mark.parametrize("granted", [[], [GRANTED]])
def test_a_waiting_tag_runs_at_once_if_consent_is_granted(
    granted: list[Step],
) -> None:
    found = page(*granted, tag("event", eventType="x", **WAITING), DENIED, GRANTED)
    assert found.queued == [["track", "x", {}]]


def test_a_start_tag_can_follow_the_consent() -> None:
    follows = start(**WAITING, followConsent=True)
    loaded: Step = ("loaded", None)
    found = page(DENIED, follows, GRANTED, loaded, DENIED, GRANTED)
    assert [call[0] for call in found.called] == ["start", "optIn", "optOut", "optIn"]
    found = page(GRANTED, follows, loaded, DENIED)
    assert [call[0] for call in found.called] == ["start", "optIn", "optOut"]
    assert found.outcomes == [["success"]]


def test_a_tag_that_needs_no_consent_does_not_follow_it() -> None:
    found = page(
        DENIED, start(followConsent=True), tag("event", eventType="x"), GRANTED, DENIED
    )
    assert [call[0] for call in found.queued] == ["start", "track"]


def test_only_a_start_tag_follows_the_consent() -> None:
    event = tag("event", eventType="x", **WAITING, followConsent=True)
    for visit in ([GRANTED, event, DENIED], [DENIED, event, GRANTED, DENIED]):
        assert page(*visit).queued == [["track", "x", {}]]


# -- the template's sections --------------------------------------------------------------------------


def test_the_sections_match_an_export() -> None:
    found = gtm.sections()
    assert tuple(found) == gtm.SECTIONS
    assert all(found.values())
    assert "developers.google.com/tag-manager/gallery-tos" in found["TERMS_OF_SERVICE"]


def test_the_template_info() -> None:
    info = json.loads(gtm.sections()["INFO"])
    assert (info["type"], info["containerContexts"], info["version"]) == (
        "TAG",
        ["WEB"],
        1,
    )
    assert info["id"] == "cvt_temp_public_id"
    assert len(info["description"]) <= 200


def test_the_script_reads_every_field_and_no_other() -> None:
    read = set(re.findall(r"\bdata\.(\w+)", gtm.script())) - {
        "gtmOnSuccess",
        "gtmOnFailure",
    }
    fields = {param["name"] for param in gtm.parameters() if param["type"] != "GROUP"}
    assert read == fields


def test_the_names_of_fields_are_unique() -> None:
    names = [param["name"] for param in gtm.parameters()]
    assert len(names) == len(set(names))


def test_conditions_for_showing_fields_name_existing_values() -> None:
    params = gtm.parameters()
    choices = {
        param["name"]: {item["value"] for item in param["selectItems"]}
        for param in params
        if param["type"] == "SELECT"
    }
    shown = [one for param in params for one in param.get("enablingConditions", ())]
    assert shown
    for one in shown:
        assert one["paramValue"] in choices[one["paramName"]]


def test_each_tag_type_is_tested() -> None:
    offered = next(param for param in gtm.parameters() if param["name"] == "tagType")
    done = {step[1]["tagType"] for step, _ in EVERYTHING.values()}
    assert {item["value"] for item in offered["selectItems"]} == done


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("identities", ["userid", "ecommerceId", "crm_2"], ["", "user id", "e=mail"]),
        (
            "url",
            [URL, f"{URL}/", "https://x.example:8443"],
            ["http://x.example", f"{URL}/v1", "x"],
        ),
    ],
)
def test_valid_values_of_a_field(field: str, good: list[str], bad: list[str]) -> None:
    param = next(param for param in gtm.parameters() if param["name"] == field)
    column = param.get("simpleTableColumns", [param])[0]
    (pattern,) = (
        v["args"][0] for v in column["valueValidators"] if v["type"] == "REGEX"
    )
    assert [value for value in [*good, *bad] if re.search(pattern, value)] == good


# -- the sandbox and its permissions ------------------------------------------------------------------


def test_every_permission_and_every_required_api_is_used(visits: Visits) -> None:
    used = {one for found in visits.values() for one in found.used}
    assert used == set(gtm.permitted(gtm.permissions()))
    for name in re.findall(
        r"^const (\w+) = require\('(?:\w+)'\);$", gtm.script(), re.MULTILINE
    ):
        assert len(re.findall(rf"\b{name}\b", gtm.script())) > 2, f"{name} is not used"


def test_the_script_uses_only_syntax_of_the_sandbox() -> None:
    code = re.sub(r"//.*|'(?:\\.|[^'\\\n])*'", "''", gtm.script())
    strange = r"`|\.\.\.|\?\.|\?\?|\b(?:new|this|class|async|await|function\*|typeof|throw|try)\b"
    assert re.findall(strange, code) == []
    assert re.findall(r"(?<![\w)\]'\s])\s*/", code) == []  # a regular expression


@pytest.mark.parametrize(
    "name", ["access_globals", "inject_script", "logging", "access_consent"]
)
def test_an_action_without_permission_is_refused(name: str) -> None:
    rest = [p for p in gtm.permissions() if p["instance"]["key"]["publicId"] != name]
    assert len(rest) == len(gtm.permissions()) - 1
    with pytest.raises(AssertionError, match=f"not permitted: .*{name}"):
        page(start(), granted=rest)


def test_a_global_without_permission_is_refused() -> None:
    rest = json.loads(
        json.dumps(gtm.permissions()).replace('"hardlink.track"', '"hardlink.other"')
    )
    with pytest.raises(
        AssertionError, match=r"not permitted: access_globals execute hardlink.track"
    ):
        page(("sdk", None), tag("event", eventType="x"), granted=rest)
    assert page(("sdk", None), tag("optIn"), granted=rest).called == [["optIn"]]


def test_the_templates_own_tests_pass() -> None:
    found = gtm.own_tests()
    assert len(found) > 5
    assert [one for one in found if one["error"]] == []


def test_the_templates_own_tests_fail_for_an_empty_script() -> None:
    found = gtm.own_tests("")
    assert [one["name"] for one in found if not one["error"]] == []
