"""The limits of an event, in one place: the client, the stream and the schemas all read them."""

from monitor.registry.limits import ID_PATTERN, MAX_FEATURE_NAME, MAX_FEATURES, MAX_ID

__all__ = [
    "BASE64_PATTERN",
    "HEAD_BYTES",
    "ID_PATTERN",
    "LEAST_PLAUSIBLE_MS",
    "MAX_CLASS",
    "MAX_COLUMNAR_BYTES",
    "MAX_EVENT_BYTES",
    "MAX_FEATURES",
    "MAX_FEATURE_NAME",
    "MAX_ID",
    "MAX_INDEX",
    "MAX_ROWS",
    "MAX_INTEGER",
    "MIN_INTEGER",
    "RFC3339_PATTERN",
    "SCHEMA_MAJOR",
    "SCHEMA_VERSION",
]

MAX_EVENT_BYTES = 256 * 1024
#: Characters of a class: its name is remembered, and logged, with every prediction made.
MAX_CLASS = 128
#: A class that is an integer has at most 64 bits, sign included.
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
#: A columnar record: with its key and headers it fits the 1 MB that Kafka allows by default.
MAX_COLUMNAR_BYTES = 960 * 1024
#: Predictions in one columnar record.
MAX_ROWS = 10_000
#: The greatest index that every JSON parser reads exactly.
MAX_INDEX = 2**53 - 1
#: Bytes of a rejected event that its dead letter keeps.
HEAD_BYTES = 1024
SCHEMA_MAJOR = 1
SCHEMA_VERSION = f"{SCHEMA_MAJOR}.0"
#: An integer timestamp below this many milliseconds (March 1973) was surely meant as seconds.
LEAST_PLAUSIBLE_MS = 100_000_000_000
#: RFC 3339 with an offset; the seconds' fraction is optional.
RFC3339_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$(?!\n)"
)
#: Base64 with padding, of the standard alphabet.
BASE64_PATTERN = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$(?!\n)"
