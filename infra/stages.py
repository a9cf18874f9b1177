"""What a stage has beyond the service itself: `stages.toml`, validated before anything is deployed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Name = Literal["dev", "prod"]
NAMES: tuple[Name, ...] = get_args(Name)
_Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]


class StagesError(Exception):
    """`stages.toml` can't be used: each line names the file, the field, and what is wrong."""


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Declared):
    """The settings of one stage.

    `log_level`: `INFO` has a line for every call, `WARNING` for those that fail. `traces`: X-Ray for `all` functions,
    or for those that no event waits for (`rare`). `alarm_email`: who is told, once the address confirmed.
    """

    log_level: Literal["INFO", "WARNING"] = "INFO"
    traces: Literal["all", "rare"] = "all"
    alarms: bool = False
    dashboard: bool = False
    alarm_email: _Email | None = None


class _Stages(_Declared):
    dev: Stage = Stage()
    prod: Stage = Stage()


def load(path: Path, name: Name) -> Stage:
    """The settings of a stage. Raises `StagesError` naming file and field."""
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
        found = _Stages.model_validate(declared)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StagesError(f"{path}: {error}") from error
    except ValidationError as error:
        lines = (
            f"{path}: {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()
        )
        raise StagesError("\n".join(lines)) from error
    return found.dev if name == "dev" else found.prod
