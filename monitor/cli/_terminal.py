"""Standard output as rich writes to it, whatever it is."""

import os
import sys

from rich.console import Console

#: Where no terminal says how wide it is: enough for every column of our tables.
PIPE_WIDTH = 120


def terminal() -> Console:
    """Return a console on standard output, in any encoding and of a sensible width."""
    out = Console(highlight=False)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = PIPE_WIDTH
    if not is_unicode(out) and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    return out


def is_unicode(out: Console) -> bool:
    """Say whether blocks and arrows can be written."""
    return out.encoding.lower().startswith("utf")


def blocks(out: Console) -> str:
    """Return what bars are drawn with, from none to the highest."""
    return " ▁▂▃▄▅▆▇█" if is_unicode(out) else " .:-=+*#%"
