"""Hardlink in one stack. This module only composes the constructs."""

from __future__ import annotations

import re

from aws_cdk import App, Stack, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from hardlink.domain.sources import file_schema
from hardlink.domain.sources.registry import Sources
from infra import stages, topology
from infra.stack.alarms import CANARY_JUDGES
from infra.stack.api import Api
from infra.stack.canary import Canary
from infra.stack.custom_domain import CustomDomain
from infra.stack.event_backups import EventBackups
from infra.stack.event_forwarding import EventForwarding
from infra.stack.functions import Functions
from infra.stack.monitoring import DEPLOYMENT_TAG, Monitoring
from infra.stack.observability import Observability
from infra.stack.order_feeds import OrderFeeds
from infra.stack.outputs import Outputs
from infra.stack.queues import ErasureQueues
from infra.stack.server_keys import ServerKeys, SigningKeys
from infra.stack.stream_readers import StreamReader
from infra.stack.tables import Tables
from infra.stages import Stage

DEFAULT_NAME = "hardlink"
"""First part of the stack's name."""
# It is part of the names of buckets, which have 63 characters.
_LONGEST_NAME = 24
_RECOGNIZE_LAYER = "@aws-cdk/aws-lambda:recognizeLayerVersion"
"""Feature flag of the CDK: a change of the layer alone makes new versions of the functions too."""
_NAME = re.compile(rf"[a-z][a-z0-9-]{{0,{_LONGEST_NAME - 1}}}")


class UnknownStage(Exception):
    """The context names a stage that does not exist, or a stack that cannot be made."""


class Hardlink(Stack):
    """One deployment. `keep`: its data is protected from deletion, also with the stack."""

    def __init__(
        self, scope: App, id_: str, *, sources: Sources, stage: Stage, keep: bool
    ) -> None:
        super().__init__(
            scope,
            id_,
            description="Hardlink: customer identity and event tracking for web shops",
            termination_protection=keep,
            suppress_template_indentation=True,
        )
        # Not in the app, which takes no more context once it has a construct.
        self.node.set_context(_RECOGNIZE_LAYER, value=True)
        tables = Tables(self, "Tables", stage=stage, keep=keep)
        if stage.events.backups == "weekly":
            EventBackups(self, "EventBackups", table=tables["events"], keep=keep)
        key_stacks = stage.key_stacks
        server_keys = ServerKeys(
            self, "ServerKeys", sources.projects, stacks=key_stacks, keep=keep
        )
        signing_keys = SigningKeys(
            self,
            "SigningKeys",
            sources.signing_projects,
            stacks=key_stacks,
            keep=keep,
        )
        erasures = ErasureQueues(self, "Erasure")
        functions = Functions(
            self,
            "Functions",
            tables=tables,
            erasures=erasures,
            server_keys=server_keys,
            signing_keys=signing_keys,
            stage=stage,
            keep=keep,
        )
        api = Api(self, "Api", functions=functions, stage=stage, keep=keep)
        domain = _create_domain(self, api, stage)
        erasures.subscribe(functions["erase"])
        association = StreamReader(
            self,
            "Association",
            tables=tables,
            function=functions["associate"],
            filters=topology.STREAM_FILTERS,
        )
        forwarding = None
        if stage.forward:
            forwarding = EventForwarding(
                self, "Forwarding", tables=tables, functions=functions
            )
        feeds = OrderFeeds(self, "Feeds", orders=functions["orders"])
        readers = [functions["associate"]]
        failed = [association.failed, feeds.failed, erasures.failed]
        if forwarding:
            readers.append(forwarding.function)
            failed.append(forwarding.reader.failed)
        observed = Observability(
            scope=self,
            api=api.id,
            functions=[functions[name] for name in functions],
            readers=readers,
            tables={name: tables[name] for name in tables},
            erasures=erasures.waiting,
            visitor_erasures=erasures.visitors,
            failed=failed,
            waiting=feeds.waiting,
            firehose=forwarding.stream if forwarding else None,
        )
        monitoring = Monitoring(self, "Monitoring", observed=observed, stage=stage)
        if stage.canary:
            judges = monitoring.named(*CANARY_JUDGES)
            Canary(self, "Canary", functions=functions, alarms=judges)
        Outputs(
            self,
            "Outputs",
            api=api,
            domain=domain,
            sources=sources,
            server_keys=server_keys,
            signing_keys=signing_keys,
            association=association,
            erasures=erasures,
            feeds=feeds,
            forwarding=forwarding,
        )


def _create_domain(scope: Hardlink, api: Api, stage: Stage) -> CustomDomain | None:
    if not (stage.domain and stage.certificate):
        return None
    return CustomDomain(
        scope,
        "Edge",
        api=api,
        domain=stage.domain,
        certificate=stage.certificate,
        cached=stage.cloudfront,
        web_acl=stage.web_acl,
    )


def compose_app(app: App, settings: Stage | None = None) -> Hardlink:
    """Create the stack of the stage that the context names (`-c stage=prod`), and run cdk-nag.

    It is called `hardlink-<stage>`. `-c name=shop` makes `shop-<stage>`, which may stand beside it.
    `settings`: instead of those of `stages.toml`.
    Raises `UnknownStage`, `StagesError`, `SourcesError`.
    """
    stage = app.node.try_get_context("stage") or "dev"
    if stage not in stages.STAGE_NAMES:
        known = ", ".join(stages.STAGE_NAMES)
        raise UnknownStage(f"there is no stage {stage!r}: use one of {known}")
    name = app.node.try_get_context("name") or DEFAULT_NAME
    if not _NAME.fullmatch(name):
        raise UnknownStage(
            f"{name!r} cannot name a stack: use up to {_LONGEST_NAME} lower-case letters, digits "
            "and hyphens, a letter first"
        )
    settings = settings or stages.load_stage(topology.STAGES, stage)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    sources = file_schema.load_sources(topology.SOURCES)
    stack = Hardlink(
        app, f"{name}-{stage}", sources=sources, stage=settings, keep=stage == "prod"
    )
    Tags.of(stack).add("service", "hardlink")
    Tags.of(stack).add(DEPLOYMENT_TAG, stack.stack_name)
    Tags.of(stack).add("stage", stage)
    return stack
