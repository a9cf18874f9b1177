"""Sample events are carried out by hand, one after the other on the same tables."""

from __future__ import annotations

import pytest

from infra import topology
from infra.local import invoke

FOLDER = topology.ROOT / "events"


def test_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["track", "identify-soft", "associate-customers", "customer-events"]
    assert invoke.main([str(FOLDER / f"{name}.json") for name in names]) == 0
    said = capsys.readouterr().out
    assert "track.json -> track: 200" in said
    assert "product-in-basket" in said
    assert invoke.main([]) == 2
