"""The fields of events, as far as a worker checks them while it decodes."""

from datetime import datetime
from typing import Annotated

import msgspec

from monitor.events.limits import ID_PATTERN, SCHEMA_MAJOR

#: The last millisecond of the year 9999: beyond it there is no RFC 3339, and soon no int64.
LAST_MS = 253_402_300_799_999
#: Stands among the models so that `model_id` is asked for even where there is one, or none.
NOBODY = "?"
Identifier = Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]
Timestamp = (
    Annotated[int, msgspec.Meta(ge=0, le=LAST_MS)] | Annotated[datetime, msgspec.Meta(tz=True)]
)
Scalar = str | int | float | bool | None
SchemaVersion = Annotated[str, msgspec.Meta(pattern=rf"^{SCHEMA_MAJOR}(\.[0-9]+)*$(?!\n)")]
