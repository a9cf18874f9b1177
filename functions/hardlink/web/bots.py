"""Which user agents are programs, by a list that others keep well: crawlers, headless browsers, HTTP libraries.

The list takes as long to load as a tenth of a cold start, so only the first call that asks waits for it.
"""

from __future__ import annotations

MOST_CHARACTERS = 1000
"""Of a user agent: nobody looks further."""


def is_bot(user_agent: str | None) -> bool:
    """Whether a program says that it is one; who says nothing is none."""
    if not user_agent:
        return False
    import crawleruseragents  # noqa: PLC0415 - see above

    return bool(crawleruseragents.is_crawler(user_agent[:MOST_CHARACTERS]))
