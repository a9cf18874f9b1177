"""Hardlink's infrastructure: the CDK stack, and the same on one machine."""
