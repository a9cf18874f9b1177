"""Redrive lost or failed stream records: `python -m infra.operations.redrive`."""

from __future__ import annotations

import sys

from infra.operations.redrive.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
