"""Forwarding of events and links: `forward` on their streams, Firehose, and a bucket by day."""

from __future__ import annotations

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import topology
from infra.stack import buckets
from infra.stack.functions import Functions
from infra.stack.nag import suppress_nag
from infra.stack.stream_readers import StreamReader
from infra.stack.tables import Tables

Stream = firehose.CfnDeliveryStream


class EventForwarding(Construct):
    """`bucket`, `stream`: names of the bucket and of Firehose's delivery stream.

    `function`: the function `forward`. `reader`: delivers the stream records, and has the queue of
    those that failed.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        tables: Tables,
        functions: Functions,
    ) -> None:
        super().__init__(scope, id_)
        self._bucket = self._create_bucket()
        self.bucket = self._bucket.bucket_name
        role = self._create_role()
        permission = self._create_permission(role)
        stream = self._create_stream(role, permission)
        self.stream = stream.ref
        self.function = functions.add(
            topology.FORWARD,
            {"HARDLINK_FORWARD_STREAM": stream.ref},
            _send_policy(stream),
        )
        self.reader = StreamReader(
            self,
            "Reading",
            tables=tables,
            function=self.function,
            filters=topology.FORWARD_FILTERS,
        )

    def _create_bucket(self) -> s3.Bucket:
        name = buckets.unique_name(self, "forwarded")
        bucket = buckets.create_bucket(self, name, days=topology.FORWARD_DAYS)
        suppress_nag(
            bucket, "S1", "Firehose alone writes here: who reads is in CloudTrail"
        )
        return bucket

    def _create_role(self) -> iam.Role:
        return iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "firehose.amazonaws.com",
                # Firehose of another account can't be made to assume the role ("confused deputy").
                conditions={"StringEquals": {"sts:ExternalId": Aws.ACCOUNT_ID}},
            ),
        )

    def _create_permission(self, role: iam.Role) -> iam.Policy:
        objects = self._bucket.arn_for_objects("*")
        policy = iam.Policy(
            self,
            "Writing",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                    resources=[objects],
                ),
                iam.PolicyStatement(
                    actions=[
                        "s3:GetBucketLocation",
                        "s3:ListBucket",
                        "s3:ListBucketMultipartUploads",
                    ],
                    resources=[self._bucket.bucket_arn],
                ),
            ],
        )
        bucket = buckets.cfn_bucket(self._bucket)
        logical_id = Stack.of(self).get_logical_id(bucket)
        finding = f"IAM5[Resource::<{logical_id}.Arn>/*]"
        suppress_nag(policy, finding, "every file of this bucket alone")
        return policy

    def _create_stream(self, role: iam.Role, permission: iam.Policy) -> Stream:
        stream = Stream(
            self,
            "Stream",
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=(
                Stream.DeliveryStreamEncryptionConfigurationInputProperty(
                    key_type="AWS_OWNED_CMK"
                )
            ),
            extended_s3_destination_configuration=(
                Stream.ExtendedS3DestinationConfigurationProperty(
                    bucket_arn=self._bucket.bucket_arn,
                    role_arn=role.role_arn,
                    prefix="told/!{timestamp:yyyy/MM/dd}/",
                    error_output_prefix="failed/!{firehose:error-output-type}/",
                    compression_format="GZIP",
                    # Few large files: S3 charges for each, and nobody waits for a line.
                    buffering_hints=Stream.BufferingHintsProperty(
                        interval_in_seconds=300, size_in_m_bs=64
                    ),
                )
            ),
        )
        # Firehose tries the role when the stream is created.
        stream.node.add_dependency(permission)
        return stream


def _send_policy(stream: Stream) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["firehose:PutRecordBatch"], resources=[stream.attr_arn]
    )
