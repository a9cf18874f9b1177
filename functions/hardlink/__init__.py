"""What Hardlink's functions share: commands, decisions, store, reads."""

import os

os.environ.setdefault(
    "PYDANTIC_DISABLE_PLUGINS", "__all__"
)  # looking for some lengthens every cold start
