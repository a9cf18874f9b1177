"""Give a browser's first call a new session, and the same one when its client sends it again.

A client that has no session yet cannot name one, so the call itself has to be recognized. One row
for each browser remembers its newest first call for a quarter of an hour. A call that is no
repetition takes its place: whoever wants to hit another visitor's session has one guess.
"""

from __future__ import annotations

from hardlink.domain.call import Call, NewId
from hardlink.domain.records import FirstCall
from hardlink.domain.times import MINUTE, SECOND
from hardlink.storage import items, keys
from hardlink.storage.store import Put, Store

LIFETIME = 15 * MINUTE
"""Exponea's web SDK repeats after 5, 10, 20, ... seconds: eight times within this."""
RETRY_AFTER = 4 * SECOND
"""A repetition comes later than this: two visitors may do the same at the same moment."""
CLOCK_DRIFT = SECOND // 200
"""Two sendings agree about the time of their first event to a few milliseconds."""


def is_repetition(first: FirstCall, *, happened: int, sent: int, now: int) -> bool:
    """Tell whether a call is a first call, sent again. Times in microseconds.

    `happened` and `sent`: as in `FirstCall`; `now`: on the server's clock.
    """
    if first.expires * SECOND <= now:  # DynamoDB deletes expired items later
        return False
    is_same_event = abs(happened - first.happened) <= CLOCK_DRIFT
    return is_same_event and sent - first.sent >= RETRY_AFTER


def first_session(
    store: Store,
    call: Call,
    new_id: NewId,
    fingerprint: str,
    *,
    happened: int,
    sent: int,
) -> str:
    """Return the session of a browser's first call: a random new one, unless it is repeated.

    `fingerprint`: what tells the browser and its call from others.
    """
    key = keys.first_call(call.project_id, fingerprint)
    item = store.get([key])[0]
    if item:
        known = items.decode_first_call(item)
        if is_repetition(known, happened=happened, sent=sent, now=call.now):
            return known.session
    expires = (call.now + LIFETIME) // SECOND
    first = FirstCall(new_id(), happened, sent, expires)
    store.write([Put(key, items.encode_first_call(first))])
    return first.session
