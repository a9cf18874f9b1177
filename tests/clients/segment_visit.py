"""Calls of a shop's backend, with three libraries, run in an environment of their own."""

import sys
from typing import Any

import rudderstack.analytics as rudder
from posthog import Posthog
from segment.analytics import Client


def calls(client: Any, session: str, customer: str) -> None:
    """What Segment's and RudderStack's libraries have in common."""
    client.track(
        anonymous_id=session, event="Product Viewed", properties={"sku": "crowbar"}
    )
    traits = {"email": f"{customer}@x.y", "first_name": "Gordon"}
    client.identify(customer, traits=traits, anonymous_id=session)
    client.track(customer, "Order Completed", {"revenue": 10.5})
    client.page(
        anonymous_id=session, category="Docs", name="Home", properties={"url": "/"}
    )
    client.screen(customer, name="Cart")
    client.group(customer, "mesa", {"name": "Black Mesa"})
    client.track(anonymous_id=f"{session}-tablet", event="Product Clicked")
    client.alias(f"{session}-tablet", customer)
    client.flush()


def numbers(client: Any, session: str, customer: str) -> None:
    """One batch, of which some numbers are none: a division by zero in the shop's own code."""
    nan, infinity = float("nan"), float("inf")
    client.track(
        anonymous_id=session,
        event="Product Viewed",
        properties={"sku": "crowbar", "price": nan},
    )
    client.track(
        anonymous_id=session,
        event="Product Clicked",
        properties={"prices": [1.5, infinity]},
    )
    traits = {"first_name": "Gordon", "spent": nan}
    client.identify(customer, traits=traits, anonymous_id=session)
    client.track(customer, "Order Completed", {"revenue": 10.5})
    client.flush()


def posthog(url: str, key: str, session: str, customer: str) -> None:
    client = Posthog(key, host=url, on_error=failed)
    unknown = {"$process_person_profile": False}
    client.capture(
        "Product Viewed", distinct_id=session, properties={"sku": "1", **unknown}
    )
    client.capture(
        "Order Completed", distinct_id=customer, properties={"revenue": 10.5}
    )
    client.set(
        distinct_id=customer, properties={"email": f"{customer}@x.y", "first_name": "G"}
    )
    client.set_once(distinct_id=customer, properties={"first_seen": "today"})
    client.alias(previous_id=session, distinct_id=customer)
    client.group_identify("company", "mesa", {"name": "Black Mesa"})
    client.shutdown()


def failed(error: Exception, *_: object) -> None:
    """What a library could not send is printed."""
    sys.stdout.write(f"failed: {error}\n")


if __name__ == "__main__":
    library, url, key, session, customer = sys.argv[1:]
    if library == "segment":
        calls(Client(key, host=url, on_error=failed, gzip=True), session, customer)
    if library == "nan":
        numbers(Client(key, host=url, on_error=failed), session, customer)
    if library == "rudder":
        rudder.write_key, rudder.dataPlaneUrl, rudder.on_error = key, url, failed
        calls(rudder, session, customer)
    if library == "posthog":
        posthog(url, key, session, customer)
