"""Settings of a stage, from `stages.toml`, validated before anything is deployed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hardlink.domain.schema import describe_errors

StageName = Literal["dev", "prod"]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)
_Domain = Annotated[
    str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
]
_Certificate = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+$")
]
_Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]


class StagesError(Exception):
    """An unusable `stages.toml`. Each line of the message names file, field and error."""


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Declared):
    """The settings of one stage.

    `log_level`: `INFO` logs every call, `WARNING` those that fail.
    `traces`: X-Ray for `all` functions, or for those that no event waits for (`rare`).
    `alarm_email`: receives the alarms, once it has confirmed the subscription.
    `domain`: the API's own domain, with its `certificate` (an ARN of ACM).
    `cloudfront`: CloudFront in front of the domain.
    `forward`: every stored event and every link goes to a bucket, by Firehose.
    """

    log_level: Literal["INFO", "WARNING"] = "INFO"
    traces: Literal["all", "rare"] = "all"
    alarms: bool = False
    dashboard: bool = False
    alarm_email: _Email | None = None
    domain: _Domain | None = None
    certificate: _Certificate | None = None
    cloudfront: bool = False
    forward: bool = False

    @model_validator(mode="after")
    def _check_alarms(self) -> Stage:
        if self.alarm_email and not self.alarms:
            raise ValueError("alarm_email receives alarms: set alarms = true")
        return self

    @model_validator(mode="after")
    def _check_domain(self) -> Stage:
        if bool(self.domain) != bool(self.certificate):
            raise ValueError(
                "domain and certificate belong together: set both, or neither"
            )
        if self.cloudfront and not self.domain:
            raise ValueError("cloudfront needs a domain, and its certificate")
        if self.cloudfront and ":us-east-1:" not in str(self.certificate):
            raise ValueError("certificate: CloudFront requires one of us-east-1")
        return self


class _Stages(_Declared):
    dev: Stage = Stage()
    prod: Stage = Stage()


def load_stage(path: Path, name: StageName) -> Stage:
    """Read the settings of a stage. Raises `StagesError`."""
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
        stages = _Stages.model_validate(declared)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StagesError(f"{path}: {error}") from error
    except ValidationError as error:
        lines = [f"{path}: {line}" for line in describe_errors(error)]
        raise StagesError("\n".join(lines)) from error
    return stages.dev if name == "dev" else stages.prod
