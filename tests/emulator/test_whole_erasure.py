"""An erasure of the deployed stack to its end: the queue brought it twice, a minute apart.

The last file, so that the minute has gone by when it is looked at.
"""

from __future__ import annotations

from tests.emulator.deployment import Api, Deployment
from tests.emulator.erasures import Erasure, count_waiting
from tests.http.service import eventually


def test_its_receipt_is_done_and_nothing_of_it_waits(
    stack: Deployment, shop: Api, erasure: Erasure
) -> None:
    def state() -> str:
        return str(shop.get("erasures", erasure.id).json["state"])

    eventually(state, "done", shop.patience)
    removed = shop.get("erasures", erasure.id).json["removed"]
    assert removed == {"identifiers": 1, "profiles": 1, "sessions": 1, "events": 2}
    assert count_waiting(stack, "ErasureFailed") == (0, 0)
