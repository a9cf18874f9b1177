"""Looks at a deployed stack and says what is wrong: `python -m infra.operations.doctor --stage prod`.

A line for every check: what is fine, or what is not and what to do. It reads, and changes nothing; with the rights of
whoever runs it (boto3's usual credentials). Ends with 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from infra import stages
from infra.operations.doctor.checks import Account, run_checks
from infra.operations.doctor.diagnoses import Finding


def main(arguments: Sequence[str]) -> int:
    """Examine the stack of a stage; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.operations.doctor", description=__doc__)
    parser.add_argument("--stage", default="dev", choices=stages.STAGE_NAMES)
    parser.add_argument("--region", help="as your AWS configuration has it")
    parser.add_argument("--endpoint-url", help="an emulator, instead of AWS")
    parser.add_argument("--url", help="where the API answers, if not where the stack says")
    given = parser.parse_args(arguments)
    account = Account(given.region, given.endpoint_url)
    findings = list(run_checks(account, f"hardlink-{given.stage}", given.url))
    for finding in findings:
        print(_line(finding))
    wrong = sum(1 for finding in findings if finding.fault)
    print(f"\n{len(findings)} checks, {wrong or 'nothing'} wrong")
    return 1 if wrong else 0


def _line(finding: Finding) -> str:
    return f"WRONG  {finding.what}: {finding.fault}" if finding.fault else f"ok     {finding.what}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
