"""What Schemathesis has to be told to fuzz this service; it loads this module itself."""

from __future__ import annotations

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
