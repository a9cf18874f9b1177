"""The commands of `infra.operations`, as an operator types them, on the deployed stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from hardlink.domain.graph import Node
from hardlink.storage import keys
from infra import topology
from tests.emulator.deployment import STACK, Api, Deployment
from tests.emulator.ministack import REGION
from tests.http.service import fresh
from tests.support.engines.tables import raw_key

RECORDS = 8
"""Of a stream, at most, for what one visitor did."""


def typed(stack: Deployment, *command: str) -> subprocess.CompletedProcess[str]:
    """A command, with what the owner of the account has in the environment."""
    trusted = str(stack.emulator.certificate)
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", *command],
        cwd=topology.ROOT,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": stack.emulator.url,
            "AWS_CA_BUNDLE": trusted,
            "SSL_CERT_FILE": trusted,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def whole(stack: Deployment) -> None:
    """Set what the emulator leaves out of a template's tables."""
    client = stack.emulator.client("dynamodb")
    for part in ("TablesSessions", "TablesCustomers", "TablesEvents"):
        table = stack.name(part)
        client.update_time_to_live(
            TableName=table,
            TimeToLiveSpecification={
                "Enabled": True,
                "AttributeName": topology.TABLES[0].expires,
            },
        )
        client.update_continuous_backups(
            TableName=table,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )


@pytest.mark.usefixtures("whole")
def test_the_doctor_finds_everything_that_was_deployed_and_nothing_wrong(
    stack: Deployment, shop: Api
) -> None:
    shop.track(fresh(), "view", source="demo")
    ran = typed(stack, "infra.operations.doctor", "--stage", "dev", "--url", stack.url)
    assert ran.stdout, ran.stderr
    lines = ran.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert [line for line in wrong if not line.startswith("WRONG  queue")] == [], (
        ran.stderr
    )
    assert len([line for line in lines if line.startswith("ok     function ")]) == len(
        topology.FUNCTIONS_BY_NAME
    )
    assert "ok     streams" in lines
    assert "ok     signing key of demo" in lines


def test_redrive_finds_the_tables_and_what_was_lost(
    stack: Deployment, shop: Api
) -> None:
    who, session = fresh("c"), fresh()
    shop.track(session, "view", source="demo")
    shop.identify(session, {"registered": who}, source="demo")
    shop.settles("registered", who, "view")
    row = raw_key(keys.root_session("demo", Node("registered", who), session))
    table = stack.name("TablesCustomers")
    where = ("--stack", STACK, "--project", "demo", "--session", session)
    for _ in range(RECORDS):  # each may be late, and mend it first
        stack.emulator.client("dynamodb").delete_item(TableName=table, Key=row)
        ran = typed(stack, "infra.operations.redrive", *where)
        assert (ran.returncode, ran.stderr) == (0, "")
        if "repaired 0" not in ran.stdout:
            break
    assert "repaired 1: 1 x session row written" in ran.stdout
    assert shop.types("registered", who) == ["view"]


def test_the_command_finds_a_stack_by_its_stage(stack: Deployment, shop: Api) -> None:
    who, session = fresh("c"), fresh()
    shop.track(session, "view", source="demo")
    shop.identify(session, {"registered": who}, source="demo")
    shop.settles("registered", who, "view")
    place = ("--stage", "dev", "--url", stack.url, "--json")
    ran = typed(stack, "infra", "customer", "show", f"registered={who}", *place)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["customer"] == {"type": "registered", "value": who}
    ran = typed(stack, "infra", "doctor", *place)
    checked = {check["what"] for check in json.loads(ran.stdout)["checks"]}
    assert {"streams", "signing key of demo"} <= checked
    named = ("--session", session, "--project", "demo", "--dry-run", "--json")
    ran = typed(stack, "infra", "redrive", "--stage", "dev", *named)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["failed"] == 0


def test_a_key_is_rotated_by_the_command(stack: Deployment) -> None:
    name = stack.outputs["ServerKeys"].replace("<project>", "demo")
    client = stack.emulator.client("secretsmanager")
    before = client.get_secret_value(SecretId=name)["SecretString"]
    valid = [read_version(client, name, "AWSPREVIOUS"), before]
    ran = typed(stack, "infra", "keys", "rotate", "--project", "demo", "--stage", "dev")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert client.get_secret_value(SecretId=name)["SecretString"] != before
    # Both keys that were valid are so again, for the tests after this one: they use either.
    for key in filter(None, valid):
        client.put_secret_value(SecretId=name, SecretString=key)


def read_version(client: Any, secret: str, stage: str) -> str | None:
    """A version of a secret, if there is one."""
    try:
        found = client.get_secret_value(SecretId=secret, VersionStage=stage)
    except client.exceptions.ResourceNotFoundException:
        return None
    return str(found["SecretString"])
