"""The walk-through, `make walk`, through the deployed stack."""

from __future__ import annotations

import os
import subprocess
import sys

from infra import topology
from tests.emulator.deployment import Api, Deployment


def test_the_deployed_stack_can_be_walked_through(stack: Deployment, shop: Api) -> None:
    trusted = str(stack.emulator.certificate)
    walked = subprocess.run(
        [sys.executable, "-W", "error", "-m", "infra.local.walk"],
        cwd=topology.ROOT,
        env={
            **os.environ,
            "HARDLINK_URL": stack.url,
            "HARDLINK_SERVER_KEY": shop.key,
            "SSL_CERT_FILE": trusted,
            "CURL_CA_BUNDLE": trusted,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (walked.returncode, walked.stderr) == (0, ""), walked.stdout[-2000:]
    assert walked.stdout.count("$ curl") > 20
