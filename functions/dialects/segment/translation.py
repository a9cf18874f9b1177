"""Batches -> commands: translate each message in the vocabulary of its client."""

from __future__ import annotations

from typing import NamedTuple

from dialects.partial_failure import Fault, fault_of
from dialects.segment import posthog_events, segment_messages
from dialects.segment.commands import CommandGroup
from dialects.segment.message_translator import NoVisitorError
from dialects.segment.requests import MOST_BYTES_A_MESSAGE, Batch
from hardlink.domain import values
from hardlink.domain.errors import Invalid
from hardlink.domain.sources.registry import Project


class Translation(NamedTuple):
    """The commands of a batch in its order, and the faults of what they leave out."""

    groups: list[CommandGroup]
    faults: list[Fault]


def translate_batch(batch: Batch, project: Project) -> Translation:
    """Translate the messages of a call; invalid ones become faults."""
    translation = Translation([], [])
    for number in range(len(batch.messages)):
        try:
            groups = _translate_message(batch, number, project, translation.faults)
        except Invalid as error:
            translation.faults.append(fault_of(number, error))
        except NoVisitorError:
            continue  # its faults are listed already
        else:
            translation.groups.extend(groups)
    return translation


def _translate_message(
    batch: Batch, number: int, project: Project, faults: list[Fault]
) -> list[CommandGroup]:
    """Translate a message, which may be several commands.

    `faults`: takes what is left out of the message. Raises `Invalid`, `NoVisitorError`.
    """
    # The size of a call that is one message is checked before it is parsed.
    if not batch.kind:
        _check_size(batch.messages[number])
    if batch.posthog:
        return posthog_events.translate_event(batch, number, project, faults)
    return segment_messages.translate_message(batch, number, project, faults)


def _check_size(message: object) -> None:
    """Raise `Invalid` for a message with more bytes than Segment allows."""
    if values.json_size(message) > MOST_BYTES_A_MESSAGE:
        raise Invalid(f"a message has at most {MOST_BYTES_A_MESSAGE} bytes: send less")
