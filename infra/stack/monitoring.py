"""A dashboard, alarms, and whom they tell: what the stage asks for, and nothing where it asks for nothing."""

from __future__ import annotations

from aws_cdk import Aws, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from hardlink.metrics import COUNTS
from infra.stack.alarms import Alarm, Observability
from infra.stages import Stage

_WINDOW = 5
_HALF, _HEIGHT = 12, 6


class Monitoring(Construct):
    """Looks at everything that `told` names."""

    def __init__(self, scope: Construct, id_: str, *, told: Observability, stage: Stage) -> None:
        super().__init__(scope, id_)
        found = [self._alarm(alarm) for alarm in told.alarms()] if stage.alarms else []
        if stage.alarms and stage.alarm_email:
            self._tell(found, stage.alarm_email)
        if stage.dashboard:
            self._dashboard(told, found)

    def _alarm(self, alarm: Alarm) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            alarm.name,
            alarm_name=f"{Stack.of(self).stack_name}-{alarm.name}",
            alarm_description=alarm.todo,
            metric=alarm.metric,
            threshold=alarm.threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=_WINDOW if alarm.periods > 1 else 1,
            datapoints_to_alarm=alarm.periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _tell(self, alarms: list[cloudwatch.Alarm], email: str) -> None:
        topic = sns.Topic(self, "Alarms", enforce_ssl=True)
        topic.add_to_resource_policy(  # a policy of one's own takes the place of the usual one
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        topic.add_subscription(subscriptions.EmailSubscription(email))
        for alarm in alarms:
            alarm.add_alarm_action(actions.SnsAction(topic))

    def _dashboard(self, told: Observability, alarms: list[cloudwatch.Alarm]) -> None:
        name = f"{Stack.of(self).stack_name}-{Aws.REGION}"  # an account has them for all regions
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name)
        if alarms:
            board.add_widgets(
                cloudwatch.AlarmStatusWidget(
                    title="Alarms", alarms=list[cloudwatch.IAlarm](alarms), width=2 * _HALF
                )
            )
        board.add_widgets(
            _graph("Calls", told.calls("Count"), told.calls("4xx"), told.calls("5xx")),
            _graph(
                "Answered after (ms)", *(told.calls("Latency", p) for p in ("p50", "p95", "p99"))
            ),
            _graph(
                "Events and links", *(told.own(n) for n in COUNTS if not n.endswith("_failures"))
            ),
            _graph("Rejected and failed (%)", told.rejected_share(), told.fault_share()),
            _graph(
                "Association (ms)",
                told.own("association_lag", "p50"),
                told.own("association_lag", "p95"),
                told.iterator_age(),
            ),
            _graph("Erasures: waiting, age (s)", told.erasures_waiting(), told.erasures_age()),
            _graph(
                "Records that failed", *(told.own(n) for n in COUNTS if n.endswith("_failures"))
            ),
            _graph(
                "Waits in queues of failures",
                *(q.metric_approximate_number_of_messages_visible() for q in told.failed),
            ),
            _graph("Functions: errors", *(f.metric_errors() for f in told.functions)),
            _graph("Functions: throttles", *(f.metric_throttles() for f in told.functions)),
            _graph("Tables: throttles", told.throttled()),
        )


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=_HALF, height=_HEIGHT)
