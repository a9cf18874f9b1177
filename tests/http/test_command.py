"""The command `hardlink` does over HTTP what it says, and ends as it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.snippet import render_snippet
from tests.http.command import Command
from tests.http.service import (
    Client,
    allowing,
    eventually,
    free_port,
    fresh,
    running,
)
from tests.support.engines.site import Site


@pytest.fixture
def hardlink(shop: Client, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(shop, capsys)


@pytest.fixture
def customer(shop: Client) -> str:
    """A customer with one event, who is settled."""
    name, session = fresh("customer"), fresh()
    shop.track(session, "page-view")
    shop.identify(session, {"registered": name}, properties={"city": "City 17"})
    shop.settles("registered", name, "page-view")
    return name


def test_find_tries_every_type_of_identifier(hardlink: Command, customer: str) -> None:
    ran = hardlink.on_service("customer", "find", customer)
    assert ran.code == 0
    assert f"registered={customer}" in ran.out
    ran = hardlink.on_service("customer", "find", customer, "--json")
    (found,) = ran.json["customers"]
    assert (found["by"], found["customer"]["value"]) == ("registered", customer)


def test_find_ends_with_1_if_there_is_none(hardlink: Command) -> None:
    ran = hardlink.on_service("customer", "find", "no-such-person")
    assert ran.code == 1
    assert "no customer has an identifier 'no-such-person'" in ran.out


def test_show_prints_values_and_newest_events(hardlink: Command, customer: str) -> None:
    ran = hardlink.on_service("customer", "show", f"registered={customer}")
    assert ran.code == 0
    assert "City 17" in ran.out
    assert "page-view" in ran.out
    ran = hardlink.on_service("customer", "show", f"registered={customer}", "--json")
    assert [event["type"] for event in ran.json["events"]] == ["page-view"]


def test_show_of_somebody_unknown_says_so_and_ends_with_1(hardlink: Command) -> None:
    ran = hardlink.on_service("customer", "show", "registered=no-such-person")
    assert (ran.code, ran.out) == (1, "")
    assert "no customer has this identifier" in ran.err


@pytest.mark.parametrize("wrong", ["gordon", "=gordon", "registered="])
def test_an_identifier_without_type_or_value_is_wrong_usage(
    hardlink: Command, wrong: str
) -> None:
    ran = hardlink.on_service("customer", "show", wrong)
    assert ran.code == 2
    assert "TYPE=VALUE, such as registered=gordon" in ran.err


def test_export_writes_one_document(
    hardlink: Command, customer: str, tmp_path: Path
) -> None:
    target = tmp_path / "export.json"
    named = f"registered={customer}"
    ran = hardlink.on_service("customer", "export", named, "--output", str(target))
    assert ran.code == 0
    assert customer in json.dumps(json.loads(target.read_text()))
    assert customer in hardlink.on_service("customer", "export", named).out


def test_erase_asks_first(
    hardlink: Command, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    ran = hardlink.on_service("customer", "erase", f"registered={customer}")
    assert (ran.code, ran.out) == (1, "")
    assert "nothing more is done" in ran.err
    assert hardlink.on_service("customer", "find", customer).code == 0


def test_erase_begins_and_tells_the_receipt(hardlink: Command, customer: str) -> None:
    ran = hardlink.on_service(
        "customer", "erase", "--yes", "--no-wait", "--json", f"registered={customer}"
    )
    assert ran.code == 0
    assert ran.json["erasure"]
    look = ("customer", "find", customer)
    eventually(lambda: hardlink.on_service(*look).code, 1)


def test_whois_explains_a_session_and_an_identifier(
    hardlink: Command, shop: Client
) -> None:
    session, name = fresh(), fresh("customer")
    shop.identify(session, {"registered": name})
    shop.settles("registered", name)
    ran = hardlink.on_service("whois", session)
    assert f"{session} is registered={name}" in ran.out
    ran = hardlink.on_service("whois", f"registered={name}")
    assert f"is registered={name}" in ran.out
    assert hardlink.on_service("whois", session, "--json").json["why"]
    ran = hardlink.on_service("whois", fresh())
    assert ran.code == 1
    assert "TYPE=VALUE" in ran.err


def test_tail_prints_events_and_refused_calls(hardlink: Command, shop: Client) -> None:
    type_ = fresh("type")
    shop.track(fresh(), type_)
    shop.post("/track", {"source": {"id": "web-key"}, "events": "wrong"})
    ran = hardlink.on_service("tail", "--once", "--type", type_)
    assert ran.code == 0
    assert ran.out.count(type_) == 1
    assert "stored" in ran.out
    assert "\x1b" not in ran.out, "colours are for a terminal alone"
    ran = hardlink.on_service("tail", "--once", "--status", "refused", "--json")
    refused = [json.loads(line) for line in ran.out.splitlines()]
    assert {entry["status"] for entry in refused} == {"refused"}


def test_orders_are_imported_and_refused_ones_are_named(
    hardlink: Command, tmp_path: Path
) -> None:
    feed = tmp_path / "orders.csv"
    number = fresh("order")
    rows = (f"{number},a@shop.example,7,2026-01-01", ",b@shop,7,2026-01-01")
    feed.write_text("\n".join(("orderNumber,email,total,date", *rows)))
    ran = hardlink.on_service("orders", "import", str(feed))
    assert ran.code == 1
    assert "1 stored" in ran.out
    assert "1 rejected" in ran.out


def test_a_file_too_large_for_a_call_wants_a_stage(
    hardlink: Command, tmp_path: Path
) -> None:
    feed = tmp_path / "orders.csv"
    feed.write_bytes(b"x" * (6 * 1024 * 1024))
    ran = hardlink.on_service("orders", "import", str(feed))
    assert ran.code == 1
    assert "--stage" in ran.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--url", "shop.example", "--key", "k"], "is not a URL"),
        (["--url", f"http://127.0.0.1:{free_port()}"], "needs a server key"),
    ],
)
def test_a_place_that_cannot_be_called_says_what_to_give(
    hardlink: Command, options: list[str], reason: str
) -> None:
    ran = hardlink("customer", "find", "x", *options)
    assert ran.code == 1
    assert reason in ran.err


def test_without_a_local_service_it_says_how_to_start_one(
    hardlink: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", str(free_port()))
    ran = hardlink("customer", "find", "x")
    assert ran.code == 1
    assert "hardlink run" in ran.err


def test_a_wrong_key_is_told(hardlink: Command, shop: Client) -> None:
    url = f"http://127.0.0.1:{shop.port}"
    ran = hardlink("customer", "find", "x", "--url", url, "--key", "wrong")
    assert ran.code == 1
    assert "unauthorized" in ran.err


def write_rows(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_import_stores_history_at_its_own_times_once(
    hardlink: Command, shop: Client, tmp_path: Path
) -> None:
    session, name = fresh(), fresh("customer")
    file = write_rows(
        tmp_path / "history.jsonl",
        {"session": session, "type": "view", "time": "2025-03-01T10:00:00Z"},
        {
            "session": session,
            "ids": {"registered": name},
            "time": "2025-03-01T10:05:00Z",
            "properties": {"city": "City 17"},
        },
        {"session": session, "type": "buy", "time": 1740823800},
    )
    for status in ("stored", "duplicate"):
        ran = hardlink.on_service("import", str(file), "--source", "web-key", "--json")
        assert ran.code == 0, ran.err
        # a log-in has no verdict of its own: sent again it changes nothing
        assert ran.json["rows"][status] >= 2
        shop.settles("registered", name, "view", "buy")
    page = shop.get("customers", "registered", name, "events").json
    assert page["events"][-1]["time"] == "2025-03-01T10:00:00.000000Z"
    found = shop.get("customers", "registered", name).json
    assert found["attributes"]["city"] == "City 17"


def test_import_keeps_every_log_in_at_its_time(
    hardlink: Command, shop: Client, tmp_path: Path
) -> None:
    """Two customers on one device: each has what was done after their own log-in."""
    session = fresh()
    one, two = fresh("one"), fresh("two")
    rows = []
    for minute, (name, type_) in enumerate([(one, "first"), (two, "second")]):
        time = f"2025-03-01T10:{minute}0:0"
        rows += [
            {"session": session, "ids": {"registered": name}, "time": f"{time}0Z"},
            {"session": session, "type": type_, "time": f"{time}5Z"},
        ]
    file = write_rows(tmp_path / "history.jsonl", *rows)
    assert hardlink.on_service("import", str(file), "--source", "split-key").code == 0
    shop.settles("registered", one, "first")
    shop.settles("registered", two, "second")


def test_import_names_what_was_not_taken(
    hardlink: Command, shop: Client, tmp_path: Path
) -> None:
    time, session, denied = "2025-03-01T10:00:00Z", fresh(), fresh()
    shop.post(
        "/consent",
        {
            "source": {"id": "web-key"},
            "session": {"id": denied},
            "tracking": "denied",
        },
    )
    file = write_rows(
        tmp_path / "history.jsonl",
        {"session": session, "type": "view", "time": time},
        {"session": session, "type": "view"},
        {"session": session, "type": 7, "time": time},
        {"session": denied, "type": "view", "time": time},
        {"session": fresh(), "ids": {"nobody": "x"}, "type": "view", "time": time},
    )
    ran = hardlink.on_service("import", str(file), "--source", "web-key")
    assert ran.code == 1
    assert "1 stored" in ran.out
    target = tmp_path / "history.jsonl.refused.jsonl"
    named = [json.loads(line) for line in target.read_text().splitlines()]
    refused = {entry["line"]: entry for entry in named if "line" in entry}
    assert {line: entry["status"] for line, entry in refused.items()} == {
        2: "invalid",
        3: "rejected",
        4: "dropped",
        5: "refused",
    }
    assert all(entry["reason"] for entry in refused.values())


def test_import_drops_the_values_of_a_visitor_who_opted_out(
    hardlink: Command, shop: Client, tmp_path: Path
) -> None:
    denied = fresh()
    time = 1_740_823_800
    source = {"id": "web-key"}
    body = {"source": source, "session": {"id": denied}, "tracking": "denied"}
    shop.post("/consent", body)
    ids = {"registered": fresh()}
    file = write_rows(
        tmp_path / "history.jsonl",
        {"session": denied, "ids": ids, "time": time},
        {"session": denied, "properties": {"size": "m"}, "time": time},
    )
    ran = hardlink.on_service("import", str(file), "--source", "web-key", "--json")
    assert (ran.code, ran.json["rows"]) == (1, {"dropped": 2})


def test_an_import_that_goes_on_keeps_what_was_refused_before(
    hardlink: Command, tmp_path: Path
) -> None:
    rows = [{"session": fresh(), "type": "view"} for _ in range(2)]
    file = write_rows(tmp_path / "history.jsonl", *rows)
    target = tmp_path / "history.jsonl.refused.jsonl"

    def run(*options: str) -> list[int]:
        hardlink.on_service("import", str(file), "--source", "web-key", *options)
        lines = target.read_text().splitlines()
        return [json.loads(line)["line"] for line in lines]

    assert run() == [1, 2]
    assert run("--from-line", "2") == [1, 2, 2]
    assert run() == [1, 2], "one from the start begins anew"


def test_import_of_more_than_a_call_has_every_row(
    hardlink: Command, shop: Client, tmp_path: Path
) -> None:
    session = fresh()
    rows = [
        {"session": session, "type": "view", "time": 1_740_823_800 + number}
        for number in range(1203)
    ]
    file = write_rows(tmp_path / "history.jsonl", *rows)
    ran = hardlink.on_service("import", str(file), "--source", "web-key", "--json")
    assert ran.json["rows"] == {"stored": 1203}
    ran = hardlink.on_service(
        "import", str(file), "--source", "web-key", "--json", "--from-line", "1200"
    )
    assert ran.json["rows"] == {"duplicate": 4}


def test_import_with_an_unknown_source_stops_and_says_where(
    hardlink: Command, tmp_path: Path
) -> None:
    row = {"session": fresh(), "type": "view", "time": 1_740_823_800}
    file = write_rows(tmp_path / "history.jsonl", row)
    ran = hardlink.on_service("import", str(file), "--source", "no-such-key")
    assert ran.code == 1
    assert "--source" in ran.err
    assert "--from-line 1" in ran.err


@pytest.mark.parametrize("wrong", ["time", "=time", "timestamp="])
def test_a_rename_without_two_names_is_wrong_usage(
    hardlink: Command, tmp_path: Path, wrong: str
) -> None:
    file = write_rows(tmp_path / "history.jsonl")
    ran = hardlink.on_service("import", str(file), "--rename", wrong)
    assert ran.code == 2
    assert "--rename timestamp=time" in ran.err


def test_seed_fills_a_service_with_the_same_week_once(
    hardlink: Command, shop: Client
) -> None:
    options = ("--visitors", "40", "--until", "2026-11-30", "--json")
    first = hardlink.on_service("seed", *options, "--source", "split-key")
    assert first.code == 0, first.err
    rows = first.json["rows"]
    assert rows["stored"] > 100
    again = hardlink.on_service("seed", *options, "--source", "split-key").json["rows"]
    assert again["duplicate"] > 100
    # log-ins count as stored, as they have no verdict
    assert sum(again.values()) == sum(rows.values())
    found = hardlink.on_service("customer", "find", "seed-1-0")
    assert found.code in (0, 1)


def snippet_of(shop: Client, key: str, **options: str) -> str:
    html = render_snippet(f"http://127.0.0.1:{shop.port}", key)
    added = "".join(f', {name}: "{value}"' for name, value in options.items())
    return html.replace("track: {visits: true}", f"track: {{visits: true}}{added}")


def test_a_page_that_is_right_passes_every_check(
    hardlink: Command, tmp_path: Path, site: Site
) -> None:
    sources = allowing(site.origin, tmp_path)
    with running(tmp_path / "log", HARDLINK_SOURCES=str(sources)) as service:
        page = snippet_of(service.client, "web-key", consent="required")
        site.pages["/good.html"] = page
        ran = hardlink("check-page", f"{site.origin}/good.html")
    assert ran.code == 0, ran
    assert "nothing wrong" in ran.out
    assert "consent: required before anything is stored" in ran.out


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("<p>a page", "the page has no snippet"),
        ("KEY", "no source has the write key 'no-such-key'"),
        ("ORIGIN", "add it to its origins"),
    ],
    ids=["no snippet", "an unknown key", "an origin that may not call"],
)
def test_a_page_that_is_wrong_says_what_to_do(
    hardlink: Command, shop: Client, site: Site, html: str, reason: str
) -> None:
    made = {
        "KEY": snippet_of(shop, "no-such-key"),
        "ORIGIN": snippet_of(shop, "web-key"),
    }
    site.pages["/wrong.html"] = made.get(html, html)
    ran = hardlink("check-page", f"{site.origin}/wrong.html")
    assert ran.code == 1
    assert reason in ran.out
    ran = hardlink("check-page", f"{site.origin}/wrong.html", "--json")
    assert any(reason in str(check["fault"]) for check in ran.json["checks"])


def test_check_page_stores_nothing(hardlink: Command, shop: Client, site: Site) -> None:
    before = hardlink.on_service("tail", "--once", "--status", "stored").out
    url = f"http://127.0.0.1:{shop.port}"
    site.pages["/tagged.html"] = "<p>a tag manager adds the snippet"
    hardlink(
        "check-page",
        f"{site.origin}/tagged.html",
        "--token",
        "web-key",
        "--target",
        url,
    )
    assert hardlink.on_service("tail", "--once", "--status", "stored").out == before
    ran = hardlink("check-page", f"{site.origin}/tagged.html", "--token", "web-key")
    assert ran.code == 2


def test_a_page_that_cannot_be_loaded_says_so(hardlink: Command, site: Site) -> None:
    ran = hardlink("check-page", f"{site.origin}/none.html")
    assert ran.code == 1
    assert "404" in ran.err
