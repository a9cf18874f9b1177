"""Accepted findings of cdk-nag, each beside its resource and with its reason."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def suppress_nag(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept one finding on one construct, such as `IAM5[Resource::*]`."""
    Validations.of(construct).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason)
    )
