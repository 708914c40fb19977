"""Windows that touch an annotated period: what happened there is known, and nobody is told of it.

Deploys, holidays, backfills: such a window is inconclusive, and no later verdict rests on it. A
silence within is no finding; one that lasts beyond is told by the first window that is clear::

    annotated        [---------)
    predictions  .....                    nothing ever after
    windows      |   |   |   |   |   |
                       i           s      i inconclusive, s silence
"""

from monitor.events.timestamps import rfc3339
from monitor.registry.specs import AnnotationSpec, ModelSpec, WindowSpec


def annotated(spec: ModelSpec, start_ms: int, end_ms: int) -> AnnotationSpec | None:
    """The first annotated period that [start, end) touches, None if it is clear of all."""
    return next((one for one in spec.annotations if one.touches(start_ms, end_ms)), None)


def why(spec: ModelSpec, start_ms: int, end_ms: int) -> str | None:
    """Why a window is not judged; None where it is clear."""
    found = annotated(spec, start_ms, end_ms)
    if found is None:
        return None
    return (
        f"{rfc3339(found.from_ms)} to {rfc3339(found.until_ms)} is annotated ({found.why}): "
        "windows that touch it are not judged"
    )


def clears(spec: ModelSpec, window: WindowSpec, end_ms: int) -> bool:
    """Whether the window that ends there is the first one that is clear of a period before it."""
    start, before = end_ms - window.size_ms, end_ms - window.hop_ms
    touched = annotated(spec, start - window.hop_ms, before) is not None
    return touched and annotated(spec, start, end_ms) is None


def next_clear(spec: ModelSpec, window: WindowSpec, from_end_ms: int) -> int | None:
    """The end of the next window of which `clears` is true, from one on; None if there is none.

    >>> spec = ModelSpec(id="m", annotations=(AnnotationSpec(from_ms=10, until_ms=15, why=""),))
    >>> window = WindowSpec(size_ms=4, hop_ms=2, allowed_lateness_ms=0)
    >>> next_clear(spec, window, 0), next_clear(spec, window, 22)
    (20, None)
    """
    hop = window.hop_ms
    ends = (-(-one.until_ms // hop) * hop + window.size_ms for one in spec.annotations)
    found = (end for end in ends if end >= from_end_ms and clears(spec, window, end))
    return min(found, default=None)
