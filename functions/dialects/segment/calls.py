"""Segment's calls: authenticate, translate, execute, answer."""

from __future__ import annotations

from dialects.partial_failure import not_finite_faults
from dialects.segment import answers, requests
from dialects.segment.executor import Executor
from dialects.segment.translation import translate_batch
from hardlink.web import caller
from hardlink.web.request import Request
from hardlink.web.response import Answer


def store_messages(executor: Executor, request: Request) -> Answer:
    """Store the messages of a call. A second user on one device begins a new span."""
    batch = requests.read_batch(request)
    sent_at = requests.read_sent_at(request)
    write_key = requests.read_write_key(request)
    call = caller.authenticate(request, write_key, policy="split")._replace(
        sent=sent_at.time
    )
    groups, faults = translate_batch(batch, call.project)
    outcome = executor.execute(call, groups)
    not_finite, others = not_finite_faults(
        request.not_finite, None if batch.kind else "batch"
    )
    warnings = [*sent_at.warnings, *others, *outcome.warnings]
    every_fault = [*faults, *not_finite, *outcome.faults]
    return answers.answer_batch(batch, every_fault, warnings)


def read_source_config(request: Request) -> Answer:
    """Tell RudderStack's clients that they may start."""
    write_key = requests.read_write_key(request)
    source_name = caller.authenticate(request, write_key).name
    return answers.answer_source_config(source_name, write_key)
