"""Synthesize the stack into `cdk.out`: `python -m infra.app`.

It needs no AWS account, no Docker and no CDK command line.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from infra.stack import node  # noqa: F401 - chooses the CDK's Node.js, so it comes first

# isort: split
from aws_cdk import App

from hardlink.domain.sources.file_schema import SourcesError
from infra import topology
from infra.stack.assets import LayerError
from infra.stack.stack import UnknownStage, compose_app
from infra.stages import StagesError


def main(arguments: Sequence[str]) -> None:
    """Synthesize the stack, and print the folder of the template."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.app", description=main.__doc__
    )
    parser.add_argument(
        "-c",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="context, as in `cdk deploy`",
    )
    context: dict[str, str] = {}
    for pair in parser.parse_args(arguments).c:
        key, _, value = pair.partition("=")
        context[key] = value
    app = App(
        context=context,
        outdir=os.environ.get("CDK_OUTDIR", str(topology.ROOT / "cdk.out")),
    )
    try:
        compose_app(app)
    except (LayerError, UnknownStage, SourcesError, StagesError) as error:
        sys.exit(str(error))
    print(app.synth().directory)


if __name__ == "__main__":
    main(sys.argv[1:])
