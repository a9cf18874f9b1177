"""Clients of AWS services, by botocore alone: boto3 would lengthen every cold start."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

_STANDARD_ATTEMPTS = 3
"""What botocore's standard mode makes of a request unless told otherwise."""


def create_client(
    service: str,
    *,
    connect_timeout: float,
    read_timeout: float,
    attempts: int = _STANDARD_ATTEMPTS,
    endpoint: str | None = None,
    **options: Any,
) -> Any:
    """Create a client of one service.

    `connect_timeout`, `read_timeout`: in seconds. `attempts`: 1 for a caller that retries by
    itself. `options`: more of botocore's configuration.
    """
    config = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        # The legacy mode, botocore's default, makes five attempts and takes fewer errors for
        # passing ones.
        retries={"mode": "standard", "total_max_attempts": attempts},
        **options,
    )
    session = botocore.session.get_session()
    session.register_component("data_loader", _OneService(service))
    return session.create_client(service, config=config, endpoint_url=endpoint)


class _OneService(Loader):
    """Knows the one service, and need not look through botocore's four hundred."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def list_available_services(self, type_name: str) -> list[str]:
        """List the services that a client can be made of, whatever kind of model is asked for."""
        del type_name
        return [self._service]
