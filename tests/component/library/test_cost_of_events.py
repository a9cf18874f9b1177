"""A short run of `make cost`: what it counts is what calls consume, and it ends in a figure."""

from __future__ import annotations

import pytest

from tests.bench import cost
from tests.bench.prices import Usage, Watched


def test_a_short_run_counts_what_calls_consume(dynamodb_local_endpoint: str) -> None:
    costs = cost.measure_cost(2, dynamodb_local_endpoint)
    single, batch = costs.steady["single"], costs.steady["batches of 10"]
    assert (single.events, single.api, single.calls) == (2, 2, 2)
    assert (single.reads, single.writes) == (
        2,
        2,
    )  # one consistent read, one write a call
    assert (batch.events, batch.reads, batch.writes) == (10, 1, 10)
    assert single.gb_seconds > 0
    # three items of a transaction at two units each, the row of the index, ...
    assert costs.visit.writes >= 7
    assert costs.visit.calls > 0  # ... and its association
    assert 150 < costs.weights.event < 240  # it was 261 before keys were packed
    assert 300 < costs.weights.visit < 900  # of two visits, one of which logs in
    assert 300 < costs.weights.answer < 1500


def test_the_figures_are_printed_with_their_goals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    used = Usage(1, api=1, calls=1, gb_seconds=0.005, reads=1, writes=1, log=100)
    steady = {"single": used, "batches of 10": used._replace(events=10)}
    weights = cost.Weights(event=700, answer=600, visit=1500)
    costs = cost.Costs(steady, Usage(0, writes=8), weights)
    watched = Watched(metrics=15, alarm_metrics=90, dashboards=1, secrets=2)
    monkeypatch.setattr(cost, "count_watched", lambda: watched)
    monkeypatch.setattr(cost, "ALL_IN_GOAL", 10)
    monkeypatch.setattr(cost, "measure_cost", lambda _: costs)
    assert cost.main([]) == 0
    said = capsys.readouterr().out
    assert "goal 2.05: held" in said
    assert "goal 10.00: held" in said
    dear = cost.Costs(
        {**steady, "single": used._replace(writes=2)}, costs.visit, weights
    )
    monkeypatch.setattr(cost, "measure_cost", lambda _: dear)
    assert cost.main([]) == 1
    said = capsys.readouterr().out
    assert "goal 2.05: MISSED" in said
    assert "Idle: 0" in said
