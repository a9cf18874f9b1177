"""The local service starts, refuses what it cannot do, and ends in order."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest

from hardlink.storage import keys
from hardlink.storage.packed_keys import unpack_end
from infra.local import lambda_runtime, moto_engine, service
from infra.local.kept_state import KeptState, next_interval
from tests.http.service import (
    KEY,
    ROOT,
    SOURCES,
    Service,
    eventually,
    free_port,
    fresh,
    running,
)


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    """A service that is expected to end at once."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "infra.local"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(free_port()), **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: int) -> None:
    with running(tmp_path / "log") as a_service:
        client = a_service.client
        session, who = fresh(), fresh()
        client.track(session, "a")
        client.identify(session, {"registered": who})
        assert a_service.end(number) == 0
        a_service.assert_no_failure()
        assert not service.server_key_file(client.port).exists()


def test_calls_in_flight_are_finished(tmp_path: Path) -> None:
    events = b",".join(b'{"type":"e%d"}' % n for n in range(500))
    body = b'{"source":{"id":"web-key"},"session":{"id":"a-1"},"events":[%s]}' % events
    with running(tmp_path / "log") as a_service:
        answers: list[int] = []
        calls = [
            threading.Thread(
                target=lambda: answers.append(
                    a_service.client.send("POST", "/track", body).status
                )
            )
            for _ in range(4)
        ]
        for call in calls:
            call.start()
        time.sleep(0.1)
        assert a_service.end() == 0
        for call in calls:
            call.join()
        assert len(answers) == 4  # a call that came too late is told so
        assert {200} <= set(answers) <= {200, 503}


def test_fresh_it_starts_again_on_the_same_port_and_is_empty(tmp_path: Path) -> None:
    port = free_port()
    for _ in range(2):
        with running(tmp_path / "log", port) as a_service:
            assert a_service.client.get("sessions", "a-1").status == 404
            a_service.client.track("a-1", "a")
            assert a_service.end() == 0
            assert '"_aws"' not in a_service.log.read_text(), "lines for a machine"


def test_it_says_what_to_try(tmp_path: Path) -> None:
    with running(tmp_path / "log") as a_service:
        path = service.server_key_file(a_service.client.port)
        assert path.read_text() == KEY
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        said = a_service.log.read_text()
        assert f"http://127.0.0.1:{a_service.client.port}" in said
        first = said.splitlines()[:7]
        for way in ("/demo ", "/console ", KEY):
            assert any(way in line for line in first), way
        for word in (
            "web-key",
            "split-key",
            "refuse",
            KEY,
            "make walk",
            "curl ",
            "hardlink.start(",
        ):
            assert word in said
        a_service.end()


def test_without_a_key_it_makes_one(tmp_path: Path) -> None:
    with running(tmp_path / "log", HARDLINK_SERVER_KEY="") as a_service:
        key = service.server_key_file(a_service.client.port).read_text()
        assert len(key) >= 32
        assert key != KEY
        assert a_service.client.get("sessions", "nobody", key=key).status == 404
        assert a_service.client.get("sessions", "nobody", key=KEY).status == 401


def test_a_port_in_use_says_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = start(PORT=str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert "is in use" in ended.stderr
    assert "PORT=" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1"])
def test_a_port_that_is_none(port: str) -> None:
    ended = start(PORT=port)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert "not a port" in ended.stderr


def test_sources_that_can_not_be_used_are_named(tmp_path: Path) -> None:
    bad = tmp_path / "sources.toml"
    bad.write_text(SOURCES.read_text().replace('policy = "move"', 'policy = "merge"'))
    ended = start(HARDLINK_SOURCES=str(bad))
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert f"{bad}: sources.web.policy" in ended.stderr
    missing = start(HARDLINK_SOURCES=str(tmp_path / "none.toml"))
    assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)
    assert "none.toml" in missing.stderr


def test_it_listens_on_this_machine_only(tmp_path: Path) -> None:
    with running(tmp_path / "log") as a_service:
        addresses = {
            info[4][0]
            for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        }
        for address in addresses - {"127.0.0.1"}:
            if str(address).startswith("127."):
                continue
            with socket.socket() as probe:
                probe.settimeout(1)
                assert probe.connect_ex((address, a_service.client.port)) != 0
        a_service.end()


PAGE = "http://localhost:5173"


def test_a_developers_own_page_may_call_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "log", ORIGIN=f"{PAGE},http://localhost:3000") as a_service:
        ids = {"source": {"id": "web-key"}, "session": {"id": fresh()}}
        body = {**ids, "events": [{"type": "a"}]}
        for origin in (PAGE, "http://localhost:3000"):
            reply = a_service.client.post("/track", body, origin=origin)
            assert reply.json["results"][0]["status"] == "stored"
            assert reply.headers["access-control-allow-origin"] == origin
        said = a_service.log.read_text()
        assert f"{PAGE}, http://localhost:3000" in said
        assert ":8787" not in said
        a_service.end()


@pytest.mark.parametrize("origin", ["localhost:5173", f"{PAGE}/shop", "*"])
def test_an_origin_that_is_none_says_what_to_write(origin: str) -> None:
    ended = start(ORIGIN=origin)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert "ORIGIN=http://localhost:5173" in ended.stderr


