"""Check a deployed stack: `python -m infra.operations.doctor --stage prod`.

It prints a line for every check: that all is well, or what is wrong and what to do. It changes
nothing, and uses boto3's usual credentials. It ends with 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from infra import stages
from infra.operations.doctor.checks import Account, run_checks
from infra.operations.doctor.report import print_findings


def main(arguments: Sequence[str]) -> int:
    """Check the stack of a stage, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.operations.doctor", description=__doc__
    )
    parser.add_argument("--stage", default="dev", choices=stages.STAGE_NAMES)
    parser.add_argument(
        "--name", default="hardlink", help="of the deployment, as in `-c name=...`"
    )
    parser.add_argument("--region", help="instead of your AWS configuration's")
    parser.add_argument("--endpoint-url", help="an emulator, instead of AWS")
    parser.add_argument(
        "--url", help="where the API answers, instead of the stack's output Url"
    )
    options = parser.parse_args(arguments)
    account = Account(options.region, options.endpoint_url)
    findings = list(run_checks(account, f"{options.name}-{options.stage}", options.url))
    return print_findings(findings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
