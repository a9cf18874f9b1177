"""The API under the shop's own domain, with and without CloudFront; by default, neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.stages import Stage
from tests.deploy.conftest import CERTIFICATE
from tests.deploy.template import Template, describe_reference, synthesize

WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop/0a1b2c3d"
DOMAIN = "hardlink.shop.example"
KINDS = (
    "ApiGatewayV2::DomainName",
    "ApiGatewayV2::ApiMapping",
    "CloudFront::Distribution",
    "CloudFront::CachePolicy",
)


@pytest.fixture(scope="module")
def direct(layer: object, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A domain on the API itself."""
    stage = Stage(domain=DOMAIN, certificate=CERTIFICATE)
    return synthesize(tmp_path_factory.mktemp("direct"), "dev", stage)


@pytest.fixture(scope="module")
def fronted(layer: object, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A domain on CloudFront."""
    stage = Stage(domain=DOMAIN, certificate=CERTIFICATE, cloudfront=True)
    return synthesize(tmp_path_factory.mktemp("fronted"), "dev", stage)


def test_by_default_there_is_neither(dev: Template, prod: Template) -> None:
    for template in (dev, prod):
        assert [kind for kind in KINDS if template.properties(kind)] == []
        assert "DnsTarget" not in template.outputs


def test_a_domain_leads_to_the_api(direct: Template) -> None:
    assert direct.findings() == set()
    (name,) = direct.properties("ApiGatewayV2::DomainName").values()
    (held,) = name["DomainNameConfigurations"]
    assert (name["DomainName"], held["CertificateArn"]) == (DOMAIN, CERTIFICATE)
    assert held["SecurityPolicy"] == "TLS_1_2"
    (mapping,) = direct.resources("ApiGatewayV2::ApiMapping").values()
    assert describe_reference(mapping["Properties"]["ApiId"]) == "ApiHttp"
    assert mapping["Properties"]["Stage"] == "$default"
    assert "ApiStage" in [describe_reference({"Ref": d}) for d in mapping["DependsOn"]]
    assert direct.properties("CloudFront::Distribution") == {}
    assert (
        describe_reference(direct.outputs["DnsTarget"])
        == "EdgeDomain.RegionalDomainName"
    )


@pytest.mark.parametrize("stage", ["direct", "fronted"])
def test_what_is_shown_and_pasted_names_the_domain(
    stage: str, request: pytest.FixtureRequest
) -> None:
    outputs = request.getfixturevalue(stage).outputs
    assert outputs["Url"] == f"https://{DOMAIN}"
    assert f'target: "https://{DOMAIN}"' in outputs["Snippet"]


def test_cloudfront_speaks_tls_1_2_and_later_on_both_sides(fronted: Template) -> None:
    assert fronted.findings() == set()
    (found,) = fronted.properties("CloudFront::Distribution").values()
    config = found["DistributionConfig"]
    assert config["Aliases"] == [DOMAIN]
    assert config["ViewerCertificate"] == {
        "AcmCertificateArn": CERTIFICATE,
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    (origin,) = config["Origins"]
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]


def test_calls_go_through_as_they_are_and_are_never_kept(fronted: Template) -> None:
    (found,) = fronted.properties("CloudFront::Distribution").values()
    default = found["DistributionConfig"]["DefaultCacheBehavior"]
    assert (
        default["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    )  # CachingDisabled
    # AllViewerExceptHostHeader: cookies, queries and headers, so also Authorization and Origin
    assert default["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert {"POST", "PUT", "OPTIONS", "GET"} <= set(default["AllowedMethods"])
    assert default["ViewerProtocolPolicy"] == "https-only"


def test_files_are_kept_as_their_headers_say_for_each_origin_and_adapter(
    fronted: Template,
) -> None:
    (found,) = fronted.properties("CloudFront::Distribution").values()
    behaviors = found["DistributionConfig"]["CacheBehaviors"]
    assert {b["PathPattern"] for b in behaviors} == {
        *("/sdk.js", "/sdk.mjs", "/console", "/console/*")
    }
    assert {describe_reference(b["CachePolicyId"]) for b in behaviors} == {"EdgeFiles"}
    (policy,) = fronted.properties("CloudFront::CachePolicy").values()
    config = policy["CachePolicyConfig"]
    assert (config["MinTTL"], config["DefaultTTL"]) == (0, 0)
    key = config["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    assert key["HeadersConfig"]["Headers"] == ["Origin"]
    assert key["QueryStringsConfig"]["QueryStrings"] == ["with"]


def test_no_error_is_kept(fronted: Template) -> None:
    """Kept by path alone, one customer's 404 would be the next one's, or another project's."""
    (found,) = fronted.properties("CloudFront::Distribution").values()
    errors = found["DistributionConfig"]["CustomErrorResponses"]
    codes = (400, 403, 404, 405, 414, 500, 501, 502, 503, 504)
    assert errors == [{"ErrorCode": code, "ErrorCachingMinTTL": 0} for code in codes]


def test_a_web_acl_is_asked_before(
    layer: object, fronted: Template, tmp_path: Path
) -> None:
    (without,) = fronted.properties("CloudFront::Distribution").values()
    assert "WebACLId" not in without["DistributionConfig"]
    stage = Stage(
        domain=DOMAIN, certificate=CERTIFICATE, cloudfront=True, web_acl=WEB_ACL
    )
    guarded = synthesize(tmp_path, "dev", stage)
    (found,) = guarded.properties("CloudFront::Distribution").values()
    assert found["DistributionConfig"]["WebACLId"] == WEB_ACL
    rules = guarded.accepted()["Edge/Distribution"]
    assert {rule.rsplit("-", 1)[-1] for rule in rules} == {"CFR1", "CFR3"}


def test_accepted_findings_have_a_reason(fronted: Template) -> None:
    accepted = fronted.accepted()["Edge/Distribution"]
    rules = {rule.rsplit("-", 1)[-1] for rule in accepted}
    assert rules == {"CFR1", "CFR2", "CFR3"}
    assert all(len(reason) > 20 for reason in accepted.values())
