"""The command `hardlink`, also as `python -m infra`."""

from __future__ import annotations

import sys

from infra.command.main import main

if __name__ == "__main__":
    sys.exit(main())
