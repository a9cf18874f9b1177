"""A dashboard, alarms and the subscription to them, as far as the stage has them."""

from __future__ import annotations

from aws_cdk import Aws, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from hardlink.metrics import COUNTS
from infra.stack.alarms import Alarm, list_alarms, list_canary_alarms
from infra.stack.observability import Observability
from infra.stages import Stage

DEPLOYMENT_TAG = "deployment"
"""Tag of every resource with the name of its stack."""
_HALF_WIDTH, _HEIGHT = 12, 6


class Monitoring(Construct):
    """Alarms and a dashboard of everything that is observed."""

    def __init__(
        self, scope: Construct, id_: str, *, observed: Observability, stage: Stage
    ) -> None:
        super().__init__(scope, id_)
        self._by_name: dict[str, cloudwatch.Alarm] = {}
        wanted: list[Alarm] = []
        if stage.alarms:
            wanted += list_alarms(observed, stage.account_concurrency)
        if stage.canary:
            wanted += list_canary_alarms(observed)
        alarms = [self._create_alarm(alarm) for alarm in wanted]
        if stage.alarms and stage.alarm_email:
            self._create_subscription(alarms, stage.alarm_email)
        if stage.monthly_budget and stage.alarm_email:
            self._create_budget(stage.monthly_budget, stage.alarm_email)
        if stage.dashboard:
            self._create_dashboard(observed, alarms)

    def named(self, *prefixes: str) -> list[cloudwatch.Alarm]:
        """The alarms whose names begin so."""
        alarms = self._by_name.items()
        return [alarm for name, alarm in alarms if name.startswith(prefixes)]

    def _create_alarm(self, alarm: Alarm) -> cloudwatch.Alarm:
        created = cloudwatch.Alarm(
            self,
            alarm.name,
            alarm_name=f"{Stack.of(self).stack_name}-{alarm.name}",
            alarm_description=alarm.todo,
            metric=alarm.metric,
            threshold=alarm.threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            # A single bad minute among five raises no alarm, unless one message is enough.
            evaluation_periods=alarm.of,
            datapoints_to_alarm=alarm.periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self._by_name[alarm.name] = created
        return created

    def _create_subscription(self, alarms: list[cloudwatch.Alarm], email: str) -> None:
        topic = sns.Topic(self, "Alarms", enforce_ssl=True)
        # A topic policy replaces the default one, which would allow the account's own alarms.
        topic.add_to_resource_policy(
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

    def _create_budget(self, usd: int, email: str) -> None:
        """Tell an address when the month's costs reach 80 %, or will exceed the budget."""
        address = budgets.CfnBudget.SubscriberProperty(
            address=email, subscription_type="EMAIL"
        )
        notifications = [
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=threshold,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[address],
            )
            for kind, threshold in (("ACTUAL", 80), ("FORECASTED", 100))
        ]
        name = Stack.of(self).stack_name
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                # Names are unique in an account, over all regions.
                budget_name=f"{name}-{Aws.REGION}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=usd, unit="USD"),
                # Costs have this tag once it is activated under Billing, Cost allocation tags.
                cost_filters={"TagKeyValue": [f"user:{DEPLOYMENT_TAG}${name}"]},
            ),
            notifications_with_subscribers=notifications,
        )

    def _create_dashboard(
        self, observed: Observability, alarms: list[cloudwatch.Alarm]
    ) -> None:
        # Dashboard names are unique in an account, over all regions.
        name = f"{Stack.of(self).stack_name}-{Aws.REGION}"
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name)
        if alarms:
            dashboard.add_widgets(
                cloudwatch.AlarmStatusWidget(
                    title="Alarms",
                    alarms=list[cloudwatch.IAlarm](alarms),
                    width=2 * _HALF_WIDTH,
                )
            )
        dashboard.add_widgets(
            *_call_graphs(observed),
            *_association_graphs(observed),
            *_resource_graphs(observed),
        )


def _call_graphs(observed: Observability) -> list[cloudwatch.GraphWidget]:
    calls = [observed.api_metric(name) for name in ("Count", "4xx", "5xx")]
    latency = [observed.api_metric("Latency", p) for p in ("p50", "p95", "p99")]
    return [
        _graph("Calls", *calls),
        _graph("Answered after (ms)", *latency),
        _graph("Events and links", *_count_metrics(observed, failures=False)),
        _graph(
            "Rejected and failed (%)", observed.rejected_share(), observed.fault_share()
        ),
    ]


def _association_graphs(observed: Observability) -> list[cloudwatch.GraphWidget]:
    lag = [observed.service_metric("association_lag", p) for p in ("p50", "p95")]
    waiting = [
        q.metric_approximate_number_of_messages_visible() for q in observed.failed
    ]
    return [
        _graph("Association (ms)", *lag, observed.iterator_age()),
        _graph(
            "Erasures: waiting, age (s)",
            observed.erasures_waiting(),
            observed.erasures_age(),
        ),
        _graph("Records that failed", *_count_metrics(observed, failures=True)),
        _graph("Waits in queues of failures", *waiting),
    ]


def _resource_graphs(observed: Observability) -> list[cloudwatch.GraphWidget]:
    errors = [function.metric_errors() for function in observed.functions]
    throttles = [function.metric_throttles() for function in observed.functions]
    return [
        _graph("Functions: errors", *errors),
        _graph("Functions: throttles", *throttles),
        _graph("Tables: throttles", observed.table_throttles()),
    ]


def _count_metrics(
    observed: Observability, *, failures: bool
) -> list[cloudwatch.Metric]:
    names = [name for name in COUNTS if name.endswith("_failures") == failures]
    return [observed.service_metric(name) for name in names]


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=list(metrics), width=_HALF_WIDTH, height=_HEIGHT
    )
