"""The Lambda functions: one code asset, one layer, and a least-privilege role for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from aws_cdk import AssetHashType, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra import topology
from infra.stack import assets, buckets, queues
from infra.stack.nag import suppress_nag
from infra.stack.server_keys import ServerKeys, SigningKeys
from infra.stack.tables import Tables
from infra.stages import Stage

ALIAS = "live"
"""Name of the alias that calls are sent to.

A deploy that ends well deletes the version before: to go back later, deploy the commit before. A
version that was kept would fail the deploy that publishes the same code again, as after a rollback.
"""
ARCHITECTURE = lambda_.Architecture.ARM_64
SOURCES_IN_LAMBDA = f"{assets.CODE_IN_LAMBDA}/sources.json"


class Functions(Construct):
    """The functions of `topology` by name. `keep`: their logs outlive the stack."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        tables: Tables,
        erasures: queues.ErasureQueues,
        server_keys: ServerKeys,
        signing_keys: SigningKeys,
        stage: Stage,
        keep: bool,
    ) -> None:
        super().__init__(scope, id_)
        self._stage = stage
        self._tables = tables
        self._erasures = erasures
        self._server_keys = server_keys
        self._signing_keys = signing_keys
        self._keep = keep
        self._runtime = lambda_.Runtime(
            f"python{assets.runtime_version()}", lambda_.RuntimeFamily.PYTHON
        )
        self._code = _code_asset(assets.build_code())
        self._layer = lambda_.LayerVersion(
            self,
            "Dependencies",
            code=_code_asset(assets.build_layer()),
            compatible_runtimes=[self._runtime],
            compatible_architectures=[ARCHITECTURE],
        )
        self.aliases: dict[str, lambda_.Alias] = {}
        """The alias of each function that moves from version to version, if the stage has them."""
        self._by_name: dict[str, lambda_.Function] = {}
        for function in topology.FUNCTIONS_BY_NAME.values():
            created = self._create_function(function)
            self._by_name[function.name] = created
            if stage.canary:
                self.aliases[function.name] = _create_alias(created)

    def __getitem__(self, name: str) -> lambda_.Function:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def entry(self, name: str) -> lambda_.IFunction:
        """What calls and records are sent to: the function's alias, or the function itself."""
        return self.aliases.get(name) or self._by_name[name]

    def add(
        self,
        function: topology.Function,
        environment: Mapping[str, str],
        permission: iam.PolicyStatement,
    ) -> lambda_.Function:
        """Create one more function, with additional variables and one additional permission."""
        created = self._create_function(function)
        self._by_name[function.name] = created
        for name, value in environment.items():
            created.add_environment(name, value)
        created.add_to_role_policy(permission)
        return created

    def _create_function(self, function: topology.Function) -> lambda_.Function:
        scope = Construct(self, function.name.capitalize())
        # Lambda would create a group by itself, which keeps its lines for ever.
        log = logs.LogGroup(
            scope,
            "Log",
            retention=logs.RetentionDays[self._stage.log_retention],
            removal_policy=buckets.removal_policy(keep=self._keep),
        )
        created = lambda_.Function(
            scope,
            "Function",
            runtime=self._runtime,
            architecture=ARCHITECTURE,
            handler=f"{function.name}.handler.handler",
            code=self._code,
            layers=[self._layer],
            role=self._create_role(scope, function, log),
            memory_size=self._stage.memory_of(function),
            reserved_concurrent_executions=self._stage.reserved_concurrency(
                function.name
            ),
            timeout=Duration.seconds(function.timeout),
            tracing=self._tracing(function),
            log_group=log,
            logging_format=lambda_.LoggingFormat.JSON,
            system_log_level_v2=self._system_log_level,
            environment=self._environment(function),
        )
        suppress_nag(
            created,
            "L1",
            "the runtime is the Python that compiled the code, which the tests ran with",
        )
        return created

    def _create_role(
        self, scope: Construct, function: topology.Function, log: logs.LogGroup
    ) -> iam.Role:
        role = iam.Role(
            scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")
        )
        log.grant_write(role)
        for table, allowed in function.access.items():
            actions = [f"dynamodb:{action}" for action in allowed]
            role.add_to_policy(queues.allow(actions, [self._tables[table].table_arn]))
        if function.access and self._tables.key_policy:
            role.add_to_policy(self._tables.key_policy)
        if function.erasures:
            actions = [f"sqs:{action}" for action in function.erasures]
            role.add_to_policy(queues.allow(actions, self._erasures.arns))
        for keys in self._readable_keys(function):
            role.add_to_policy(keys.read_policy())
            suppress_nag(
                role,
                keys.wildcard_finding(),
                "the keys of all projects, which would not fit into a policy one by one",
            )
        if self._tracing(function) == lambda_.Tracing.ACTIVE:
            suppress_nag(
                role,
                "IAM5[Resource::*]",
                "X-Ray knows no resources: traces are sent to `*`",
            )
        return role

    def _readable_keys(self, function: topology.Function) -> list[ServerKeys]:
        """The kinds of keys that a function may read, as far as a project has one."""
        keys: list[ServerKeys] = []
        if function.server_keys:
            keys.append(self._server_keys)
        if function.signing_keys:
            keys.append(self._signing_keys)
        return [kind for kind in keys if kind.projects]

    def _tracing(self, function: topology.Function) -> lambda_.Tracing:
        # Lambda traces a call a second and a twentieth of the others, which can't be configured:
        # for a function that runs for every event that is a noticeable part of its price.
        traced = self._stage.traces == "all" or not function.per_event
        return lambda_.Tracing.ACTIVE if traced else lambda_.Tracing.DISABLED

    @property
    def _system_log_level(self) -> lambda_.SystemLogLevel:
        # At INFO, Lambda writes lines at the start and end of every call, which cost more than it.
        return lambda_.SystemLogLevel[self._stage.log_level.replace("WARNING", "WARN")]

    def _environment(self, function: topology.Function) -> dict[str, str]:
        environment = {
            f"HARDLINK_{name.upper()}_TABLE": self._tables[name].table_name
            for name in self._tables
        }
        environment["HARDLINK_SOURCES"] = SOURCES_IN_LAMBDA
        environment["POWERTOOLS_SERVICE_NAME"] = Stack.of(self).stack_name
        environment["POWERTOOLS_LOG_LEVEL"] = self._stage.log_level
        if function.erasures:
            for variable, queue in self._erasures.by_variable.items():
                environment[variable] = queue.queue_url
        for keys in self._readable_keys(function):
            environment[keys.variable] = keys.name_of("{project}")
        if function.names_sources:
            digest = topology.hash_sources(topology.SOURCES)
            environment["HARDLINK_SOURCES_HASH"] = digest
        return environment


def _create_alias(function: lambda_.Function) -> lambda_.Alias:
    scope = cast("Construct", function.node.scope)
    return lambda_.Alias(
        scope, "Alias", alias_name=ALIAS, version=function.current_version
    )


def _code_asset(folder: Path) -> lambda_.Code:
    # The folder's name has the hash of its sources. Byte code may differ from one machine to the
    # next, and would deploy every function again.
    return lambda_.Code.from_asset(
        str(folder), asset_hash=folder.name, asset_hash_type=AssetHashType.CUSTOM
    )
