"""Hardlink in one stack: this file only composes."""

from __future__ import annotations

from aws_cdk import App, Stack, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from hardlink.domain import sources_schema
from hardlink.domain.sources import Sources
from infra import stages, topology
from infra.stack.alarms import Observability
from infra.stack.api import Api
from infra.stack.custom_domain import CustomDomain
from infra.stack.erasure_queue import ErasureQueue
from infra.stack.event_forwarding import EventForwarding
from infra.stack.functions import Functions
from infra.stack.monitoring import Monitoring
from infra.stack.order_feeds import OrderFeeds
from infra.stack.outputs import Outputs
from infra.stack.server_keys import ServerKeys, SigningKeys
from infra.stack.stream_readers import StreamReader
from infra.stack.tables import Tables
from infra.stages import Stage


class UnknownStage(Exception):
    """The context names a stage that there is none of."""


class Hardlink(Stack):
    """One deployment. `keep`: its data outlives mistakes, and the stack itself."""

    def __init__(
        self, scope: App, id_: str, *, declared: Sources, stage: Stage, keep: bool
    ) -> None:
        super().__init__(
            scope,
            id_,
            description="Hardlink: customer identity and event tracking for web shops",
            termination_protection=keep,
            suppress_template_indentation=True,
        )
        tables = Tables(self, "Tables", keep=keep)
        server_keys = ServerKeys(self, "ServerKeys", declared.projects)
        signing_keys = SigningKeys(self, "SigningKeys", declared.signed)
        erasures = ErasureQueue(self, "Erasure")
        functions = Functions(
            self,
            "Functions",
            tables=tables,
            erasures=erasures.waiting,
            server_keys=server_keys,
            signing_keys=signing_keys,
            sources=declared,
            stage=stage,
            keep=keep,
        )
        api = Api(self, "Api", functions=functions, sources=declared, keep=keep)
        edge = _edge(self, api, stage)
        erasures.bring(functions["erase"])
        association = StreamReader(
            self,
            "Association",
            tables=tables,
            function=functions["associate"],
            filters=topology.STREAM_FILTERS,
        )
        forwarding = (
            EventForwarding(self, "Forwarding", tables=tables, functions=functions, keep=keep)
            if stage.forward
            else None
        )
        feeds = OrderFeeds(self, "Feeds", orders=functions["orders"], keep=keep)
        told = Observability(
            scope=self,
            api=api.id,
            functions=[functions[name] for name in functions],
            readers=[functions["associate"], *([forwarding.function] if forwarding else [])],
            tables=[tables[name] for name in tables],
            erasures=erasures.waiting,
            failed=[
                association.failed,
                feeds.failed,
                erasures.failed,
                *([forwarding.reading.failed] if forwarding else []),
            ],
            waiting=feeds.waiting,
            onward=forwarding.stream if forwarding else None,
        )
        Monitoring(self, "Monitoring", told=told, stage=stage)
        Outputs(
            self,
            "Outputs",
            url=edge.url if edge else api.url,
            target=edge.target if edge else None,
            sources=declared,
            server_keys=server_keys.names,
            signing_keys=signing_keys.names,
            failed=association.failed.queue_url,
            erasures=erasures.waiting.queue_url,
            failed_erasures=erasures.failed.queue_url,
            feeds=f"s3://{feeds.name}/{topology.FEEDS_PREFIX}",
            failed_feeds=feeds.failed.queue_url,
            forwarding=forwarding,
        )


def _edge(scope: Hardlink, api: Api, stage: Stage) -> CustomDomain | None:
    if not (stage.domain and stage.certificate):
        return None
    return CustomDomain(
        scope,
        "Edge",
        api=api,
        domain=stage.domain,
        certificate=stage.certificate,
        caches=stage.cloudfront,
    )


def compose_app(app: App, settings: Stage | None = None) -> Hardlink:
    """The stack of the stage that the context names (`-c stage=prod`), under cdk-nag's eyes.

    `settings`: instead of those of `stages.toml`. Raises `NoStage`, `StagesError`, `SourcesError`.
    """
    stage = app.node.try_get_context("stage") or "dev"
    if stage not in stages.STAGE_NAMES:
        raise UnknownStage(
            f"there is no stage {stage!r}: use one of {', '.join(stages.STAGE_NAMES)}"
        )
    settings = settings or stages.load_stage(topology.STAGES, stage)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    declared = sources_schema.load_sources(topology.SOURCES)
    stack = Hardlink(
        app, f"hardlink-{stage}", declared=declared, stage=settings, keep=stage == "prod"
    )
    Tags.of(stack).add("service", "hardlink")
    Tags.of(stack).add("stage", stage)
    return stack
