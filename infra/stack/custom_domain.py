"""The API under the shop's own domain, with CloudFront before it if the stage says so: cookies are first party then."""

from __future__ import annotations

from aws_cdk import Duration, Fn
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from infra.stack.api import Api
from infra.stack.nag import suppress_nag

FILES = ("/sdk.js", "/sdk.mjs", "/console", "/console/*")
"""What may be kept, for as long as its own headers say. All else is asked of the API each time."""


ERRORS = (400, 403, 404, 405, 414, 500, 501, 502, 503, 504)
"""What CloudFront would keep for ten seconds, whatever is asked with which key: its own rule for errors."""


class CustomDomain(Construct):
    """A domain name. `target`: what its DNS record points to (CNAME, or ALIAS)."""

    def __init__(
        self, scope: Construct, id_: str, *, api: Api, domain: str, certificate: str, caches: bool
    ) -> None:
        super().__init__(scope, id_)
        held = acm.Certificate.from_certificate_arn(self, "Certificate", certificate)
        before = self._cloudfront if caches else self._directly
        self.url = f"https://{domain}"
        self.target = before(api, domain, held)

    def _directly(self, api: Api, domain: str, certificate: acm.ICertificate) -> str:
        name = gateway.DomainName(
            self,
            "Domain",
            domain_name=domain,
            certificate=certificate,
            security_policy=gateway.SecurityPolicy.TLS_1_2,
        )
        mapping = gateway.CfnApiMapping(
            self, "Mapping", api_id=api.id, domain_name=name.name, stage=api.stage.stage_name
        )
        mapping.add_dependency(api.stage)
        return name.regional_domain_name

    def _cloudfront(self, api: Api, domain: str, certificate: acm.ICertificate) -> str:
        host = Fn.select(2, Fn.split("/", api.url))
        origin = origins.HttpOrigin(
            host, origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2]
        )
        kept = self._kept()
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Hardlink at {domain}",
            domain_names=[domain],
            certificate=certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            default_behavior=cloudfront.BehaviorOptions(
                origin=origin,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                # cookies, queries and every header but the host, by which API Gateway finds the API
                origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            ),
            additional_behaviors={
                path: cloudfront.BehaviorOptions(
                    origin=origin,
                    cache_policy=kept,
                    viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                )
                for path in FILES
            },
            error_responses=[
                cloudfront.ErrorResponse(http_status=status, ttl=Duration.seconds(0))
                for status in ERRORS
            ],
        )
        for finding, reason in _ACCEPTED.items():
            suppress_nag(distribution, finding, reason)
        return distribution.distribution_domain_name

    def _kept(self) -> cloudfront.CachePolicy:
        return cloudfront.CachePolicy(
            self,
            "Files",
            comment="The SDK and the console, as their own headers say",
            min_ttl=Duration.seconds(0),
            default_ttl=Duration.seconds(0),
            max_ttl=Duration.days(1),
            query_string_behavior=cloudfront.CacheQueryStringBehavior.allow_list("with"),
            # API Gateway answers each origin with its own CORS headers
            header_behavior=cloudfront.CacheHeaderBehavior.allow_list("Origin"),
            cookie_behavior=cloudfront.CacheCookieBehavior.none(),
            enable_accept_encoding_gzip=True,
        )


_ACCEPTED = {
    "CFR1": "a shop's visitors may come from anywhere",
    "CFR2": "the API behind it is throttled; a web ACL is the account's own choice, and has its price",
    "CFR3": "the API's access log has every call, without the visitor's address that CloudFront's would hold",
}
