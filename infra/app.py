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
from infra.stack import assets
from infra.stack.assets import LayerError, UnsupportedPython
from infra.stack.stack import UnknownStage, compose_app
from infra.stages import StagesError


def main(arguments: Sequence[str]) -> None:
    """Synthesize the stack, and print the folder of the template and the sizes of the assets."""
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
    except (
        LayerError,
        UnsupportedPython,
        UnknownStage,
        SourcesError,
        StagesError,
    ) as error:
        sys.exit(str(error))
    print(app.synth().directory)
    _print_sizes()


def _print_sizes() -> None:
    """Print the size of both assets as Lambda unpacks them; a cold start reads from them."""
    for name, folder in (
        ("code", assets.build_code()),
        ("layer", assets.build_layer()),
    ):
        print(f"{name}: {assets.folder_size(folder) / 1e6:.1f} MB unpacked")


if __name__ == "__main__":
    main(sys.argv[1:])
