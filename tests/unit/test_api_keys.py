"""Keys of Secrets Manager, read by several threads at once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from hardlink.web import api_keys


class Vault:
    """Secrets Manager. `previous`: the error of a read of a secret's previous version."""

    def __init__(self, previous: str) -> None:
        self._previous = previous

    @property
    def exceptions(self) -> SimpleNamespace:
        """Classes of their own each time, as threads make them that use a client at once."""
        return SimpleNamespace(
            ResourceNotFoundException=type("NotFound", (ClientError,), {})
        )

    def get_secret_value(self, **asked: str) -> dict[str, str]:
        if "VersionStage" in asked:
            raise ClientError({"Error": {"Code": self._previous}}, "GetSecretValue")
        return {"SecretString": f"key of {asked['SecretId']}\n"}


def read_keys(monkeypatch: pytest.MonkeyPatch, previous: str) -> api_keys.Keys:
    vault = Vault(previous)
    monkeypatch.setattr(api_keys, "create_client", lambda *_, **__: vault)
    return api_keys.secret_reader("{project}/key", ["shop", "other"])()


def test_a_key_that_was_never_rotated_is_read_by_many_threads_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = read_keys(monkeypatch, "ResourceNotFoundException")
    assert found == {"shop": ["key of shop/key"], "other": ["key of other/key"]}


def test_another_error_of_the_previous_key_is_no_missing_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        read_keys(monkeypatch, "AccessDenied")
