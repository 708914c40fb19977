"""One column of predictions: whatever it was, floats, or a list of what JSON carries."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.client.encoding import plain, time_ms
from monitor.errors import InvalidEvent

Floats = npt.NDArray[np.floating[Any]]
Column = Floats | list[Any]
#: Up to here every integer is a float.
_EXACT = 2**53
_NUMBERS = frozenset({float, int, type(None)})


def column(name: str, values: Any) -> Column:
    """Read a column; numbers become floats where every one of them is one exactly.

    None and NaN are missing. Raises InvalidEvent that names the row.

    >>> column("x", [1, None, 2.5]), column("y", ["a", 1])
    (array([1. , nan, 2.5]), ['a', 1])
    """
    if hasattr(values, "__array__"):
        array = np.asarray(values)
        if array.ndim != 1:
            raise InvalidEvent(f"{name} has {array.ndim} dimensions; send one value a row")
        if array.dtype.kind == "f":
            return array.astype(np.float32 if array.itemsize <= 4 else np.float64)
        if array.dtype.kind in "iu" and _exact(array.tolist()):
            return array.astype(np.float64)
        values = array.tolist()
    elif not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        raise InvalidEvent(f"{name} is a {type(values).__name__}; send a list or an array")
    kinds = set(map(type, values))
    if kinds <= _NUMBERS and kinds != {type(None)} and _exact(values):
        return np.array(values, dtype=float)
    return [_scalar(f"{name}[{n}]", value) for n, value in enumerate(values)]


def times(name: str, values: Any) -> list[int]:
    """Read a column of times as milliseconds since 1970.

    >>> times("t", np.array(["2013-05-01T00:00:00"], dtype="datetime64[s]"))
    [1367366400000]
    """
    if hasattr(values, "__array__"):
        array = np.asarray(values)
        if array.dtype.kind == "M":
            array = array.astype("datetime64[ms]").astype(np.int64)
        if array.dtype.kind in "iu" and array.ndim == 1 and array.size:
            for n in (int(array.argmin()), int(array.argmax())):
                time_ms(f"{name}[{n}]", int(array[n]))
            listed: list[int] = array.tolist()
            return listed
        values = array.tolist()
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        raise InvalidEvent(f"{name} is a {type(values).__name__}; one for all is `timestamp`")
    return [time_ms(f"{name}[{n}]", value) for n, value in enumerate(values)]


def encodable(part: Column) -> Any:
    """A part of a column as msgspec encodes it: floats are packed."""
    if isinstance(part, list):
        return part
    narrow = part.dtype == np.float32
    data = part.astype("<f4" if narrow else "<f8").tobytes()
    return {
        "encoding": "f32le" if narrow else "f64le",
        "data": base64.b64encode(data).decode("ascii"),
    }


def _exact(values: Sequence[Any]) -> bool:
    return all(-_EXACT <= v <= _EXACT for v in values if v.__class__ is int)


def _scalar(name: str, value: Any) -> Any:
    try:
        value = plain(value)
    except TypeError:
        raise InvalidEvent(
            f"{name} is a {type(value).__name__}; send a number, text, true or false"
        ) from None
    if isinstance(value, float):
        if np.isinf(value):
            raise InvalidEvent(f"{name} is {value}, among values that are no numbers")
        return None if np.isnan(value) else value
    if value.__class__ is int and not -(2**63) <= value < 2**63:
        raise InvalidEvent(f"{name} is an integer of more than 64 bits; send a float")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidEvent(f"{name} is text that is not valid Unicode") from None
    return value
