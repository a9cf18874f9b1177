"""Names of the library's validation, for the dialects that are not yet converted."""

from hardlink.domain.errors import located_message
from hardlink.domain.schema import optional, required, validate

__all__ = ["located_message", "optional", "required", "validate"]
