"""JSON lines: one object a line, flat rows or prediction events with nested features."""

from typing import Any

import msgspec

from monitor.errors import DataError
from monitor.files.table import Table

_decoder = msgspec.json.Decoder()
_BOM = b"\xef\xbb\xbf"


def read_lines(data: bytes, path: str) -> Table:
    """Read one JSON object a line, or an array of them; absent keys are null.

    Objects with an object `features` are events: the features become the columns. Raises
    DataError with the number of a line that is no object.
    """
    data = data.removeprefix(_BOM)
    try:
        rows = _decoder.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise DataError(_fault(data, path)) from None
    if len(rows) == 1 and isinstance(rows[0], list):
        rows = rows[0]
    odd = next((row for row in rows if not isinstance(row, dict)), None)
    if odd is not None:
        raise DataError(
            f"{path}: expected one JSON object a line, found {type(odd).__name__} {str(odd)[:40]}"
        )
    nested = sum(isinstance(row.get("features"), dict) for row in rows)
    if nested == 0:
        return _table(path, rows, [])
    if nested < len(rows):
        raise DataError(
            f"{path}: {len(rows) - nested} of {len(rows)} lines have no object `features`: "
            "keep prediction events and other lines in files of their own"
        )
    fields = [{key: value for key, value in row.items() if key != "features"} for row in rows]
    return _table(path, [row["features"] for row in rows], fields)


def _table(path: str, rows: list[dict[str, Any]], fields: list[dict[str, Any]]) -> Table:
    columns = _columns(rows)
    unreadable = {
        name: "holds lists or objects"
        for name, values in columns.items()
        if any(isinstance(value, list | dict) for value in values)
    }
    readable = {name: values for name, values in columns.items() if name not in unreadable}
    return Table(path, len(rows), readable, fields=_columns(fields), unreadable=unreadable)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _fault(data: bytes, path: str) -> str:
    """Say which line is no JSON, and why."""
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            if line.strip():
                _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return f"{path}:{number}: not a line of JSON: {error}; write one object a line"
    return f"{path}: not JSON lines; write one object a line"
