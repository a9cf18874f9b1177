"""What is wrong with a deployed resource, and what to do: pure, from what AWS says of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from infra.topology import MAX_STREAM_READERS


class Finding(NamedTuple):
    """One check. `fault`: what is wrong and what to do, if anything is."""

    what: str
    fault: str | None = None


Said = Mapping[str, Any]
"""An answer of AWS, or the part of it that is about one resource."""
REVERT = "cdk deploy --revert-drift"
"""A plain deployment changes nothing where only the account differs from the template."""
GONE = f"it is gone, though the stack has it: {REVERT}"
SHORTEST_SIGNING_KEY = 32
"""Bytes, as `hardlink.signatures` has it."""


def stack(said: Said | None, name: str) -> str | None:
    """`DescribeStacks` of one stack."""
    if said is None:
        return f"there is none in this account and region: cdk deploy -c stage={_stage(name)}"
    status = str(said["StackStatus"])
    if "ROLLBACK" in status or "FAILED" in status:
        return f"{status}: its last deployment failed; see its events, mend it, deploy again"
    if not status.endswith("_COMPLETE"):
        return f"{status}: wait until it is done, and look again"
    return None


def functions(deployed: Collection[str], planned: Collection[str]) -> str | None:
    """The names of all functions, as they are and as this code has them."""
    missing, more = sorted({*planned} - {*deployed}), sorted({*deployed} - {*planned})
    if missing or more:
        differs = [f"{', '.join(missing)} missing"] * bool(missing)
        differs += [f"{', '.join(more)} too many"] * bool(more)
        return f"{'; '.join(differs)}: the stack is of another version, cdk deploy"
    return None


def function(said: Said) -> str | None:
    """`GetFunctionConfiguration`."""
    state, update = said.get("State", "Active"), said.get("LastUpdateStatus", "Successful")
    if state not in ("Active", "Inactive"):  # inactive: not called for weeks, and wakes when called
        return f"{state}: {said.get('StateReason', 'no reason given')}; deploy again"
    if update == "Failed":
        return f"its last update failed: {said.get('LastUpdateStatusReason', '')}; deploy again"
    return None


def mapping(said: Said) -> str | None:
    """An event source mapping of `ListEventSourceMappings`."""
    if said["State"] not in ("Enabled", "Enabling"):
        return (
            f"{said['State']}, nothing is read: "
            f"aws lambda update-event-source-mapping --enabled --uuid {said['UUID']}"
        )
    result = str(said.get("LastProcessingResult") or "")
    if result.startswith("PROBLEM"):
        return f"{result}; see the function's log and its role"
    return None


def sources(read: Collection[str], streams: Mapping[str, str | None]) -> str | None:
    """The streams that `associate` reads, and the stream of each table."""
    unread = sorted(table for table, stream in streams.items() if stream not in read)
    if unread:
        return f"associate reads no stream of {', '.join(unread)}: history joins nobody; {REVERT}"
    return None


def readers(count: int, table: str) -> str | None:
    """How many event source mappings of this account read a table's stream, whoever made them."""
    if count > MAX_STREAM_READERS:
        return (
            f"{count} read the stream of {table}, AWS lets {MAX_STREAM_READERS}: it comes late to each; see "
            "aws lambda list-event-source-mappings, and delete what is not the stack's, or cdk deploy"
        )
    return None


def work(source: str | None, read: Collection[str]) -> str | None:
    """The ARN of the queue of erasures that began, and whatever is read by functions."""
    if source is None:
        return "there is none: the stack is of another version, cdk deploy"
    if source not in read:
        return f"nobody reads it: erasures stay undone; {REVERT}, it keeps them for a fortnight"
    return None


def table(said: Said) -> str | None:
    """`DescribeTable`: its `Table`."""
    if said["TableStatus"] != "ACTIVE":
        return f"{said['TableStatus']}: wait, or restore it from its backup"
    view = said.get("StreamSpecification", {})
    if not view.get("StreamEnabled") or view.get("StreamViewType") != "KEYS_ONLY":
        return f"its stream is not on with keys only: nothing is associated; {REVERT}"
    return None


def expiry(said: Said, attribute: str) -> str | None:
    """`DescribeTimeToLive`: its `TimeToLiveDescription`."""
    on = said.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    if not on or said.get("AttributeName") != attribute:
        return f"TTL is not on for {attribute!r}: expired events stay; {REVERT}"
    return None


def backup(said: Said) -> str | None:
    """`DescribeContinuousBackups`: its `ContinuousBackupsDescription`."""
    restored = said.get("PointInTimeRecoveryDescription", {})
    if restored.get("PointInTimeRecoveryStatus") != "ENABLED":
        return f"point-in-time recovery is off, mistakes can't be taken back; {REVERT}"
    return None


def queue(depth: int, url: str) -> str | None:
    """How many messages wait in a queue of failures."""
    if depth:
        return (
            f"{depth} waiting: read them (aws sqs receive-message --queue-url {url}), "
            "see the function's log, mend it, then send them again or delete them"
        )
    return None


def secret(value: str, project: str) -> str | None:
    """The text of a project's server key; it is shown to nobody."""
    if not value.strip():
        return f"no value: nobody can read {project}; put a new one (put-secret-value)"
    return None


def signing_key(value: str, project: str) -> str | None:
    """The text of a project's signing key; it is shown to nobody."""
    if len(value.strip().encode()) < SHORTEST_SIGNING_KEY:
        return (
            f"shorter than {SHORTEST_SIGNING_KEY} bytes: it proves nobody in {project}; "
            "put a new one (put-secret-value)"
        )
    return None


def health(status: int | str) -> str | None:
    """The status of `GET /health`, or why there is none."""
    if status == 503:  # noqa: PLR2004 - Busy's status
        return "503: the tables don't answer it; see the log of health"
    if status != 200:  # noqa: PLR2004
        return f"{status}: see API Gateway's access log, and the log of health"
    return None


def alarm(said: Said) -> str | None:
    """A metric alarm of `DescribeAlarms`."""
    if said["StateValue"] == "ALARM":
        return f"in alarm since {said['StateUpdatedTimestamp']:%Y-%m-%d %H:%M}. {said.get('AlarmDescription', '')}"
    return None


def told(subscriptions: Sequence[Said]) -> str | None:
    """Whom the alarms tell: `ListSubscriptionsByTopic`."""
    if not any(one["SubscriptionArn"].startswith("arn:") for one in subscriptions):
        return "nobody is told: confirm the subscription that AWS sent by e-mail, or deploy again for another"
    return None


def log(said: Said | None) -> str | None:
    """A log group of `DescribeLogGroups`."""
    if said is None:
        return GONE
    if not said.get("retentionInDays"):
        return "it never forgets: aws logs put-retention-policy --retention-in-days 30"
    return None


def _stage(name: str) -> str:
    return name.rpartition("-")[2]
