"""Windows of event time, aligned to 1970: [end − size, end), an end every hop.

::

    hop 2, size 4      0   2   4   6   8
                       [-------)
                           [-------)
                               [-------)
"""

import msgspec

from monitor.observe.model import Monitored
from monitor.registry.specs import WindowSpec


def closing_with_panes(window: WindowSpec, model: Monitored) -> WindowSpec:
    """The window as late as the panes it is made of: open for the widest lateness of the model.

    Signals share the panes. Judged by a narrower lateness of its own, a window would be judged
    before its last panes have come.
    """
    return msgspec.structs.replace(window, allowed_lateness_ms=model.lateness_ms)


def first_end(window: WindowSpec, time_ms: int) -> int:
    """The end of the first window that holds a time.

    >>> first_end(WindowSpec(size_ms=4, hop_ms=2, allowed_lateness_ms=0), 5)
    6
    """
    return time_ms - time_ms % window.hop_ms + window.hop_ms


def last_complete_end(window: WindowSpec, mark_ms: int) -> int:
    """The end of the last window that a watermark completes, its allowed lateness passed.

    >>> last_complete_end(WindowSpec(size_ms=4, hop_ms=2, allowed_lateness_ms=1), 8)
    6
    """
    reached = mark_ms - window.allowed_lateness_ms
    return reached - reached % window.hop_ms
