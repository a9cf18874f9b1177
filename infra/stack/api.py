"""The HTTP API: its routes, throttling and the access log. Functions answer CORS themselves."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra import routes, topology
from infra.stack import buckets
from infra.stack.functions import Functions
from infra.stack.nag import suppress_nag
from infra.stages import Stage


class Api(Construct):
    """API Gateway v2 with its default stage. `keep`: the access log outlives the stack."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        functions: Functions,
        stage: Stage,
        keep: bool,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = stage
        self._http = gateway.HttpApi(
            self,
            "Http",
            description="Hardlink: customer identity and event tracking",
            # The stage is created below: the CDK's own has no access log and no throttling.
            create_default_stage=False,
            # Calls that no route takes, which API Gateway itself answers without CORS headers.
            default_integration=HttpLambdaIntegration(
                "Unrouted", functions.entry(routes.DEFAULT.function)
            ),
        )
        suppress_nag(
            self._http.node.find_child("DefaultRoute"),
            "APIG4",
            _explain_no_authorizer(routes.DEFAULT),
        )
        self._add_routes(functions)
        self.stage = self._create_stage(self._create_access_log(keep=keep))

    @property
    def id(self) -> str:
        """The ID of the API, which is the dimension of its metrics."""
        return self._http.api_id

    @property
    def url(self) -> str:
        """`https://<id>.execute-api.<region>.amazonaws.com`."""
        return self._http.api_endpoint

    def _add_routes(self, functions: Functions) -> None:
        integrations: dict[str, HttpLambdaIntegration] = {}
        for route in routes.ROUTES:
            name = route.function
            if name not in integrations:
                integrations[name] = HttpLambdaIntegration(
                    name.capitalize(), functions.entry(name)
                )
            added = self._http.add_routes(
                path=route.path,
                methods=[gateway.HttpMethod[route.method]],
                integration=integrations[name],
            )
            for http_route in added:
                suppress_nag(http_route, "APIG4", _explain_no_authorizer(route))

    def _create_access_log(self, *, keep: bool) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "AccessLog",
            # API Gateway adds each group to one policy of the account, which is full after some
            # dozen stacks. It needs no entry for groups with this prefix.
            log_group_name=f"/aws/vendedlogs/{buckets.unique_name(self, 'calls')}",
            retention=logs.RetentionDays[self._settings.log_retention],
            # Half the price. Logs Insights can read it: filter @message like "..."
            log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS,
            removal_policy=buckets.removal_policy(keep=keep),
        )

    def _create_stage(self, log: logs.LogGroup) -> gateway.CfnStage:
        rates = self._settings.rates
        default = rates.of(routes.WRITES)
        settings: dict[str, Any] = {}
        for route in routes.ROUTES:
            if route.rate != routes.WRITES:
                settings[route.key] = _throttle_settings(rates.of(route.rate))
        stage = gateway.CfnStage(
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
                throttling_rate_limit=default.per_second,
                throttling_burst_limit=default.burst,
            ),
            route_settings=settings,
        )
        # Settings of a route are refused while the route does not exist yet.
        stage.node.add_dependency(self._http)
        return stage


def _throttle_settings(rate: routes.Rate) -> dict[str, Any]:
    # CloudFormation's spelling: the CDK passes route settings on as plain JSON.
    return {
        "ThrottlingRateLimit": rate.per_second,
        "ThrottlingBurstLimit": rate.burst,
    }


def _explain_no_authorizer(route: routes.Route) -> str:
    """Reason for which API Gateway itself does not authorize the calls of a route."""
    if route.function == "exponea":
        return (
            "the function itself demands the project's public token, and the key that the call "
            "wants"
        )
    if topology.FUNCTIONS_BY_NAME[route.function].server_keys:
        return "the function itself demands a server key, compared in constant time"
    if route.function == "preflight":
        return "browsers send no keys with a preflight, and its answers are the same for everybody"
    if route.function == "sdk":
        return "a script that every visitor's page loads: it says nothing of anybody"
    if route.function == "console":
        return (
            "files that are the same for everybody: what they show is asked for with a "
            "server key"
        )
    if route.function == "health":
        return "says whether the service answers, and nothing else, to whoever asks"
    return "visitors have no account: the function demands a source's public write key and origin"
