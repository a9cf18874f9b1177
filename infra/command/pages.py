"""`hardlink check-page`: whether a page of a shop is set up right."""

from __future__ import annotations

import click

from infra.command.options import json_option
from infra.command.output import print_json
from infra.operations.doctor.report import count_faults, print_findings
from infra.operations.page_check.checks import check_page, fetch_page
from infra.operations.page_check.page import Snippet
from infra.operations.service_client import check_url


@click.command("check-page")
@json_option
@click.option("--token", help="Write key, where a tag manager adds the snippet.")
@click.option("--target", help="URL of the API, where a tag manager adds the snippet.")
@click.argument("url")
def check_page_command(
    url: str, token: str | None, target: str | None, *, as_json: bool
) -> int:
    """Load the page URL, and say whether snippet, origin, key and consent are right.

    It sends one call as the page would, of which nothing is stored. Ends with 1 where something is
    wrong.
    """
    if (token is None) != (target is None):
        raise click.UsageError("--token and --target belong together: give both")
    given = None
    if token and target:
        base = check_url(target)
        given = Snippet(token, base, f"{base}/sdk.js")
    page = fetch_page(check_url(url))
    findings = list(check_page(page, given))
    if not as_json:
        return print_findings(findings)
    print_json({"checks": [finding._asdict() for finding in findings]})
    return 1 if count_faults(findings) else 0
