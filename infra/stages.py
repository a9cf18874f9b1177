"""Settings of a stage, from `stages.toml`, validated before anything is deployed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from hardlink.domain.schema import describe_errors
from infra import routes, topology

StageName = Literal["dev", "prod"]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)
_Domain = Annotated[
    str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
]
_Certificate = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+$")
]
_WebAcl = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:wafv2:us-east-1:\d{12}:global/webacl/[\w/-]+$"),
]
_Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
_KmsKey = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+$")
]
_TABLE = r"^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[\w.-]+"
_TableArn = Annotated[str, Field(pattern=rf"{_TABLE}$")]
_StreamArn = Annotated[str, Field(pattern=rf"{_TABLE}/stream/[\w:.-]+$")]
_Memory = Annotated[int, Field(ge=128, le=10_240)]
_Rate = Annotated[int, Field(ge=1, le=routes.UNTHROTTLED.per_second)]
LOG_DAYS = {
    1: "ONE_DAY",
    3: "THREE_DAYS",
    5: "FIVE_DAYS",
    7: "ONE_WEEK",
    14: "TWO_WEEKS",
    30: "ONE_MONTH",
    60: "TWO_MONTHS",
    90: "THREE_MONTHS",
    180: "SIX_MONTHS",
    365: "ONE_YEAR",
    400: "THIRTEEN_MONTHS",
    731: "TWO_YEARS",
}
"""Days that logs may be kept, by the CDK's names of them."""
DEFAULT_CONCURRENCY = 1000
"""Concurrent runs of an account in one region, unless it asked for more."""
UNRESERVED = 100
"""Concurrent runs that Lambda demands to be left to functions without a reservation."""
_QUEUE_READERS = {
    "erase": topology.ERASURE_CONCURRENCY + topology.VISITOR_ERASURE_CONCURRENCY,
    "orders": topology.FEED_CONCURRENCY,
}
"""Runs that queues start at once, by function: with fewer, messages count as failed."""


TableClass = Literal["standard", "infrequent_access"]


class StagesError(Exception):
    """An unusable `stages.toml`. Each line of the message names file, field and error."""


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rates(_Declared):
    """Calls a second of a route before API Gateway answers 429; bursts may be twice as high.

    `writes`: of visitors' calls, each route; `reads`: with a server key; `feeds`: order feeds and
    exports.
    """

    writes: _Rate = routes.WRITES.per_second
    reads: _Rate = routes.READS.per_second
    feeds: _Rate = routes.FEEDS_AND_EXPORTS.per_second

    def of(self, rate: routes.Rate) -> routes.Rate:
        """The stage's rate in place of a route's own."""
        declared = {
            routes.WRITES: self.writes,
            routes.READS: self.reads,
            routes.FEEDS_AND_EXPORTS: self.feeds,
        }
        per_second = declared.get(rate)
        if per_second is None:
            return rate
        return routes.Rate(per_second, min(2 * per_second, routes.UNTHROTTLED.burst))


