"""The load run, in short: what it accepts is stored and whose it is, and it says so where that is not so."""

from __future__ import annotations

import os
import re

import pytest

from hardlink.storage import keys
from hardlink.storage.store import Delete
from tests.bench import load
from tests.bench.load import Found
from tests.support.engines.tables import Engine


def test_what_is_accepted_is_stored_and_associated_and_a_lost_event_is_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_back, runs = load._read_back, list[Found]()

    def twice(engine: Engine, found: Found) -> None:
        """As it is, then without one of its events."""
        read_back(engine, found)
        runs.append(Found(**{**vars(found), "lost": list(found.lost)}))
        found.associated = 0
        session, ids = next(
            (s, i) for s, i in found.accepted.items() if s in found.customers and i
        )
        gone = min(ids)
        (key,) = (
            k
            for k in engine.dump()
            if k.item.startswith("e/") and keys.event_id(k) == gone
        )
        assert session in key.partition
        engine.store.write([Delete(key)])
        read_back(engine, found)

    monkeypatch.setattr(load, "_read_back", twice)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert load.main(["--seconds", "3", "--clients", "2"]) == 1
    (whole,) = runs
    assert whole.lost == []
    assert whole.stored == whole.events > 0
    assert (
        whole.associated
        == sum(len(ids) for ids in load._by_customer(whole).values())
        > 0
    )
    assert len(whole.memory) == 3
    told = capsys.readouterr().out
    assert f"events: {whole.events} accepted, {whole.events - 1} stored" in told
    assert re.search(r"was accepted, and isn't there\n", told)
    assert re.search(r"track +\d+ +\d+ +\d+ +\d+\n", told)
    assert "memory of the service" in told


def test_a_service_that_still_grows_is_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = Found(memory=[90_000, 100_000, 104_000])
    monkeypatch.setattr(load, "measure_load", lambda *_: grown)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert load.main([]) == 0
    grown.memory[2] = 106_000
    assert load.main([]) == 1
    assert "MEMORY GROWS" in capsys.readouterr().out
