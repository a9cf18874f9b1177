"""The bucket of order feeds as it is deployed, and its way to `orders`."""

from __future__ import annotations

import pytest

from tests.deploy.template import Template, describe_reference

NAME = "hardlink-dev-feeds-"


def test_the_bucket_is_encrypted_private_and_forgets(dev: Template) -> None:
    bucket = dev.properties("S3::Bucket")["FeedsBucket"]
    assert describe_reference(bucket["BucketName"]).startswith(NAME)
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"]) == (30, "Enabled")


def test_the_bucket_is_reached_by_tls_only(dev: Template) -> None:
    policy = dev.properties("S3::BucketPolicy")["FeedsBucketPolicy"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_only_feeds_are_told_and_only_by_this_bucket(dev: Template) -> None:
    bucket = dev.resources("S3::Bucket")["FeedsBucket"]
    (told,) = bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert told["Event"] == "s3:ObjectCreated:*"
    assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "feeds/"}]
    assert describe_reference(told["Queue"]) == "FeedsWaiting.Arn"
    assert "FeedsWaitingPolicy" in [
        describe_reference({"Ref": name}) for name in bucket["DependsOn"]
    ]
    statements = dev.properties("SQS::QueuePolicy")["FeedsWaitingPolicy"][
        "PolicyDocument"
    ]
    (allowed,) = [one for one in statements["Statement"] if one["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert NAME in describe_reference(
        allowed["Condition"]["ArnEquals"]["aws:SourceArn"]
    )
    assert "aws:SourceAccount" in allowed["Condition"]["StringEquals"]


def test_a_large_file_comes_again_until_it_is_done_and_a_broken_one_is_kept(
    dev: Template,
) -> None:
    queue = dev.properties("SQS::Queue")["FeedsWaiting"]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["VisibilityTimeout"] == 900
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert (
        describe_reference(queue["RedrivePolicy"]["deadLetterTargetArn"])
        == "FeedsFailed.Arn"
    )
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 50
    mapping = dev.properties("Lambda::EventSourceMapping")["FeedsMapping"]
    assert describe_reference(mapping["FunctionName"]) == "FunctionsOrdersFunction.Arn"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 1
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_the_outputs_say_where_to_put_a_feed(dev: Template) -> None:
    assert describe_reference(dev.outputs["Feeds"]).startswith(f"s3://{NAME}")
    assert describe_reference(dev.outputs["FailedFeeds"]) == "FeedsFailed"


@pytest.mark.parametrize("stage", ["dev", "prod", "onward"])
def test_a_bucket_outlives_the_stack_but_not_a_first_deploy_that_failed(
    stage: str, request: pytest.FixtureRequest
) -> None:
    """One with files cannot be deleted, and an empty one would be in the way."""
    template: Template = request.getfixturevalue(stage)
    buckets = template.resources("S3::Bucket").values()
    assert {b["DeletionPolicy"] for b in buckets} == {"RetainExceptOnCreate"}
    names = [describe_reference(b["Properties"]["BucketName"]) for b in buckets]
    # A part of the stack's own ID: a stack that is made again takes other names.
    assert all("AWS::StackId" in name for name in names)
    assert len(set(names)) == len(names)
