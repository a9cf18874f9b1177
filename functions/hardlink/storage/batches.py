"""Splits what is written into batches that a service of AWS takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_T = TypeVar("_T")


def split_batches(
    parts: Iterable[_T], weigh: Callable[[_T], int], *, most: int, most_weight: int
) -> Iterator[list[_T]]:
    """Split parts, in their order, into batches of at most `most` that weigh at most `most_weight`.

    A part that is heavier by itself is a batch alone: the service says what it thinks of it.
    """
    batch: list[_T] = []
    room = most_weight
    for part in parts:
        weight = weigh(part)
        if batch and (len(batch) == most or weight > room):
            yield batch
            batch, room = [], most_weight
        batch.append(part)
        room -= weight
    if batch:
        yield batch
