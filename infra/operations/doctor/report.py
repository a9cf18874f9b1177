"""The report of the doctor: a line for each check, and how many are wrong."""

from __future__ import annotations

from collections.abc import Sequence

from infra.operations.doctor.diagnoses import Finding


def print_findings(findings: Sequence[Finding]) -> int:
    """Print findings, and return the exit code: 1 where something is wrong."""
    for finding in findings:
        print(_format_finding(finding))
    wrong = count_faults(findings)
    print(f"\n{len(findings)} checks, {wrong or 'nothing'} wrong")
    return 1 if wrong else 0


def count_faults(findings: Sequence[Finding]) -> int:
    """Count the findings that are wrong."""
    return sum(1 for finding in findings if finding.fault)


def _format_finding(finding: Finding) -> str:
    if finding.fault:
        return f"WRONG  {finding.what}: {finding.fault}"
    return f"ok     {finding.what}"
