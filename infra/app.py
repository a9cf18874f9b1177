"""`python -m infra.app`: synthesizes the stack into `cdk.out`. No AWS account, no Docker, no CDK CLI."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from infra import node, plan  # noqa: F401 - `node` settles which Node.js runs the CDK, so it comes first

sys.path.insert(0, str(plan.FUNCTIONS))

from aws_cdk import App

from hardlink.declaration import SourcesError
from infra.assets import LayerError
from infra.stack import NoStage, compose
from infra.stages import StagesError


def main(arguments: Sequence[str]) -> None:
    """Synthesize; what stands in the way is said in words."""
    parser = argparse.ArgumentParser(prog="python -m infra.app", description=main.__doc__)
    parser.add_argument(
        "-c", action="append", default=[], metavar="KEY=VALUE", help="context, as in `cdk deploy`"
    )
    context = dict(given.partition("=")[::2] for given in parser.parse_args(arguments).c)
    app = App(context=context, outdir=os.environ.get("CDK_OUTDIR", str(plan.ROOT / "cdk.out")))
    try:
        compose(app)
    except (LayerError, NoStage, SourcesError, StagesError) as error:
        sys.exit(str(error))
    print(app.synth().directory)


if __name__ == "__main__":
    main(sys.argv[1:])
