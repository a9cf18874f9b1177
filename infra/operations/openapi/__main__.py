"""`make openapi`: write the OpenAPI document, which the function `console` serves."""

from __future__ import annotations

import json

from infra import topology
from infra.operations.openapi.document import build_document

TARGET = topology.FUNCTIONS / "console" / "static" / "openapi.json"


def format_document() -> str:
    """Format the document as it is served: JSON, with a line for each part of it."""
    return json.dumps(build_document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(format_document(), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(topology.ROOT)}")
