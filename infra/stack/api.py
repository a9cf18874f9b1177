"""The HTTP API: the plan's routes, CORS for exactly the origins that sources name, throttled, with an access log."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from hardlink.domain.sources import Sources
from infra import routes, topology
from infra.stack.functions import Functions
from infra.stack.nag import suppress_nag


class Api(Construct):
    """API Gateway v2 with its default stage. `url`: where it answers, without a slash at the end."""

    def __init__(
        self, scope: Construct, id_: str, *, functions: Functions, sources: Sources, keep: bool
    ) -> None:
        super().__init__(scope, id_)
        self._http = gateway.HttpApi(
            self,
            "Http",
            description="Hardlink: customer identity and event tracking",
            create_default_stage=False,
            cors_preflight=_cors(sources),
        )
        self._route_to(functions)
        self._stage(keep=keep)

    @property
    def id(self) -> str:
        """The ID of the API, by which its metrics are found."""
        return self._http.api_id

    @property
    def url(self) -> str:
        """`https://<id>.execute-api.<region>.amazonaws.com`."""
        return self._http.api_endpoint

    def _route_to(self, functions: Functions) -> None:
        to = {
            name: HttpLambdaIntegration(name.capitalize(), functions[name])
            for name in dict.fromkeys(route.function for route in routes.ROUTES)
        }
        for route in routes.ROUTES:
            for made in self._http.add_routes(
                path=route.path,
                methods=[gateway.HttpMethod[route.method]],
                integration=to[route.function],
            ):
                suppress_nag(made, "APIG4", _why_no_authorizer(route))

    def _stage(self, *, keep: bool) -> None:
        log = logs.LogGroup(
            self,
            "AccessLog",
            retention=logs.RetentionDays[topology.LOG_RETENTION],
            # half the price; read with Logs Insights: filter @message like "..."
            log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        self.stage = gateway.CfnStage(
            self,
            "Stage",
            api_id=self._http.api_id,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=gateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log.log_group_arn,
                format=topology.ACCESS_LOG,
            ),
            default_route_settings=gateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=routes.WRITES.per_second,
                throttling_burst_limit=routes.WRITES.burst,
            ),
            route_settings={
                r.key: _held_to(r.rate) for r in routes.ROUTES if r.rate != routes.WRITES
            },
        )
        self.stage.node.add_dependency(self._http)


def _cors(sources: Sources) -> gateway.CorsPreflightOptions | None:
    if not sources.origins:
        return None
    return gateway.CorsPreflightOptions(
        allow_origins=list(sources.origins),
        allow_credentials=True,
        allow_headers=list(routes.CORS_HEADERS),
        allow_methods=[gateway.CorsHttpMethod[method] for method in routes.CORS_METHODS],
        expose_headers=list(routes.CORS_EXPOSED),
        max_age=Duration.seconds(routes.CORS_MAX_AGE),
    )


def _held_to(rate: routes.Rate) -> dict[str, Any]:
    """As CloudFormation writes it: the stage's route settings are plain JSON."""
    return {
        "ThrottlingRateLimit": rate.per_second,
        "ThrottlingBurstLimit": rate.burst,
    }


def _why_no_authorizer(route: routes.Route) -> str:
    if route.function == "exponea":
        return "the function itself demands the project's public token, and the key that the call wants"
    if topology.FUNCTIONS_BY_NAME[route.function].server_keys:
        return "the function itself demands a server key, compared in constant time"
    if route.function == "sdk":
        return "a script that every visitor's page loads: it says nothing of anybody"
    if route.function == "console":
        return (
            "files that are the same for everybody: what they show is asked for with a server key"
        )
    if route.function == "health":
        return "says whether the service answers, and nothing else, to whoever asks"
    return "visitors have no account: the function demands a source's public write key and origin"
