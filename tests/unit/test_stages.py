"""`stages.toml`: an error names the file and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import stages, topology
from infra.stages import Stage, StagesError


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
    ],
)
def test_a_mistake_is_named_with_its_file_and_field(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(StagesError, match=r"stages\.toml") as error:
        load(tmp_path, text)
    assert said in str(error.value)
