"""The error of an operation, which ends a command with 1."""

from __future__ import annotations


class OperationFailed(Exception):
    """An operation could not do what it was asked for. The message says what to do."""
