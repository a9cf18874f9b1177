"""The API under the shop's own domain, which makes its cookie first party, and CloudFront."""

from __future__ import annotations

from aws_cdk import Duration, Fn
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from infra.stack.api import Api
from infra.stack.nag import suppress_nag

CACHED_PATHS = ("/sdk.js", "/sdk.mjs", "/console", "/console/*")
"""Paths that CloudFront caches, as long as their own headers say. Nothing else is cached."""
UNCACHED_ERRORS = (400, 403, 404, 405, 414, 500, 501, 502, 503, 504)
"""Errors that CloudFront would cache for ten seconds by default, for every caller."""


class CustomDomain(Construct):
    """A domain name. `target`: the host that its DNS record (CNAME or ALIAS) points to.

    `certificate`: an ARN of ACM. `cached`: CloudFront answers the domain and caches the SDK.
    `web_acl`: the ARN of a web ACL that CloudFront asks before.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        api: Api,
        domain: str,
        certificate: str,
        cached: bool,
        web_acl: str | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self._web_acl = web_acl
        imported = acm.Certificate.from_certificate_arn(
            self, "Certificate", certificate
        )
        self.url = f"https://{domain}"
        if cached:
            self.target = self._create_distribution(api, domain, imported)
        else:
            self.target = self._create_domain_name(api, domain, imported)

    def _create_domain_name(
        self, api: Api, domain: str, certificate: acm.ICertificate
    ) -> str:
        name = gateway.DomainName(
            self,
            "Domain",
            domain_name=domain,
            certificate=certificate,
            security_policy=gateway.SecurityPolicy.TLS_1_2,
        )
        mapping = gateway.CfnApiMapping(
            self,
            "Mapping",
            api_id=api.id,
            domain_name=name.name,
            stage=api.stage.stage_name,
        )
        # The stage is named by its text, which orders nothing: it has to exist before.
        mapping.add_dependency(api.stage)
        return name.regional_domain_name

    def _create_distribution(
        self, api: Api, domain: str, certificate: acm.ICertificate
    ) -> str:
        # CloudFront wants the host alone of `https://<host>`, which is a token here.
        host = Fn.select(2, Fn.split("/", api.url))
        origin = origins.HttpOrigin(
            host, origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2]
        )
        cache_policy = self._create_cache_policy()
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Hardlink at {domain}",
            domain_names=[domain],
            certificate=certificate,
            web_acl_id=self._web_acl,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            default_behavior=cloudfront.BehaviorOptions(
                origin=origin,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                # API Gateway finds the API by the host header: all others are passed on.
                origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            ),
            additional_behaviors={
                path: cloudfront.BehaviorOptions(
                    origin=origin,
                    cache_policy=cache_policy,
                    viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                )
                for path in CACHED_PATHS
            },
            error_responses=[
                cloudfront.ErrorResponse(http_status=status, ttl=Duration.seconds(0))
                for status in UNCACHED_ERRORS
            ],
        )
        for finding, reason in _ACCEPTED_FINDINGS.items():
            suppress_nag(distribution, finding, reason)
        if self._web_acl is None:
            suppress_nag(distribution, "CFR2", _NO_WEB_ACL)
        return distribution.distribution_domain_name

    def _create_cache_policy(self) -> cloudfront.CachePolicy:
        return cloudfront.CachePolicy(
            self,
            "Files",
            comment="The SDK and the console, as their own headers say",
            min_ttl=Duration.seconds(0),
            default_ttl=Duration.seconds(0),
            max_ttl=Duration.days(1),
            query_string_behavior=cloudfront.CacheQueryStringBehavior.allow_list(
                # `/sdk.js?with=ecommerce` is another file than `/sdk.js`.
                "with"
            ),
            # The functions answer each origin with CORS headers of its own.
            header_behavior=cloudfront.CacheHeaderBehavior.allow_list("Origin"),
            cookie_behavior=cloudfront.CacheCookieBehavior.none(),
            enable_accept_encoding_gzip=True,
        )


_ACCEPTED_FINDINGS = {
    "CFR1": "a shop's visitors may come from anywhere",
    "CFR3": (
        "the API's access log has every call, without the visitor's address that CloudFront's "
        "would hold"
    ),
}
_NO_WEB_ACL = (
    "the API behind it is throttled; a web ACL has its price, and a stage may name one"
)
