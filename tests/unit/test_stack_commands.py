"""Commands for a deployed stack: what they ask AWS for, and what they say where it refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.command.main import main
from infra.operations.doctor import checks
from infra.operations.doctor.diagnoses import Finding
from infra.operations.redrive import command
from infra.operations.stacks import DeployedStack

OUTPUTS = {
    "Url": "https://hardlink.shop.example",
    "ServerKeys": "hardlink-prod/<project>/server-key",
    "Feeds": "s3://feeds-of-the-shop/feeds/",
}


class Aws:
    """All services at once. `secrets`: by name. `uploaded`: file, bucket and key of each."""

    def __init__(self) -> None:
        self.stacks = {"hardlink-prod": OUTPUTS}
        self.secrets = {"hardlink-prod/shop/server-key": "old"}
        self.uploaded: list[tuple[str, str, str]] = []
        self.asked: list[tuple[str, str | None, str | None]] = []

    def create_client(self, stack: DeployedStack, _service: str) -> Aws:
        self.asked.append((stack.name, stack.region, stack.endpoint))
        return self

    def describe_stacks(self, **request: str) -> Any:
        outputs = self.stacks.get(request["StackName"])
        if outputs is None:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": "does not exist"}},
                "DescribeStacks",
            )
        listed = [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()]
        return {"Stacks": [{"Outputs": listed}]}

    def _check_secret(self, name: str) -> None:
        if name not in self.secrets:
            raise ClientError(
                {"Error": {"Code": "ResourceNotFoundException", "Message": name}}, "Get"
            )

    def get_secret_value(self, **request: str) -> Any:
        self._check_secret(request["SecretId"])
        return {"SecretString": self.secrets[request["SecretId"]]}

    def put_secret_value(self, **request: str) -> None:
        self._check_secret(request["SecretId"])
        self.secrets[request["SecretId"]] = request["SecretString"]

    def upload_file(self, file: str, bucket: str, key: str) -> None:
        self.uploaded.append((file, bucket, key))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    found = Aws()

    def create_client(stack: DeployedStack, service: str) -> Aws:
        return found.create_client(stack, service)

    monkeypatch.setattr(DeployedStack, "create_client", create_client)
    return found


PROD = ("--stage", "prod")


def test_a_rotated_key_is_new_and_is_not_printed(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--region", "eu-north-1", "--endpoint", "http://127.0.0.1:1")
    assert main(["keys", "rotate", "--project", "shop", *PROD, *options]) == 0
    key = aws.secrets["hardlink-prod/shop/server-key"]
    assert len(key) == 64
    printed = capsys.readouterr().out
    assert key not in printed
    assert "--secret-id hardlink-prod/shop/server-key" in printed
    assert set(aws.asked) == {("hardlink-prod", "eu-north-1", "http://127.0.0.1:1")}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["keys", "rotate", "--project", "shop"], "stack hardlink-dev cannot be read"),
        (["keys", "rotate", "--project", "no", *PROD], "check --project"),
        (["customer", "find", "x", "--project", "no", *PROD], "check --project"),
        (["tail", "--name", "other", *PROD], "stack other-prod cannot be read"),
    ],
)
def test_what_aws_refuses_says_which_option_to_check(
    aws: Aws, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert reason in capsys.readouterr().err


def test_a_stack_without_outputs_is_none_of_ours(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.stacks["hardlink-prod"] = {}
    assert main(["customer", "find", "x", *PROD]) == 1
    assert "has no output Url: is it a Hardlink" in capsys.readouterr().err


def test_a_large_feed_goes_to_the_bucket_of_its_project(
    aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed = tmp_path / "orders.csv"
    feed.write_bytes(b"x" * (6 * 1024 * 1024))
    assert main(["orders", "import", str(feed), "--project", "shop", *PROD]) == 0
    expected = (str(feed), "feeds-of-the-shop", "feeds/shop/orders.csv")
    assert aws.uploaded == [expected]
    assert "s3://feeds-of-the-shop/feeds/shop/orders.csv" in capsys.readouterr().out


def test_the_doctor_ends_with_1_where_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = [Finding("health"), Finding("tables", "a table is gone: deploy again")]
    monkeypatch.setattr(checks, "run_checks", lambda *_: iter(findings))
    assert main(["doctor", *PROD]) == 1
    assert "WRONG  tables: a table is gone" in capsys.readouterr().out
    assert main(["doctor", *PROD, "--json"]) == 1
    assert '{"what": "health", "fault": null}' in capsys.readouterr().out
    del findings[1]
    assert main(["doctor", *PROD]) == 0


def test_redrive_passes_every_option_on(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[str] = []

    def run(arguments: list[str]) -> int:
        passed.extend(arguments)
        return 1

    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(command, "main", run)
    options = ["--project", "a", "--project", "b", "--dry-run"]
    options += ["--from-part", "3", "--json"]
    place = ["--region", "eu-north-1", "--endpoint", "http://127.0.0.1:1"]
    assert main(["redrive", *PROD, *place, *options]) == 1
    assert passed == ["--stack", "hardlink-prod", *options]
    assert os.environ["AWS_REGION"] == "eu-north-1"
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
