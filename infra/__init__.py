"""Hardlink's infrastructure: the CDK stack, the same on one machine, and commands for operators."""

import sys
from pathlib import Path

# The library is no installed package: Lambda has its folder on the path as well.
_FUNCTIONS = str(Path(__file__).resolve().parent.parent / "functions")
if _FUNCTIONS not in sys.path:
    sys.path.insert(0, _FUNCTIONS)
