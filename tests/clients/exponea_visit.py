"""A backend's calls with exponea-python-sdk, run in an environment of its own; prints what the client answers."""

import json
import sys

from exponea_python_sdk import Exponea
from exponea_python_sdk.exceptions import APIException


def refusal(client: Exponea, ids: dict[str, str]) -> str:
    """What the client raises."""
    try:
        client.tracking.add_event(ids, "x")
    except APIException as error:
        return str(error)
    return "nothing was raised"


if __name__ == "__main__":
    url, token, key, cookie, customer = sys.argv[1:]
    exponea = Exponea(token, username="key-id", password=key, url=url)
    tracking = exponea.tracking
    visitor, known = {"cookie": cookie}, {"registered": customer}
    answers = [
        tracking.get_system_time(),
        tracking.add_event(visitor, "view", {"nested": [{"a": 1}]}),
        tracking.update_customer_properties(
            {**known, **visitor}, {"first_name": "Gordon"}
        ),
        tracking.add_event(known, "purchase"),
        tracking.add_event(known, "purchase", {"price": 7.99}, 1533663283.5),
        tracking.batch_commands(
            [
                tracking.add_event(visitor, "basket", {"a": 1}, batch=True),
                tracking.update_customer_properties(visitor, {"vip": True}, batch=True),
                tracking.add_event({"nickname": "x"}, "lost", batch=True),
                tracking.get_system_time(batch=True),
            ]
        ),
    ]
    strangers = [
        Exponea(token, username="key-id", password="wrong", url=url),
        Exponea("nobody", username="key-id", password=key, url=url),
    ]
    errors = [refusal(stranger, known) for stranger in strangers]
    errors.append(refusal(exponea, {}))
    sys.stdout.write(json.dumps({"answers": answers, "errors": errors}))
