"""POST /orders, and files under `feeds/<project>/` of the bucket: the shop's order feed."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from dialects.order_feed import calls
from dialects.order_feed.bucket import Bucket
from dialects.order_feed.bucket_events import import_messages
from hardlink.web.api_keys import ServerKeys, server_key_reader
from hardlink.web.entrypoint import entrypoint
from hardlink.web.refusals import record_refusal
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock

server_keys = ServerKeys(server_key_reader(), read_clock)
open_bucket = cache(Bucket)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle a call of the API, or messages of the queue about files in the bucket.

    `event`: API Gateway's payload 2.0, or a batch of SQS messages; the answer has the form of
    either.
    """
    if "Records" in event:
        return import_messages(open_bucket, event, context)
    return post(event, context)


@partial(entrypoint, record_refusal=record_refusal)
def post(request: Request) -> Answer:
    """Import a feed that is small enough for a call, and answer the result of each of its rows.

    Raises `Unauthorized`, `Invalid`, `TooLarge`, and `Busy` where the call is to be sent again.
    """
    return calls.post_orders(server_keys, request)
