"""Erasing over HTTP, as a shop's backend asks for it."""

from __future__ import annotations

from tests.http.service import KEY, Client, eventually, fresh


def erase(shop: Client, path: str, key: str = KEY) -> tuple[int, str]:
    reply = shop.send("POST", path, b"", {"authorization": f"Bearer {key}"})
    found = reply.json
    return reply.status, found["erasure"]["id"] if reply.status == 202 else found[
        "error"
    ]["code"]


def test_a_customer_is_erased_and_comes_back_as_new(shop: Client) -> None:
    session, customer = fresh(), fresh("c")
    shop.track(session, "view")
    shop.identify(session, {"registered": customer})
    shop.settles("registered", customer, "view")
    assert erase(shop, f"/customers/registered/{customer}/erase", "wrong") == (
        401,
        "unauthorized",
    )
    status, receipt = erase(shop, f"/customers/registered/{customer}/erase")
    assert status == 202
    assert shop.get("erasures", receipt).json["state"] == "running"
    assert shop.get("erasures", receipt, key=None).status == 401
    assert shop.get("customers", "registered", customer).status == 404
    assert shop.get("sessions", session).status == 404
    late = {
        "events": [{"type": "late", "time": "2026-01-01T00:00:00Z"}, {"type": "new"}]
    }
    sent = {"source": {"id": "web-key"}, "session": {"id": session}, **late}

    def sent_again() -> list[str]:
        """The verdicts; none while the call is answered 503, as the erasure is still carried out."""
        reply = shop.post("/track", {**sent, "ids": {"registered": customer}})
        return [result["status"] for result in reply.json.get("results", [])]

    eventually(sent_again, ["dropped", "stored"])
    shop.settles("registered", customer, "new")


def test_nobody_is_not_erased(shop: Client) -> None:
    assert erase(shop, f"/customers/registered/{fresh()}/erase") == (404, "not_found")
    assert erase(shop, f"/sessions/{fresh()}/erase") == (404, "not_found")
    assert shop.get("erasures", fresh()).status == 404
