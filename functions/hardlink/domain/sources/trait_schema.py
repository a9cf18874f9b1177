"""Schemas of a project's computed traits and segments in `sources.toml`.

What their words mean together is checked by `domain/traits/declaration.py`, which builds them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

EventType = Annotated[str, Field(min_length=1, max_length=128)]
_Text = Annotated[str, Field(min_length=1, max_length=2000)]


class ComputedTrait(BaseModel):
    """Schema of `sources.ComputedTrait`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    compute: Literal[
        "count",
        "exists",
        "sum",
        "average",
        "min",
        "max",
        "first",
        "last",
        "latest",
        "distinct",
        None,
    ] = None
    over: Literal["events", "orders", "visits"] = "events"
    events: tuple[EventType, ...] = ()
    where: _Text | None = None
    of: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    within: _Text | None = None
    most: int | None = None
    public: bool = False


class ComputedSegment(BaseModel):
    """Schema of `sources.ComputedSegment`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: _Text
    public: bool = False