class Concurrency(_Declared):
    """Concurrent runs that are reserved for functions, so that no other one can use them up.

    `account`: the account's quota in the region (Service Quotas, Lambda). `shares`: per cent of it,
    by function. A function has its share always, and never more.
    """

    account: Annotated[int, Field(ge=200)] = DEFAULT_CONCURRENCY
    shares: Mapping[str, Annotated[int, Field(ge=1, le=100)]]

    @model_validator(mode="after")
    def _check_shares(self) -> Concurrency:
        _check_functions("shares", self.shares)
        left = self.account - sum(self.reserved(name) or 0 for name in self.shares)
        if left < UNRESERVED:
            raise ValueError(
                f"{left} of {self.account} would be left to all other functions, and Lambda "
                f"demands {UNRESERVED}: lower the shares"
            )
        for name, needed in _QUEUE_READERS.items():
            if name in self.shares and (self.reserved(name) or 0) < needed:
                raise ValueError(
                    f"shares.{name}: is less than the {needed} runs that its queues start at "
                    "once: raise it"
                )
        return self

    def reserved(self, function: str) -> int | None:
        """The number of runs reserved for a function, at least 1; None: no share is declared."""
        share = self.shares.get(function)
        return None if share is None else max(1, self.account * share // 100)


class MaxUnits(_Declared):
    """Request units a second of each table, beyond which DynamoDB throttles: a brake on costs."""

    read: Annotated[int, Field(ge=1)] | None = None
    write: Annotated[int, Field(ge=1)] | None = None


class EventsTable(_Declared):
    """Settings of the table `events`, which holds most of what is stored.

    `table_class`: None: as the other tables. `backups`: `recovery` to a point in time, as the other
    tables have it, or a `weekly` copy at half the price: what came later is lost with the table.
    """

    table_class: TableClass | None = None
    backups: Literal["recovery", "weekly"] = "recovery"


class RestoredTables(_Declared):
    """Tables that `hardlink restore` made, which the functions use in place of the stack's own.

    `sessions`, `customers`: ARNs of their streams. `events`: ARN of the table, or of its stream
    where the stage forwards.
    """

    sessions: _StreamArn | None = None
    customers: _StreamArn | None = None
    events: _TableArn | _StreamArn | None = None

    def find(self, table: str) -> str | None:
        """The ARN in place of a table of the stack, if there is one."""
        arns = {"sessions": self.sessions, "customers": self.customers}
        return arns.get(table, self.events)

    @model_validator(mode="after")
    def _check_pair(self) -> RestoredTables:
        if bool(self.sessions) != bool(self.customers):
            raise ValueError("sessions and customers are restored together: set both")
        return self


class Stage(_Declared):
    """The settings of one stage.

    `log_level`: `INFO` logs every call, `WARNING` those that fail. `log_days`: retention of logs.
    `traces`: X-Ray for `all` functions, or for those that no event waits for (`rare`).
    `alarm_email`: receives the alarms, once it has confirmed the subscription.
    `monthly_budget`: USD a month; the address is told when they are nearly spent.
    `domain`: the API's own domain, with its `certificate` (an ARN of ACM).
    `cloudfront`: CloudFront in front of the domain; `web_acl`: the ARN of its web ACL.
    `forward`: every stored event and every link goes to a bucket, by Firehose.
    `canary`: new versions of `track` and `identify` get a tenth of the calls for five minutes.
    `key_stacks`: nested stacks that the projects' keys are spread over; 0: none.
    `rates`, `memory` (MB by function), `concurrency`: limits of the API and of functions.
    `recovery_days`: how far back the tables can be restored; 0: not at all.
    `events`: class and backups of the events, apart from those of the other tables.
    `table_class`, `max_units`, `kms_key` (an ARN; else AWS's own key): of the tables.
    `restored`: tables in place of the stack's own.
    """

    log_level: Literal["INFO", "WARNING"] = "INFO"
    log_days: int = 30
    traces: Literal["all", "rare"] = "all"
    alarms: bool = False
    dashboard: bool = False
    alarm_email: _Email | None = None
    monthly_budget: Annotated[int, Field(ge=1)] | None = None
    domain: _Domain | None = None
    certificate: _Certificate | None = None
    cloudfront: bool = False
    web_acl: _WebAcl | None = None
    forward: bool = False
    canary: bool = False
    key_stacks: Annotated[int, Field(ge=0, le=20)] = 0
    rates: Rates = Rates()
    memory: Mapping[str, _Memory] = Field(default_factory=dict)
    concurrency: Concurrency | None = None
    recovery_days: Annotated[int, Field(ge=0, le=35)] = 35
    table_class: TableClass = "standard"
    events: EventsTable = EventsTable()
    max_units: MaxUnits = MaxUnits()
    kms_key: _KmsKey | None = None
    restored: RestoredTables = RestoredTables()

    @model_validator(mode="after")
    def _check_restored(self) -> Stage:
        arn = self.restored.events
        if arn and self.forward and "/stream/" not in arn:
            raise ValueError("restored.events: forward reads its stream: give its ARN")
        return self

    @field_validator("log_days")
    @classmethod
    def _check_log_days(cls, days: int) -> int:
        if days not in LOG_DAYS:
            known = ", ".join(str(known) for known in LOG_DAYS)
            raise ValueError(f"must be one of {known}, as CloudWatch has it")
        return days

    @field_validator("memory")
    @classmethod
    def _check_memory(cls, memory: Mapping[str, int]) -> Mapping[str, int]:
        _check_functions("memory", memory)
        return memory

    @model_validator(mode="after")
    def _check_alarms(self) -> Stage:
        if self.alarm_email and not self.alarms:
            raise ValueError("alarm_email receives alarms: set alarms = true")
        if self.monthly_budget and not self.alarm_email:
            raise ValueError("monthly_budget needs somebody to tell: set alarm_email")
        if self.canary and not self.alarms:
            raise ValueError("canary is judged by alarms: set alarms = true")
        return self

    @model_validator(mode="after")
    def _check_domain(self) -> Stage:
        if bool(self.domain) != bool(self.certificate):
            raise ValueError(
                "domain and certificate belong together: set both, or neither"
            )
        if self.cloudfront and not self.domain:
            raise ValueError("cloudfront needs a domain, and its certificate")
        if self.web_acl and not self.cloudfront:
            raise ValueError("web_acl is CloudFront's: set cloudfront = true")
        if self.cloudfront and ":us-east-1:" not in str(self.certificate):
            raise ValueError("certificate: CloudFront requires one of us-east-1")
        return self

    @property
    def log_retention(self) -> str:
        """Retention of logs, as the CDK's `RetentionDays` names it."""
        return LOG_DAYS[self.log_days]

    def memory_of(self, function: topology.Function) -> int:
        """Memory of a function, in MB."""
        return self.memory.get(function.name, function.memory)

    @property
    def account_concurrency(self) -> int:
        """The account's quota of concurrent runs: as declared, or AWS's default."""
        return self.concurrency.account if self.concurrency else DEFAULT_CONCURRENCY

    def reserved_concurrency(self, function: str) -> int | None:
        """Concurrent runs reserved for a function. None: it uses the account's."""
        return self.concurrency.reserved(function) if self.concurrency else None


def _check_functions(setting: str, names: Iterable[str]) -> None:
    """Refuse names that are no functions. Raises `ValueError`."""
    known = {*topology.FUNCTIONS_BY_NAME, topology.FORWARD.name}
    for name in names:
        if name not in known:
            raise ValueError(
                f"{setting}.{name}: is not a function: use one of {', '.join(sorted(known))}"
            )


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
