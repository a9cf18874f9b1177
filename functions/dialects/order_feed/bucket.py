"""The files of a bucket: feeds are read block by block, results are written beside them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from hardlink.storage.aws import create_client

_BLOCK = 4 * 1024 * 1024
_GONE = {"404", "NoSuchKey", "403", "AccessDenied", "412", "PreconditionFailed"}
"""Who may not list a bucket is told 403 of what is not there."""


class Gone(Exception):
    """The file is not there any more, or is another one by now."""


class Bucket:
    """An S3 bucket."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._client = create_client("s3", connect_timeout=2, read_timeout=30)

    def open(self, key: str) -> io.RawIOBase:
        """A file, read in its present version only: a slow reader is not cut off. Raises `Gone`."""
        head = self._call("head_object", Key=key)
        return _File(self, key, head["ContentLength"], head["ETag"])

    def read(self, key: str) -> dict[str, Any] | None:
        """A small JSON file, if it is there."""
        try:
            found: dict[str, Any] = json.loads(self._call("get_object", Key=key)["Body"].read())
        except Gone:
            return None
        return found

    def write(self, key: str, text: str) -> None:
        """A small file, whole."""
        self._call("put_object", Key=key, Body=text.encode())

    def block(self, key: str, etag: str, start: int, end: int) -> bytes:
        """Bytes of a file, as long as it is this version. Raises `Gone`."""
        wanted = {"Range": f"bytes={start}-{end - 1}", "IfMatch": etag}
        found: bytes = self._call("get_object", Key=key, **wanted)["Body"].read()
        return found

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(
                Bucket=self._name, **request
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                raise Gone from error
            raise
        return answer


class _File(io.RawIOBase):
    def __init__(self, bucket: Bucket, key: str, size: int, etag: str) -> None:
        self._bucket, self._key, self._size, self._etag = bucket, key, size, etag
        self._at = 0
        self._block = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Some bytes, at most as many as the buffer holds."""
        if not self._block and self._at < self._size:
            end = min(self._at + _BLOCK, self._size)
            self._block = memoryview(self._bucket.block(self._key, self._etag, self._at, end))
            self._at = end
        count = min(len(buffer), len(self._block))
        buffer[:count] = self._block[:count]
        self._block = self._block[count:]
        return count
