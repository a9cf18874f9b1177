"""Actions that each function uses where all are allowed, compared with its role."""

from __future__ import annotations

import base64
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from hardlink.domain.times import HOUR
from hardlink.domain.traits import session_summary
from hardlink.services.erasure import sweep as erasure_sweep
from hardlink.storage import erasure_queue
from hardlink.web.wiring import tables
from infra import routes, topology
from infra.local import lambda_runtime, moto_engine
from infra.local.api_gateway import Gateway, HttpRequest
from infra.local.dynamodb_streams import is_wanted
from infra.local.lambda_runtime import Deployment
from infra.local.sqs import QueuePoller

KEY = "server-key-of-this-test"
Asked = set[tuple[str, str]]
"""Table or queue, and action, as IAM names it."""
QUEUES = ("erasures", "visitor-erasures")
_ACTIONS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}


class Shop:
    """A shop's calls, and who asked what while they were carried out."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._gateway = Gateway(routes.ROUTES, self._invoke)
        self._now = ""
        self.asked: dict[str, Asked] = defaultdict(set)
        tables()._client.meta.events.register(
            "provide-client-params.dynamodb", self._record
        )
        for requester in erasure_queue.VARIABLES:
            told = erasure_queue.open_queue(requester)._client.meta.events
            told.register("provide-client-params.sqs", self._record_message)
        self._messages = self._poll(deployment.erasures)
        self._visitors = self._poll(deployment.visitor_erasures)

    def write(self, path: str, session: str | None, **body: Any) -> dict[str, Any]:
        """A call with a write key; the streams are delivered after it."""
        visit = {} if session is None else {"session": {"id": session}}
        sent = json.dumps({"source": {"id": "demo"}, **visit, **body}).encode()
        return self._call(HttpRequest("POST", path, body=sent))

    def activity(
        self,
        session: str,
        *,
        times: int = 1,
        at: str | None = None,
        order: Mapping[str, str] | None = None,
        product: str = "1",
        segments: Sequence[str] = (),
        **ids: str,
    ) -> dict[str, Any]:
        """An XO client's call; the streams are delivered after it."""
        one = {
            "action": "purchase" if order else "view",
            "target": {"product": product},
            "user": {
                "identities": {"sessionid": session, **ids},
                "segments": list(segments),
            },
            **({"timestamp": at} if at else {}),
            **({"metadata": order} if order else {}),
        }
        return self._call(
            HttpRequest("POST", "/demo", body=json.dumps([one] * times).encode())
        )

    def webhook(
        self, session: str | None, type_: str = "sign-in", **properties: str
    ) -> dict[str, Any]:
        """A call of Tracardi's webhook bridge; the streams are delivered after it."""
        path = f"/collect/{type_}/demo-tracardi" + (f"/{session}" if session else "")
        return self._call(
            HttpRequest("POST", path, body=json.dumps(properties).encode())
        )

    def collect(self, kind: str, session: str, **body: Any) -> dict[str, Any]:
        """A Hello Retail call; the streams are delivered after it."""
        sent = {"websiteUuid": "demo", "trackingUserId": session, **body}
        path = f"/serve/collect/{kind}"
        return self._call(HttpRequest("POST", path, body=json.dumps(sent).encode()))

    def commands(self, *commands: dict[str, Any]) -> dict[str, Any]:
        """An Exponea batch; the streams are delivered after it."""
        key = base64.b64encode(f"id:{KEY}".encode()).decode()
        path, headers = (
            "/track/v2/projects/demo/batch",
            [("authorization", f"Basic {key}")],
        )
        sent = json.dumps({"commands": commands}).encode()
        return self._call(HttpRequest("POST", path, headers, sent))

    def messages(self, *batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of Segment's; the streams are delivered after it."""
        sent = json.dumps({"writeKey": "demo", "batch": batch}).encode()
        return self._call(HttpRequest("POST", "/v1/batch", body=sent))

    def message_in_context(self, context: dict[str, Any]) -> None:
        """A batch of one message, whose context stands beside it."""
        message = {"type": "page", "anonymousId": "large2"}
        sent = {"writeKey": "demo", "batch": [message], "context": context}
        self._call(HttpRequest("POST", "/v1/batch", body=json.dumps(sent).encode()))

    def swept_of_visitor(self) -> None:
        """Run `erase` for an erasure that a visitor asked for; it is put off in its queue."""
        assert self._visitors.deliver()

    def swept(self, erasure: str) -> None:
        """Run `erase` for an erasure twice: the second run finds no older call in progress."""
        assert self._messages.deliver()
        message = {
            "messageId": "1",
            "body": json.dumps({"project": "demo", "erasure": erasure}),
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:erasures",
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(erasure_sweep, "UNDER_WAY", -1)
            answer = self._invoke("erase", {"Records": [message]})
        assert answer == {"batchItemFailures": []}

    def read(self, path: str, method: str = "GET") -> dict[str, Any]:
        """A call with a server key."""
        return self._call(
            HttpRequest(method, path, [("authorization", f"Bearer {KEY}")])
        )

    def visitor(self, session: str) -> dict[str, Any]:
        """A page's read of its own visitor."""
        target = f"/visitor?source=demo&session={session}"
        return self._call(HttpRequest("GET", target))

    def correct(self, path: str, **body: Any) -> dict[str, Any]:
        """A correction, with a server key."""
        sent = json.dumps(body).encode()
        return self._call(
            HttpRequest("POST", path, [("authorization", f"Bearer {KEY}")], sent)
        )

    def data(self, call: str, **body: Any) -> dict[str, Any]:
        """One of Exponea's data calls, with a private key."""
        key = base64.b64encode(f"any:{KEY}".encode()).decode()
        path = f"/data/v2/projects/demo/{call}"
        sent = json.dumps(body).encode()
        return self._call(
            HttpRequest("POST", path, [("authorization", f"Basic {key}")], sent)
        )

    def order(self, number: str, at: str, **ids: Any) -> None:
        """An order of the shop's feed; the streams are delivered after it."""
        row = {"orderNumber": number, "date": at, "total": 1, **ids}
        headers = [("authorization", f"Bearer {KEY}")]
        answer = self._call(
            HttpRequest("POST", "/orders", headers, json.dumps([row]).encode())
        )
        assert answer["rejected"] == 0

    def _call(self, request: HttpRequest) -> dict[str, Any]:
        response = self._gateway.answer(request)
        assert response.status in (200, 202), (request.target, response.body)
        self._deliver()
        answer: dict[str, Any] = json.loads(response.body)
        return answer

    def _deliver(self) -> None:
        for table in topology.TABLES:
            records = moto_engine.take_records(self._deployment.tables[table.name])
            found = [record for record in records if is_wanted(table.name, record)]
            if found:
                answer = self._invoke("associate", {"Records": found})
                assert answer == {"batchItemFailures": []}

    def _invoke(self, function: str, event: dict[str, Any]) -> Any:
        self._now = function
        return self._deployment.invoke(function, event)

    def _record(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        names = {real: name for name, real in self._deployment.tables.items()}
        for table, action in _asked(model.name, params):
            self.asked[self._now].add((names[table], action))

    def _poll(self, url: str) -> QueuePoller:
        return QueuePoller(url, lambda e: self._invoke("erase", e))

    def _record_message(self, params: Any, model: Any, **_: Any) -> None:
        queue = params["QueueUrl"].rpartition("/")[2]
        self.asked[self._now].add((queue, model.name))


def _asked(operation: str, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Table and action of a request."""
    match operation:
        case "TransactWriteItems":
            for item in params["TransactItems"]:
                ((kind, request),) = item.items()
                yield request["TableName"], _ACTIONS.get(kind, "ConditionCheckItem")
        case "BatchGetItem":
            yield from ((table, operation) for table in params["RequestItems"])
        case "BatchExecuteStatement":
            for statement in params["Statements"]:
                assert statement["Statement"].startswith("INSERT INTO")
                yield statement["Statement"].split('"')[1], "PartiQLInsert"
        case _:
            yield params["TableName"], operation


def _opt_out_by_another_session(shop: Shop) -> None:
    """A session of long ago has the profile's consent, which is copied by `associate`."""
    shop.write("/anonymize", "visit")
    event = {"type": "view", "time": "2020-01-01T00:00:00Z"}
    profile = shop.write("/track", "long ago", events=[event])["profile"]
    shop.write("/track", "today", profile=profile, events=[{"type": "view"}])
    shop.write("/consent", "today", tracking="denied")
    shop.write("/anonymize", "long ago")


def _begin_with_events(shop: Shop) -> None:
    """A session of a Tracardi source begins with events, whichever call opens it."""
    source = {"id": "demo-tracardi"}
    ids, values = {"registered": "tracardi"}, {"color": "red"}
    shop.write("/identify", "begun1", source=source, ids=ids)
    shop.write("/update", "begun2", source=source, properties=values)
    shop.write("/anonymize", "begun1", source=source)


def _set_values(shop: Shop) -> None:
    """Values of a visitor whom no identifier names: of a new session, then of a known one, which reads the profile."""
    for color in ("red", "green"):
        values = {"color": color}
        shop.write("/track", "plain", events=[{"type": "view"}], attributes=values)
        shop.write("/update", "plain6", properties=values)
        shop.activity("plain2", segments=[color])
        data = {"customer_ids": {"cookie": "plain3"}, "properties": values}
        shop.commands({"name": "customers", "data": data})
        shop.messages({"type": "identify", "anonymousId": "plain4", "traits": values})
        shop.webhook("plain5", firstname=color)


def _tell_orders(shop: Shop) -> None:
    now = datetime.now(UTC)
    for days in (
        1,
        0,
        2,
    ):  # the last one is late, and another customer has its address by now
        at = (now - timedelta(days=days)).isoformat()
        shop.order(f"o{days}", at, customerId=f"o{days}", email="o@example.com")
    for number in ("o3", "o4"):
        shop.order(number, now.isoformat(), customerId="o3")
    shop.order("o5", (now + timedelta(hours=2)).isoformat(), customerId="o3")
    shop.collect("conversion", "s8", orderNumber="o3", total=1)
    shop.collect("conversion", "s11", orderNumber="o11", total=1)
    shop.order("o11", now.isoformat(), customerId="o11")
    _tell_orders_again(shop, now.isoformat())


def _tell_orders_again(shop: Shop, at: str) -> None:
    """Each client tells an order in its words, and then more of it; the feed completes them."""

    def exponea(number: str, **more: str) -> None:
        purchase = {"purchase_id": number, **more}
        data = {"customer_ids": {"cookie": "b3"}, "event_type": "purchase"}
        sent = {**data, "properties": purchase}
        shop.commands({"name": "customers/events", "data": sent})

    def segment(number: str, **more: str) -> None:
        message = {"type": "track", "anonymousId": "b4", "event": "Order Completed"}
        shop.messages({**message, "properties": {"order_id": number, **more}})

    def native(number: str, **more: str) -> None:
        event = {"type": "bought", "order": {"number": number, **more}}
        shop.write("/track", "b5", events=[event])

    def hello_retail(number: str, **more: str) -> None:
        shop.collect("conversion", "b2", orderNumber=number, **more)

    def tracardi(number: str, **more: str) -> None:
        shop.webhook("b6", "order-completed", id=number, **more)

    tellings = (hello_retail, exponea, segment, native, tracardi)
    for number, tell in enumerate(tellings):
        tell(f"b{number}")
        tell(f"b{number}", status="paid")
    for order in ({"orderId": "b9"}, {"orderId": "b9", "currency": "EUR"}):
        shop.activity("b1", order=order, ecommerceid="b1")
    shop.order("b9", at, customerId="b1", status="paid")


def _store_large_events(shop: Shop) -> None:
    """An event in pieces by each client: whether it is there already is looked up."""
    large = {f"p{i}": "x" * 16_000 for i in range(12)}
    seen = {"event_type": "large", "customer_ids": {"cookie": "large1"}}
    shop.commands({"name": "customers/events", "data": {**seen, "properties": large}})
    shop.message_in_context(large)  # a message itself has 32 KB at most
    shop.webhook("large3", "large", **large)
    products = [f"{n:050}" for n in range(2_000)]
    shop.collect("cart", "large4", productNumbers=products)
    lines = [{"productNumber": number} for number in products]
    now = datetime.now(UTC).isoformat()
    shop.order("large5", now, customerId="large5", products=lines)


def _say_everything(shop: Shop) -> None:
    """Segment's messages."""
    shop.messages(*[{"type": "page", "anonymousId": "s8"}] * 3)
    again = {"type": "identify", "userId": "u8", "traits": {"email": "8@example.com"}}
    shop.messages(*({**again, "anonymousId": session} for session in ("s8", "s9")))
    ahead = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    for at in (ahead, "2020-01-01T00:00:00Z"):
        said = {"type": "page", "anonymousId": "s8", "userId": at, "timestamp": at}
        shop.messages(said)


def _collect_everything(shop: Shop) -> None:
    """Hello Retail's calls."""
    shop.collect("customer", "s6", customerId="6")
    shop.collect("pageview", "s6", url="https://shop.example/1")
    shop.collect("cart", "s5", email="5@example.com", productNumbers=["1"])


def _command_everything(shop: Shop) -> None:
    """Exponea's commands."""
    known = {"cookie": "s7", "registered": "early"}
    shop.commands({"name": "customers", "data": {"customer_ids": known}})
    old = {"cookie": "s7", "registered": "late"}
    seen = {"event_type": "view", "customer_ids": old, "timestamp": 1577836800}
    shop.commands(*[{"name": "customers/events", "data": seen}] * 3)
    soon_seen = {**seen, "timestamp": time.time() + 7200, "age": 5}
    shop.commands({"name": "customers/events", "data": soon_seen})


def _call_everything(shop: Shop) -> None:
    numbers = count(1)
    shop.read("/health")
    shop.write("/session", "s0")
    linkings: list[Callable[..., Any]] = [
        lambda session, **body: shop.write("/identify", session, **body),
        lambda session, **body: shop.write("/update", session, **body),
        lambda session, **body: shop.write(
            "/track", session, events=[{"type": "view"}], **body
        ),
        lambda session, ids: shop.activity(session, **ids),
        lambda session, ids: shop.collect(
            "conversion",
            session,
            **{
                {"registered": "customerId"}.get(name, name): value
                for name, value in ids.items()
            },
        ),
    ]
    linkings.append(
        lambda session, ids: shop.commands(
            {"name": "customers", "data": {"customer_ids": {"cookie": session, **ids}}}
        )
    )
    linkings.append(
        lambda session, ids: shop.webhook(
            session,
            **{
                {"registered": "pk"}.get(name, name): value
                for name, value in ids.items()
            },
        )
    )
    linkings.append(
        lambda session, ids: shop.messages(
            {
                "type": "identify",
                "anonymousId": session,
                "userId": ids.get("registered", session),
                "traits": {"email": ids["email"]},
            }
        )
    )
    for link in linkings:
        n = next(numbers)
        link(f"s{n}", ids={"email": f"{n}@example.com"})
        link(f"s{n}", ids={"registered": f"r{n}", "email": f"{n}@example.com"})
        link(f"s{n}", ids={"registered": f"other{n}", "email": f"{n}@example.com"})
        link(f"t{n}", ids={"email": f"{n}@example.com"})
    late = {"ids": {"registered": "late"}, "time": "2020-01-01T00:00:00Z"}
    shop.write("/identify", "s1", **late)
    shop.write("/update", "s2", **late)
    past = {"type": "view", "time": "2020-01-01T00:00:00Z"}
    shop.write("/track", "s3", ids={"registered": "late"}, events=[past])
    visitor = shop.write("/track", "visit", events=[{"type": "view", "id": "1"}])[
        "profile"
    ]
    shop.write(
        "/track", "visit", events=[{"type": "view", "id": str(i)} for i in range(3)]
    )
    shop.write("/track", "again", profile=visitor, events=[{"type": "view"}])
    shop.write("/identify", "again2", profile=visitor, ids={"email": "new@example.com"})
    shop.write(
        "/update",
        "again3",
        profile=visitor,
        properties={"a": "x" * 9000, "b": "x" * 9000},
    )
    shop.activity("s4", times=3)
    for _ in range(2):
        shop.webhook(None)
    _command_everything(shop)
    _say_everything(shop)
    _collect_everything(shop)
    shop.activity("s4", ecommerceid="another")
    _set_values(shop)
    _tell_orders(shop)
    soon = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    shop.write("/track", "visit", events=[{"type": "view", "time": soon}])
    shop.activity("s4", at=soon)
    shop.activity("s4", at="2020-01-01T00:00:00Z", ecommerceid="late")
    large = {f"p{i}": "x" * 16_000 for i in range(12)}
    shop.write("/track", "visit", events=[{"type": "large", "properties": large}])
    _store_large_events(shop)
    _opt_out_by_another_session(shop)
    _begin_with_events(shop)
    for tracking in ("denied", "granted"):
        shop.write("/consent", "again", tracking=tracking)
    shop.write("/consent", "fresh", tracking="denied")
    shop.write("/consent", "fresh2", profile=visitor, tracking="granted")
    nobody = shop.write("/track", "nobody", events=[{"type": "view"}])["profile"]["id"]
    shop.write("/track", "nobody2", profile={"id": nobody}, events=[{"type": "view"}])
    for path in (
        *(f"/customers/registered/other{n}" for n in (1, 2, 3)),
        "/customers/registered/other1/events",
        f"/customers/profile/{nobody}",
        "/customers/email/new@example.com",
        "/sessions/s1",
        "/sessions/visit/events",
        "/sessions/visit/verdicts",
        "/customers/recent",
        "/live",
        "/project",
        "/tracking-user?email=1@example.com",
        "/newsletter/content?email=1@example.com",
    ):
        shop.read(path)
    _read_everything(shop)
    shop.read("/customers/why?email=1@example.com")
    _correct_everything(shop)
    for session in ("s1", "s2", "s3", "t1", "again"):
        shop.read(f"/sessions/{session}/unlink", "POST")
    _erase_everything(shop)


def _correct_everything(shop: Shop) -> None:
    """Merge two customers, take identifiers off, and undo both."""
    for name in ("m1", "m2"):
        ids = {"registered": name, "email": f"{name}@example.com"}
        shop.write("/identify", f"session of {name}", ids=ids)
    customer, address = {"registered": "m1"}, {"email": "m1@example.com"}
    removed = shop.correct(
        "/customers/remove-identifier", customer=customer, identifier=address
    )
    into = {"registered": "m2"}
    merged = shop.correct("/customers/merge", **{"from": customer, "into": into})
    for identifier, made in ((address, removed), (customer, merged)):
        evidence = made["evidence"]
        shop.correct("/customers/undo", identifier=identifier, evidence=evidence)


def _erase_everything(shop: Shop) -> None:
    """Erase shared devices, customers without a device, visitors on request, and returning ones."""
    for number, customer in enumerate(("e1", "e2", "e3")):
        ids = {
            "ids": {"registered": customer},
            "events": [{"type": "view", "id": str(number)}],
        }
        shop.write("/track", "shared", source={"id": "demo"}, **ids)
    shop.order(
        "o9", datetime.now(UTC).isoformat(), customerId="e1", email="e@example.com"
    )
    shop.read("/customers/registered/e1/export")
    for product in ("1", "2"):  # an order of two events
        lines = {"orderId": "lines"}
        shop.activity("lines", order=lines, product=product, ecommerceid="lines")
    for path in (
        "/customers/registered/e1/erase",
        "/sessions/shared/erase",
        "/customers/registered/lines/erase",
    ):
        erasure = shop.read(path, "POST")["erasure"]["id"]
        shop.read(f"/erasures/{erasure}")
        shop.swept(erasure)
    shop.write("/track", "shared", events=[{"type": "view"}], ids={"registered": "e1"})
    told = {"email": "asked@example.com"}
    shop.write("/identify", "asked", ids=told, properties={"bio": "x" * 9000})
    shop.write("/consent", "asked", tracking="denied", erase=True)
    shop.swept_of_visitor()


def _read_everything(shop: Shop) -> None:
    """Exponea's data calls."""
    whole = {"customer_ids": {"cookie": "visit"}}
    shop.data("customers/export-one", **whole)
    shop.data("customers/attributes", **whole, attributes=[])
    shop.write("/identify", "two1", ids={"registered": "two"})
    # an order, to which more may have been added
    bought = {"type": "bought", "order": {"number": "two"}}
    shop.write("/track", "two1", events=[bought])
    two = {"customer_ids": {"registered": "two"}}
    shop.data("customers/events", **two, event_types=["bought"])
    visitor = shop.write("/track", "pair1", events=[{"type": "view"}])["profile"]
    shop.write("/track", "pair2", profile=visitor, events=[{"type": "view"}])
    shop.data("customers/export-one", customer_ids={"cookie": "pair1"})
    shop.data("customers/events", **whole, event_types=["large"])
    for session, texts in (("one-text", 1), ("two-texts", 2)):
        shop.write(
            "/update", session, properties={f"p{n}": "x" * 9000 for n in range(texts)}
        )
    shop.write("/track", "bought1", events=[{**bought, "order": {"number": "bought1"}}])
    texts_and_events = ("one-text", "two-texts", "pair1", "bought1", "large3", "new1")
    # A session that is quiet gets a summary, which needs half an hour otherwise.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session_summary, "LATE", -HOUR)
        for session in texts_and_events:
            shop.visitor(session)
        shop.read("/customers/registered/two?traits=*")
        visits = [{"type": "expression", "id": "visits"}]
        shop.data("customers/attributes", **whole, attributes=visits)
    shop.data("customers/export", format="native_json")
    shop.data("consent/categories")


@pytest.fixture(scope="module")
def asked() -> Mapping[str, Asked]:
    """Actions that each function used."""
    with lambda_runtime.run_deployment(topology.SOURCES, {"demo": KEY}) as deployment:
        shop = Shop(deployment)
        _call_everything(shop)
        return shop.asked


@pytest.mark.parametrize("name", topology.FUNCTIONS_BY_NAME)
def test_a_function_may_do_all_that_it_does(
    asked: Mapping[str, Asked], name: str
) -> None:
    assert asked[name] - _allowed(name) == set()


@pytest.mark.parametrize("name", topology.FUNCTIONS_BY_NAME)
def test_a_function_does_all_that_it_may_do(
    asked: Mapping[str, Asked], name: str
) -> None:
    assert _allowed(name) - asked[name] == set()


def _allowed(name: str) -> Asked:
    function = topology.FUNCTIONS_BY_NAME[name]
    allowed: Asked = {
        (table, action)
        for table, actions in function.access.items()
        for action in actions
    }
    for queue in QUEUES:
        allowed |= {(queue, action) for action in function.erasures}
    return allowed
