"""`stages.toml`: an error names the file and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import routes, stages, topology
from infra.stages import Stage, StagesError

WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop/0a1b2c3d"
TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/sessions-at-noon"
STREAM = f"{TABLE}/stream/2026-11-30T12:30:00.000"


def load(tmp_path: Path, text: str) -> Stage:
    path = tmp_path / "stages.toml"
    path.write_text(text, encoding="utf-8")
    return stages.load_stage(path, "prod")


def test_the_file_that_is_shipped_watches_production_alone() -> None:
    dev, prod = (
        stages.load_stage(topology.STAGES, name) for name in stages.STAGE_NAMES
    )
    assert (dev.alarms, dev.dashboard, dev.log_level) == (False, False, "INFO")
    assert (prod.alarms, prod.dashboard, prod.log_level) == (True, True, "WARNING")


def test_what_is_left_out_is_off(tmp_path: Path) -> None:
    assert load(tmp_path, "") == Stage()
    assert load(tmp_path, "[prod]\nalarms = true") == Stage(alarms=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[prod", "stages.toml: "),
        ("[staging]", "staging: is not a known setting"),
        ('[prod]\nlog_level = "DEBUG"', "prod.log_level: must be 'INFO' or 'WARNING'"),
        ("[prod]\nalarm = true", "prod.alarm: is not a known setting"),
        ('[prod]\nalarm_email = "ops"', "prod.alarm_email: must match"),
        (
            '[prod]\nalarm_email = "ops@shop.example"',
            "prod: alarm_email receives alarms",
        ),
        ('[prod]\ndomain = "shop.example"', "prod: domain and certificate belong"),
        ('[prod]\ndomain = "https://shop.example"', "prod.domain: must match"),
        ("[prod]\ncloudfront = true", "prod: cloudfront needs a domain"),
        (
            '[prod]\ncloudfront = true\ndomain = "shop.example"\n'
            'certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/a"',
            "CloudFront requires one of us-east-1",
        ),
        (
            "[prod]\nlog_days = 31",
            "prod.log_days: must be one of 1, 3",
        ),
        ("[prod.rates]\nwrites = 0", "prod.rates.writes: must be at least 1"),
        ("[prod.rates]\nall = 5", "prod.rates.all: is not a known setting"),
        ("[prod.memory]\ntrack = 64", "prod.memory.track: must be at least 128"),
        ("[prod.memory]\ntrak = 256", "memory.trak: is not a function: use one of "),
        ("[prod]\nrecovery_days = 36", "prod.recovery_days: must be at most 35"),
        ('[prod]\nkms_key = "alias/mine"', "prod.kms_key: must match"),
        ('[prod]\ntable_class = "cold"', "prod.table_class: must be 'standard' or"),
        ("[prod.max_units]\nwrite = 0", "prod.max_units.write: must be at least 1"),
        ("[prod]\nmonthly_budget = 50", "monthly_budget needs somebody to tell"),
        ("[prod]\ncanary = true", "canary is judged by alarms: set alarms = true"),
        ("[prod]\nkey_stacks = 21", "prod.key_stacks: must be at most 20"),
        (f'[prod]\nweb_acl = "{WEB_ACL}"', "web_acl is CloudFront's: set cloudfront"),
        ('[prod]\nweb_acl = "mine"', "prod.web_acl: must match"),
        (
            f'[prod.restored]\nsessions = "{STREAM}"',
            "sessions and customers are restored together: set both",
        ),
        (
            f'[prod.restored]\nsessions = "{TABLE}"\ncustomers = "{STREAM}"',
            "prod.restored.sessions: must match",
        ),
        (
            f'[prod]\nforward = true\n[prod.restored]\nevents = "{TABLE}"',
            "restored.events: forward reads its stream: give its ARN",
        ),
        (
            "[prod.concurrency]\nshares = { associate = 60, track = 40 }",
            "0 of 1000 would be left to all other functions, and Lambda demands 100",
        ),
        (
            "[prod.concurrency]\naccount = 400\nshares = { erase = 1 }",
            "shares.erase: is less than the 7 runs that its queues start",
        ),
        (
            "[prod.concurrency]\nshares = { tracks = 1 }",
            "shares.tracks: is not a function",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_and_field(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(StagesError, match=r"stages\.toml") as error:
        load(tmp_path, text)
    assert said in str(error.value)


def test_a_share_reserves_part_of_the_accounts_concurrency(tmp_path: Path) -> None:
    stage = load(
        tmp_path,
        "[prod.concurrency]\naccount = 2000\nshares = { associate = 5, track = 40 }",
    )
    assert stage.reserved_concurrency("associate") == 100
    assert stage.reserved_concurrency("track") == 800
    assert stage.reserved_concurrency("identify") is None
    assert Stage().reserved_concurrency("associate") is None


def test_a_rate_stands_for_its_routes_and_bursts_twice_as_high(tmp_path: Path) -> None:
    rates = load(tmp_path, "[prod.rates]\nwrites = 4000\nreads = 7").rates
    assert rates.of(routes.WRITES) == routes.Rate(4000, 5000)  # the account's quota
    assert rates.of(routes.READS) == routes.Rate(7, 14)
    assert rates.of(routes.FEEDS_AND_EXPORTS) == routes.FEEDS_AND_EXPORTS
    assert rates.of(routes.UNTHROTTLED) == routes.UNTHROTTLED
    assert Stage().rates.of(routes.WRITES) == routes.WRITES
