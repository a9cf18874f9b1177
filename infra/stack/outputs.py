"""What you need once it is deployed: the URL, the keys, and a snippet to paste into a page."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from hardlink.domain.sources import Sources
from infra.snippet import first_browser_source, render_snippet
from infra.stack.event_forwarding import EventForwarding


class Outputs(Construct):
    """The outputs of a stack, under names of their own. `..._keys`: the secret's name of each project."""

    def __init__(
        self,
        scope: Stack,
        id_: str,
        *,
        url: str,
        target: str | None,
        sources: Sources,
        server_keys: Mapping[str, str],
        signing_keys: Mapping[str, str],
        failed: str,
        feeds: str,
        failed_feeds: str,
        erasures: str,
        failed_erasures: str,
        forwarding: EventForwarding | None,
    ) -> None:
        super().__init__(scope, id_)
        write_keys = {name: source.write_key for name, source in sources.sources.items()}
        self._put("Url", url, "where the API answers")
        if target:
            self._put("DnsTarget", target, "what the domain's DNS record points to")
        self._put("WriteKeys", json.dumps(write_keys), "of each source: public, may send")
        self._put(
            "ServerKeys",
            scope.to_json_string(dict(server_keys)),
            "of each project, the secret that holds its server key: aws secretsmanager "
            "get-secret-value --secret-id <name> --query SecretString --output text",
        )
        if signing_keys:
            self._put(
                "SigningKeys",
                scope.to_json_string(dict(signing_keys)),
                "of each project, the secret that holds the key by which its identities are signed",
            )
        self._put("Failed", failed, "the queue of what could not be associated: empty, as a rule")
        self._put("Erasures", erasures, "the queue of erasures that began, until each is done")
        self._put("FailedErasures", failed_erasures, "the queue of erasures that were not done")
        self._put("Feeds", feeds, "order feeds: aws s3 cp <file> <this><project>/")
        self._put("FailedFeeds", failed_feeds, "the queue of feeds that could not be imported")
        if forwarding:
            failed = forwarding.reading.failed.queue_url
            self._put(
                "Forwarded", f"s3://{forwarding.bucket}/told/", "events and links, by the day"
            )
            self._put("FailedForwarding", failed, "the queue of what could not be told onward")
        if source := first_browser_source(sources):
            self._put("Snippet", render_snippet(url, source.write_key), "paste it into your pages")

    def _put(self, name: str, value: str, description: str) -> None:
        output = CfnOutput(self, name, value=value, description=description)
        output.override_logical_id(name)
