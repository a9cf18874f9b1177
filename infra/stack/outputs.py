"""The outputs of the stack: URL, keys, queues, and a snippet to paste into a page."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from hardlink.domain.sources.registry import Sources
from infra import topology
from infra.snippet import first_browser_source, render_snippet
from infra.stack.api import Api
from infra.stack.custom_domain import CustomDomain
from infra.stack.event_forwarding import EventForwarding
from infra.stack.order_feeds import OrderFeeds
from infra.stack.queues import ErasureQueues
from infra.stack.server_keys import ServerKeys, SigningKeys
from infra.stack.stream_readers import StreamReader


class Outputs(Construct):
    """The outputs of a stack, whose logical IDs are their names."""

    def __init__(
        self,
        scope: Stack,
        id_: str,
        *,
        api: Api,
        domain: CustomDomain | None,
        sources: Sources,
        server_keys: ServerKeys,
        signing_keys: SigningKeys,
        association: StreamReader,
        erasures: ErasureQueues,
        feeds: OrderFeeds,
        forwarding: EventForwarding | None,
    ) -> None:
        super().__init__(scope, id_)
        url = domain.url if domain else api.url
        self._put("Url", url, "where the API answers")
        if domain:
            self._put(
                "DnsTarget", domain.target, "what the domain's DNS record points to"
            )
        self._put_keys(server_keys, signing_keys)
        self._put_queues(association, erasures, feeds)
        if forwarding:
            self._put_forwarding(forwarding)
        source = first_browser_source(sources)
        if source:
            self._put(
                "Snippet",
                render_snippet(url, source.write_key),
                "paste it into your pages",
            )

    def _put_keys(self, server_keys: ServerKeys, signing_keys: SigningKeys) -> None:
        # One name for all projects: an output has 1,024 characters.
        self._put(
            "ServerKeys",
            server_keys.name_of("<project>"),
            "the secret that holds a project's server key: aws secretsmanager "
            "get-secret-value --secret-id <name> --query SecretString --output text",
        )
        if signing_keys.projects:
            self._put(
                "SigningKeys",
                signing_keys.name_of("<project>"),
                "the secret that holds the key by which a project's identities are signed",
            )

    def _put_queues(
        self, association: StreamReader, erasures: ErasureQueues, feeds: OrderFeeds
    ) -> None:
        self._put(
            "Failed",
            association.failed.queue_url,
            "the queue of what could not be associated: empty, as a rule",
        )
        self._put(
            "Erasures",
            erasures.waiting.queue_url,
            "the queue of erasures that began, until each is done",
        )
        self._put(
            "VisitorErasures",
            erasures.visitors.queue_url,
            "the queue of erasures that visitors asked for themselves, until each is done",
        )
        self._put(
            "FailedErasures",
            erasures.failed.queue_url,
            "the queue of erasures that were not done",
        )
        self._put(
            "Feeds",
            f"s3://{feeds.name}/{topology.FEEDS_PREFIX}",
            "order feeds: aws s3 cp <file> <this><project>/",
        )
        self._put(
            "FailedFeeds",
            feeds.failed.queue_url,
            "the queue of feeds that could not be imported",
        )

    def _put_forwarding(self, forwarding: EventForwarding) -> None:
        folder = f"s3://{forwarding.bucket}/told/"
        self._put("Forwarded", folder, "events and links, by the day")
        self._put(
            "FailedForwarding",
            forwarding.reader.failed.queue_url,
            "the queue of what could not be told onward",
        )

    def _put(self, name: str, value: str, description: str) -> None:
        output = CfnOutput(self, name, value=value, description=description)
        output.override_logical_id(name)
