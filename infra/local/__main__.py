"""Serve the whole system on this machine: `python -m infra.local` (`make run`)."""

from __future__ import annotations

import sys

from infra.local.service import main

if __name__ == "__main__":
    sys.exit(main())
