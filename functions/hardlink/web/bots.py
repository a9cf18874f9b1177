"""Detect crawlers, headless browsers and HTTP libraries by their user agents.

The list of them takes a tenth of a cold start to load, so the first call that asks loads it.
"""

from __future__ import annotations

MOST_CHARACTERS = 1000
"""Characters of a user agent that are looked at."""


def is_bot(user_agent: str | None) -> bool:
    """Check whether a user agent is a known bot; a missing or an empty one is none.

    Its first `MOST_CHARACTERS` decide, because it is matched with hundreds of patterns.
    """
    if not user_agent:
        return False
    import crawleruseragents  # noqa: PLC0415 - see above

    return bool(crawleruseragents.is_crawler(user_agent[:MOST_CHARACTERS]))
