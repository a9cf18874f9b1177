"""The HTTP API as it is deployed."""

from __future__ import annotations

from infra import routes
from tests.deploy.template import Template, describe_reference


def test_the_routes_are_those_of_the_plan_each_with_its_function(dev: Template) -> None:
    integrations = {
        name: describe_reference(integration["IntegrationUri"])
        for name, integration in dev.properties("ApiGatewayV2::Integration").items()
    }
    deployed = {
        route["RouteKey"]: integrations[
            describe_reference(route["Target"]).removeprefix("integrations/")
        ]
        for route in dev.properties("ApiGatewayV2::Route").values()
    }
    assert deployed == {
        route.key: f"Functions{route.function.capitalize()}Function.Arn"
        for route in (*routes.ROUTES, routes.DEFAULT)
    }


def test_the_api_may_call_each_function_for_its_routes_only(dev: Template) -> None:
    allowed = {
        (
            describe_reference(permission["FunctionName"]),
            # the ARN of the default route ends with the stage
            describe_reference(permission["SourceArn"]).partition("/*/*")[2]
            or "$default",
        )
        for permission in dev.properties("Lambda::Permission").values()
        if permission["Principal"] == "apigateway.amazonaws.com"
    }
    assert allowed == {
        (f"Functions{route.function.capitalize()}Function.Arn", route.path)
        for route in (*routes.ROUTES, routes.DEFAULT)
    }
    assert len(dev.properties("Lambda::Permission")) == len(routes.ROUTES) + 1


def test_functions_are_handed_payload_2(dev: Template) -> None:
    versions = {
        i["PayloadFormatVersion"]
        for i in dev.properties("ApiGatewayV2::Integration").values()
    }
    assert versions == {"2.0"}


def test_p3_functions_answer_cors_themselves(dev: Template) -> None:
    """API Gateway would replace their headers, and let no page of a wrong origin read why."""
    (api,) = dev.properties("ApiGatewayV2::Api").values()
    assert api["ProtocolType"] == "HTTP"
    assert "CorsConfiguration" not in api


def test_the_default_stage_is_throttled(dev: Template) -> None:
    (stage,) = dev.properties("ApiGatewayV2::Stage").values()
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 1000
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] == 2000
    settings = {
        key: (found["ThrottlingRateLimit"], found["ThrottlingBurstLimit"])
        for key, found in stage["RouteSettings"].items()
    }
    assert settings.pop("POST /bulk") == (
        10_000,
        5_000,
    )  # its client drops what is answered 429
    assert settings.pop("POST /orders") == (20, 40)
    assert settings.pop("POST /data/v2/projects/{token}/customers/{call}") == (20, 40)
    for method in ("GET", "POST"):
        for kind in ("projects", "streams"):
            route = f"{method} /data/v2/{kind}/{{token}}/consent/categories"
            assert settings.pop(route) == (100, 200)
    readers = ("customers", "erase", "visitor")
    read = [r.key for r in routes.ROUTES if r.function in readers]
    assert settings == dict.fromkeys(read, (100, 200))


def test_no_route_has_metrics_of_its_own(dev: Template) -> None:
    """Six for each route that is called, each at the price of an alarm or three; nothing here looks at them."""
    (stage,) = dev.properties("ApiGatewayV2::Stage").values()
    settings = [stage["DefaultRouteSettings"], *stage["RouteSettings"].values()]
    assert not any(found.get("DetailedMetricsEnabled") for found in settings)


def test_the_access_log_has_what_finds_a_call_and_names_no_visitor_and_no_customer(
    dev: Template,
) -> None:
    (stage,) = dev.properties("ApiGatewayV2::Stage").values()
    settings = stage["AccessLogSettings"]
    logged = settings["Format"].split()
    assert describe_reference(settings["DestinationArn"]) == "ApiAccessLog.Arn"
    # With this prefix, it takes no place in the account's policy for logs, which is full soon.
    group = dev.properties("Logs::LogGroup")["ApiAccessLog"]["LogGroupName"]
    assert describe_reference(group).startswith("/aws/vendedlogs/hardlink-dev-calls-")
    assert logged[:3] == ["$context.requestId", "$context.routeKey", "$context.status"]
    assert not any("path" in v.lower() or "identity" in v.lower() for v in logged)
