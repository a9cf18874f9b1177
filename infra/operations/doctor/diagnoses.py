"""Rules that say what is wrong with a deployed resource and what to do.

They are pure functions of what AWS answers about the resource. Each returns `None` where nothing is
wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from infra.topology import MAX_STREAM_READERS


class Finding(NamedTuple):
    """The result of one check. `fault`: what is wrong and what to do, if anything is."""

    what: str
    fault: str | None = None


Description = Mapping[str, Any]
"""An answer of AWS, or the part of it about one resource."""
# A plain deployment compares templates, so it changes nothing where only the account differs.
REVERT_DRIFT = "cdk deploy --revert-drift"
DELETED = f"it was deleted, although the stack has it: {REVERT_DRIFT}"
SHORTEST_SIGNING_KEY = 32
"""Bytes, as in `hardlink.domain.signed_identity`."""
_OK, _SERVICE_UNAVAILABLE = 200, 503


def stack_fault(described: Description | None, name: str) -> str | None:
    """Check the answer of `DescribeStacks` about one stack."""
    if described is None:
        stage = name.rpartition("-")[2]
        return f"there is none in this account and region: cdk deploy -c stage={stage}"
    status = str(described["StackStatus"])
    if "ROLLBACK" in status or "FAILED" in status:
        return f"{status}: its last deployment failed; see its events, fix the cause, deploy again"
    if not status.endswith("_COMPLETE"):
        return f"{status}: wait until it is done, and check again"
    return None


def functions_fault(deployed: Collection[str], planned: Collection[str]) -> str | None:
    """Compare the names of the deployed functions with those of this code."""
    missing = sorted({*planned} - {*deployed})
    superfluous = sorted({*deployed} - {*planned})
    differences: list[str] = []
    if missing:
        differences.append(f"{', '.join(missing)} missing")
    if superfluous:
        differences.append(f"{', '.join(superfluous)} too many")
    if differences:
        return f"{'; '.join(differences)}: the stack is of another version, cdk deploy"
    return None


def function_fault(described: Description) -> str | None:
    """Check the answer of `GetFunctionConfiguration`."""
    state = described.get("State", "Active")
    # A function that was not called for weeks is inactive, and becomes active by a call.
    if state not in ("Active", "Inactive"):
        return (
            f"{state}: {described.get('StateReason', 'no reason given')}; deploy again"
        )
    if described.get("LastUpdateStatus") == "Failed":
        reason = described.get("LastUpdateStatusReason", "")
        return f"its last update failed: {reason}; deploy again"
    return None


def mapping_fault(described: Description) -> str | None:
    """Check the answer of `GetEventSourceMapping`."""
    if described["State"] not in ("Enabled", "Enabling"):
        return (
            f"{described['State']}, nothing is read: "
            f"aws lambda update-event-source-mapping --enabled --uuid {described['UUID']}"
        )
    result = str(described.get("LastProcessingResult") or "")
    if result.startswith("PROBLEM"):
        return f"{result}; see the function's log and its role"
    return None


def unread_streams_fault(
    read: Collection[str], streams: Mapping[str, str | None]
) -> str | None:
    """Compare the stream of each table with the streams that `associate` reads."""
    unread = sorted(table for table, stream in streams.items() if stream not in read)
    if unread:
        return (
            f"associate reads no stream of {', '.join(unread)}: "
            f"history is not associated; {REVERT_DRIFT}"
        )
    return None


def readers_fault(count: int, table: str) -> str | None:
    """Check how many event source mappings of this account read a table's stream."""
    if count > MAX_STREAM_READERS:
        return (
            f"{count} read the stream of {table}, and AWS advises {MAX_STREAM_READERS}: records "
            "come late to each; see aws lambda list-event-source-mappings, and delete those that "
            "are not the stack's, or cdk deploy"
        )
    return None


def erasure_queue_fault(queue: str | None, read: Collection[str]) -> str | None:
    """Compare the ARN of the erasure queue with the ARNs that functions read."""
    if queue is None:
        return "there is none: the stack is of another version, cdk deploy"
    if queue not in read:
        return f"no function reads it, so erasures wait, for two weeks at most: {REVERT_DRIFT}"
    return None


def table_fault(described: Description, *, streamed: bool = True) -> str | None:
    """Check the `Table` of `DescribeTable`. `streamed`: `associate` reads its stream."""
    if described["TableStatus"] != "ACTIVE":
        return f"{described['TableStatus']}: wait, or restore it from its backup"
    stream = described.get("StreamSpecification", {})
    if not streamed and not stream.get("StreamEnabled"):
        return None
    if not stream.get("StreamEnabled") or stream.get("StreamViewType") != "KEYS_ONLY":
        return f"its stream is not on with keys only: nothing is associated; {REVERT_DRIFT}"
    return None


def expiry_fault(described: Description, attribute: str) -> str | None:
    """Check the `TimeToLiveDescription` of `DescribeTimeToLive`."""
    enabled = described.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    if not enabled or described.get("AttributeName") != attribute:
        return f"TTL is not on for {attribute!r}: expired events stay; {REVERT_DRIFT}"
    return None


def backup_fault(described: Description) -> str | None:
    """Check the `ContinuousBackupsDescription` of `DescribeContinuousBackups`."""
    recovery = described.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        return f"point-in-time recovery is off, so mistakes can't be undone; {REVERT_DRIFT}"
    return None


def failure_queue_fault(depth: int, url: str) -> str | None:
    """Check the number of messages in a queue of failures."""
    if depth:
        return (
            f"{depth} waiting: read them (aws sqs receive-message --queue-url {url}), see the "
            "function's log, fix the cause, then send them again or delete them"
        )
    return None


def server_key_fault(value: str, project: str) -> str | None:
    """Check the text of a project's server key. The fault does not contain it."""
    if not value.strip():
        return f"no value: nothing can read {project}; put a new one (put-secret-value)"
    return None


def signing_key_fault(value: str, project: str) -> str | None:
    """Check the text of a project's signing key. The fault does not contain it."""
    if len(value.strip().encode()) < SHORTEST_SIGNING_KEY:
        return (
            f"shorter than {SHORTEST_SIGNING_KEY} bytes: no token is valid in {project}; "
            "put a new one (put-secret-value)"
        )
    return None


def health_fault(status: int | str) -> str | None:
    """Check the status of `GET /health`, or the reason for which there is none."""
    if status == _SERVICE_UNAVAILABLE:
        return "503: the tables don't answer it; see the log of health"
    if status != _OK:
        return f"{status}: see API Gateway's access log, and the log of health"
    return None


def alarm_fault(described: Description) -> str | None:
    """Check a metric alarm of `DescribeAlarms`."""
    if described["StateValue"] != "ALARM":
        return None
    since = f"{described['StateUpdatedTimestamp']:%Y-%m-%d %H:%M}"
    return f"in alarm since {since}. {described.get('AlarmDescription', '')}"


def alarm_subscription_fault(subscriptions: Sequence[Description]) -> str | None:
    """Check the answer of `ListSubscriptionsByTopic`: an unconfirmed one has no ARN."""
    for subscription in subscriptions:
        if subscription["SubscriptionArn"].startswith("arn:"):
            return None
    return (
        "no address receives them: confirm the subscription that AWS sent by e-mail, "
        "or deploy again for another e-mail"
    )


def log_fault(described: Description | None) -> str | None:
    """Check a log group of `DescribeLogGroups`."""
    if described is None:
        return DELETED
    if not described.get("retentionInDays"):
        return (
            "it is kept for ever: aws logs put-retention-policy --retention-in-days 30"
        )
    return None