def test_the_terminal_names_the_origin_and_the_line_to_add_once(tmp_path: Path) -> None:
    with running(tmp_path / "log") as a_service:
        body = {"source": {"id": "web-key"}, "session": {"id": fresh()}, "events": []}
        for _ in range(2):
            assert a_service.client.post("/track", body, origin=PAGE).status == 403
        # a line is printed after its answer was sent
        eventually(lambda: a_service.log.read_text().count("POST /track -> 403"), 2)
        said = a_service.log.read_text()
        port = a_service.client.port
        assert said.count(f"    PORT={port} make run ORIGIN={PAGE}\n") == 1
        line = f'origins = ["https://shop.example", "http://127.0.0.1:9999", "{PAGE}"]'
        assert f"below [sources.web] of sources.toml:\n    {line}\n" in said
        a_service.end()


def test_the_terminal_names_the_write_keys_once(tmp_path: Path) -> None:
    with running(tmp_path / "log") as a_service:
        for path in ("/track", "/identify"):
            body = {"source": {"id": "wbe-key"}, "session": {"id": fresh()}}
            assert a_service.client.post(path, body).status == 401
        assert a_service.client.get("sessions", "a", key="wrong").status == 401
        eventually(lambda: a_service.log.read_text().count("-> 401"), 3)
        said = a_service.log.read_text()
        assert said.count("  the write keys (source.id, token) of sources.toml") == 1
        a_service.end()


def test_it_keeps_what_it_was_told_and_its_keys(tmp_path: Path) -> None:
    port, who, later = free_port(), fresh(), fresh()
    keep = {"FRESH": "", "HARDLINK_SERVER_KEY": ""}
    with running(tmp_path / "log", port, **keep) as first:
        key = service.server_key_file(port).read_text()
        first.client.track("visit-1", "before")
        first.client.identify("visit-1", {"registered": who})
        assert first.end() == 0
    with running(tmp_path / "log", port, **keep) as second:
        client = second.client
        assert service.server_key_file(port).read_text() == key
        (path,) = tmp_path.glob("state-*/keys.json")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        client.track("visit-1", "after")
        reply = client.get("customers", "registered", who, "events", key=key)
        assert [event["type"] for event in reply.json["events"]] == ["after", "before"]
        client.identify("visit-1", {"registered": later})
        second.end()


@pytest.mark.parametrize("delivered", [True, False])
def test_an_erasure_that_is_not_done_goes_on_in_the_next_run(
    tmp_path: Path, *, delivered: bool
) -> None:
    state = KeptState(tmp_path)
    with lambda_runtime.run_deployment(SOURCES, {}) as first:
        for id_, more in (("e-1", {}), ("e-2", {"done": {"N": "1"}})):
            key = keys.erasure_item("shop", id_)
            item = {"customer": {"S": key.partition}, "item": {"S": key.item}, **more}
            moto_engine.put_item(first.tables["customers"], item)
        state.save(delivered=delivered)
    with lambda_runtime.run_deployment(SOURCES, {}) as second:
        service.restore_state(state, second)
        answer = boto3.client("sqs").receive_message(
            QueueUrl=second.erasures, MaxNumberOfMessages=10
        )
    sent = [json.loads(message["Body"]) for message in answer["Messages"]]
    assert sent == [{"project": "shop", "erasure": "e-1"}]


def test_fresh_deletes_its_own_files_alone(tmp_path: Path) -> None:
    state = KeptState(tmp_path)
    state.keep_keys({"k": "v"})
    (tmp_path / "tables.jsonl").touch()
    (tmp_path / "thesis.txt").touch()
    state.forget()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    state.forget()


def test_fresh_deletes_nothing_where_the_port_is_taken(tmp_path: Path) -> None:
    KeptState(tmp_path).keep_keys({"k": "v"})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = start(PORT=port, FRESH="1", HARDLINK_LOCAL_STATE=str(tmp_path))
    assert ended.returncode == 1
    assert KeptState(tmp_path).read_keys() == {"k": "v"}


def test_a_killed_service_derives_again_what_it_had_not_delivered(
    tmp_path: Path,
) -> None:
    port, who = free_port(), "gordon"  # a UUID would be packed in keys
    with running(tmp_path / "log", port, FRESH="") as first:
        first.client.track("visit-1", "before")
        first.client.identify("visit-1", {"registered": who})
        first.end()
    (tables,) = tmp_path.glob("state-*/tables.jsonl")
    head, *lines = tables.read_text().splitlines()
    kept = [line for line in lines if not _is_derived(line, who)]
    assert len(kept) < len(lines)
    unfinished = head.replace('"delivered": true', '"delivered": false')
    tables.write_text("\n".join([unfinished, *kept]))
    with running(tmp_path / "log", port, FRESH="") as second:
        eventually(lambda: _count_events(second, who), 1)
        second.end()


def _is_derived(line: str, who: str) -> bool:
    """True for a row that association writes below this customer."""
    _, attributes = json.loads(line)
    partition = unpack_end(attributes.get("customer", {"S": ""})["S"])
    is_row = attributes["item"]["S"].startswith(("s/", "p/"))
    return bool(is_row and partition.endswith(f"registered={who}"))


def _count_events(a_service: Service, who: str) -> int:
    reply = a_service.client.get("customers", "registered", who, "events")
    return len(reply.json["events"])


@pytest.mark.parametrize(
    ("duration", "interval"), [(0.01, 5.0), (0.2, 6.0), (4.0, 120.0)]
)
def test_saving_takes_a_small_part_of_the_time_however_much_there_is(
    duration: float, interval: float
) -> None:
    assert next_interval(duration) == interval
