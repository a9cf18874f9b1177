"""A visit with tracardi-track-client, run in an environment of its own: it needs pydantic 1."""

import sys

from tracardi_track_client.tracker import track

if __name__ == "__main__":
    url, source, session, *mail = sys.argv[1:]
    for type_, profile in (
        ("page-view", None),
        ("product-in-basket", "made-up-by-the-client"),
    ):
        track(
            callback_url=url,
            source_id=source,
            profile_id=profile,
            session_id=session or None,
            event_type=type_,
            properties={"price": 34.43},
            context={"tag": type_},
        )
    for address in mail:
        track(
            callback_url=url,
            source_id=source,
            profile_id=None,
            session_id=session,
            event_type="sign-in",
            properties={"email": address},
            context={},
        )
