"""Counts as bytes: the narrowest integers that hold them, compressed."""

from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from monitor.errors import GridMismatch

Counts = npt.NDArray[np.int64]

FORMAT = 1
_NARROW: tuple[tuple[bytes, type[np.integer[Any]], int, int], ...] = (
    (b"B", np.uint8, 0, 2**8 - 1),
    (b"H", np.uint16, 0, 2**16 - 1),
    (b"i", np.int32, -(2**31), 2**31 - 1),
    (b"q", np.int64, -(2**63), 2**63 - 1),
)
_DTYPES = {code: np.dtype(kind).newbyteorder("<") for code, kind, _, _ in _NARROW}
_compress = zstandard.ZstdCompressor(level=1).compress
_decompress = zstandard.ZstdDecompressor().decompress
#: No pane is larger: 500 features of 300 slots of 8 bytes are 1.2 MB.
_LARGEST = 64 * 2**20


def pack(counts: npt.NDArray[np.integer[Any]]) -> bytes:
    """Encode counts of any shape, flattened: dtype code, then zstd of little-endian integers.

    >>> unpack(pack(np.array([0, 3, 70_000])), 3)
    array([    0,     3, 70000])
    """
    if counts.dtype == np.uint8:  # as most panes are: nothing is narrower
        return b"B" + _compress(np.ascontiguousarray(counts).data)
    low, high = (int(counts.min()), int(counts.max())) if counts.size else (0, 0)
    for code, _, least, most in _NARROW:
        if least <= low and high <= most:
            return code + _compress(counts.astype(_DTYPES[code]).tobytes())
    raise AssertionError("int64 holds every count")  # pragma: no cover


def unpack(data: bytes, size: int) -> Counts:
    """Decode what `pack` wrote into int64[size]; raises GridMismatch if the size differs."""
    raw = _decompress(data[1:], max_output_size=_LARGEST)
    counts = np.frombuffer(raw, dtype=_DTYPES[data[:1]]).astype(np.int64)
    if counts.size != size:
        raise GridMismatch(
            f"counts of {counts.size} slots do not fit a grid of {size}: they were made with "
            "another baseline; start under a new namespace, or put the old baseline back"
        )
    return counts


def cleared(data: bytes) -> bytes:
    """As many zeros as there are counts in what `pack` wrote.

    >>> unpack(cleared(pack(np.array([0, 3, 70_000]))), 3)
    array([0, 0, 0])
    """
    raw = _decompress(data[1:], max_output_size=_LARGEST)
    return data[:1] + _compress(bytes(len(raw)))
