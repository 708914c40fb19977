"""What is wrong with a configuration: all of it at once, each with its line and its remedy."""

from collections.abc import Iterable
from difflib import get_close_matches

from monitor.errors import ConfigError

MOST = 20


class Problems:
    """Collects what is wrong by line, and knows the line of every key that was read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lines: dict[str, int] = {}
        self._found: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._found)

    def locate(self, where: str, line: int) -> None:
        """Remember on which line a key path such as `models[0].labels` stands."""
        self._lines[where] = line

    def add(self, line: int, text: str) -> None:
        """Note one problem on a line, counted from 1."""
        self._found.append((line, text))

    def at(self, where: str, text: str) -> None:
        """Note that what stands at a key path is wrong: `<path> <text>`.

        Where the key was left to its default, the line is that of the nearest key around it.
        """
        around = where
        while around and around not in self._lines:
            around = around.rpartition(".")[0]
        self.add(self._lines.get(around, 1), f"{where} {text}")

    def report(self) -> None:
        """Raise one ConfigError with a line for each problem, if there is any."""
        if not self._found:
            return
        found = sorted(set(self._found))
        lines = [f"{self.path}:{line}: {text}" for line, text in found[:MOST]]
        if len(found) > MOST:
            lines.append(f"{self.path}: and {len(found) - MOST} more")
        raise ConfigError("\n".join(lines))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a remedy: the nearest known word, or all of them where none is near.

    >>> nearest("windwo", ["window", "metric"]), nearest("xyz", ["window", "metric"])
    ('did you mean "window"?', 'known: metric, window')
    """
    words = sorted(known)
    close = get_close_matches(word, words, 1, 0.6)
    return f'did you mean "{close[0]}"?' if close else f"known: {', '.join(words)}"
