"""The files of a bucket: feeds are read block by block, results are written beside them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from hardlink.storage.aws import create_client

_BLOCK_BYTES = 4 * 1024 * 1024
_GONE_CODES = {"404", "NoSuchKey", "403", "AccessDenied", "412", "PreconditionFailed"}
"""S3 answers 403 for a missing file where the caller may not list the bucket."""


class FileGoneError(Exception):
    """The file was deleted, or replaced by another version."""


class Bucket:
    """An S3 bucket, by its name: feeds are read from it, and results are written to it.

    Every call raises `FileGoneError` where a file is missing, or is another version by now.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._client = create_client("s3", connect_timeout=2, read_timeout=30)

    def open(self, key: str) -> io.RawIOBase:
        """Open a file in its present version. Raises `FileGoneError`."""
        head = self._call("head_object", Key=key)
        return _File(self, key, head["ContentLength"], head["ETag"])

    def read_json(self, key: str) -> dict[str, Any] | None:
        """Read a small JSON file; `None` if there is none."""
        try:
            text = self._call("get_object", Key=key)["Body"].read()
        except FileGoneError:
            return None
        content: dict[str, Any] = json.loads(text)
        return content

    def write_text(self, key: str, text: str) -> None:
        """Write a small file."""
        self._call("put_object", Key=key, Body=text.encode())

    def read_block(self, key: str, etag: str, start: int, end: int) -> bytes:
        """Read the bytes from `start` up to `end` of one version of a file.

        `etag`: of the version. Raises `FileGoneError` where the file has another one by now: parts
        of two files would make orders that neither has.
        """
        # HTTP's ranges include their last byte.
        wanted = {"Range": f"bytes={start}-{end - 1}", "IfMatch": etag}
        block: bytes = self._call("get_object", Key=key, **wanted)["Body"].read()
        return block

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any]:
        """Call S3 about an object of this bucket.

        Raises `FileGoneError` where there is none, or another version; else botocore's errors.
        """
        call = getattr(self._client, operation)
        try:
            answer: Mapping[str, Any] = call(Bucket=self._name, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE_CODES:
                raise FileGoneError from error
            raise
        return answer


class _File(io.RawIOBase):
    """A file that requests a block at a time: one long response would time out on a slow reader."""

    def __init__(self, bucket: Bucket, key: str, size: int, etag: str) -> None:
        self._bucket, self._key, self._size, self._etag = bucket, key, size, etag
        self._position = 0
        self._block = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read, without which `io.BufferedReader` refuses it."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; return the number of bytes, 0 at the end.

        Raises `FileGoneError` where the file is replaced in between.
        """
        if not self._block and self._position < self._size:
            end = min(self._position + _BLOCK_BYTES, self._size)
            block = self._bucket.read_block(self._key, self._etag, self._position, end)
            self._block, self._position = memoryview(block), end
        count = min(len(buffer), len(self._block))
        buffer[:count] = self._block[:count]
        self._block = self._block[count:]
        return count
