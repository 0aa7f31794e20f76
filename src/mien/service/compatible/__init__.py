"""What clients of earlier systems expect, in their shapes (``docs/reference/service/compatible.md``)."""
