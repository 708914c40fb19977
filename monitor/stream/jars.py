"""The jars of the embedded broker: which, from where, and whether they are what they should be.

`jars.txt` names every one of them with its SHA-256 and size; nothing is resolved at run time. Each
comes from Maven Central by jgo once, is verified, and only then moved into the cache, so that an
interrupted download leaves nothing that looks whole. Cached jars are verified again at every start
(43 MB take 40 ms).

    python -m monitor.stream.jars          # resolve KAFKA and BINDING anew; prints a new jars.txt
"""

import contextlib
import hashlib
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import JarsUnavailable

if TYPE_CHECKING:
    from jgo.maven import Artifact

KAFKA = "org.apache.kafka:kafka_2.13:4.1.2"
#: Resolved apart: as a second root its bill of materials would pull in an old kafka-clients.
BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3"
_AT_ONCE = 6
_TRIES = 3
_REMEDY = (
    "connect to the network once, or set WATCHKEEPER_JARS to a folder that holds the jars "
    "(a copy of another machine's {cache}, or a Maven repository)"
)


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned jar: Maven coordinate `group:artifact:version`, SHA-256 in hex, size in bytes."""

    coordinate: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The file's name.

        >>> Jar("org.slf4j:slf4j-api:1.7.36", "", 0).name
        'slf4j-api-1.7.36.jar'
        """
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    def candidates(self, folder: Path) -> tuple[Path, Path]:
        """Where it may be in a folder: in the open, or as in a Maven repository."""
        group, artifact, version = self.coordinate.split(":")
        return folder / self.name, folder.joinpath(*group.split("."), artifact, version, self.name)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the jars are: counts of jars and of bytes.

    >>> print(Progress(12, 46, 8_100_000, 43_000_000))
    jars 12/46 · 8.1/43.0 MB
    """

    jars: int
    of_jars: int
    size: int
    of_size: int

    def __str__(self) -> str:
        sizes = f"{self.size / 1e6:.1f}/{self.of_size / 1e6:.1f} MB"
        return f"jars {self.jars}/{self.of_jars} · {sizes}"


@cache
def pinned() -> tuple[Jar, ...]:
    """Every jar of the broker, as `jars.txt` pins them."""
    lines = files(__package__).joinpath("jars.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return tuple(Jar(coordinate, sha256, int(size)) for coordinate, sha256, size in rows)


def cache_dir() -> Path:
    """Where the jars are kept: `$WATCHKEEPER_JARS`, else in the user's cache folder."""
    given = os.environ.get("WATCHKEEPER_JARS")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "watchkeeper", "jars")


def provide(
    progress: Callable[[Progress], None] | None = None, jars: Sequence[Jar] | None = None
) -> tuple[Path, ...]:
    """Return the path of every jar, verified; those not in the cache are fetched, six at a time.

    `progress` is called, from one thread at a time, only while jars are fetched. Raises
    JarsUnavailable if one cannot be had, or isn't what `jars.txt` says.
    """
    wanted = pinned() if jars is None else jars
    folder = cache_dir()
    found = {jar: path for jar in wanted if (path := _cached(jar, folder)) is not None}
    missing = [jar for jar in wanted if jar not in found]
    if missing and "WATCHKEEPER_JARS" in os.environ:
        raise JarsUnavailable(
            f"{len(missing)} of {len(wanted)} jars of the broker are not in WATCHKEEPER_JARS "
            f"{folder}, among them {missing[0].name}; copy them there, or unset the variable to "
            "fetch them"
        )
    if missing:
        found |= _Fetch(missing, wanted, folder, progress or (lambda _: None)).run()
    return tuple(found[jar] for jar in wanted)


def _cached(jar: Jar, folder: Path) -> Path | None:
    path = next((path for path in jar.candidates(folder) if path.is_file()), None)
    if path is not None:
        _verify(jar, path, f"delete it, and it is fetched again: {path}")
    return path


def _verify(jar: Jar, path: Path, remedy: str) -> None:
    with path.open("rb") as content:
        got = hashlib.file_digest(content, "sha256").hexdigest()
    if got != jar.sha256:
        raise JarsUnavailable(f"{jar.name}: SHA-256 is {got}, must be {jar.sha256}; {remedy}")


class _Fetch:
    """One round of downloads: a queue of jars, and a few threads that empty it.

    The threads are daemons, so that a signal ends the process without waiting for the network.
    """

    def __init__(
        self,
        missing: Sequence[Jar],
        wanted: Sequence[Jar],
        folder: Path,
        progress: Callable[[Progress], None],
    ) -> None:
        self._missing = missing
        self._folder = folder
        self._progress = progress
        self._lock = threading.Lock()
        self._jars = len(wanted) - len(missing)
        self._of_jars = len(wanted)
        self._of_size = sum(jar.size for jar in wanted)
        self._size = self._of_size - sum(jar.size for jar in missing)
        self._found: dict[Jar, Path] = {}
        self._failures: list[Exception] = []

    def run(self) -> dict[Jar, Path]:
        try:
            import jgo.maven  # noqa: F401
        except ModuleNotFoundError as error:
            raise JarsUnavailable(
                f"{error.name} is not installed; pip install 'watchkeeper[broker]'"
            ) from None
        with contextlib.suppress(FileNotFoundError):
            _sweep(self._folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".part-", dir=self._folder) as staging:
                self._fetch_all(Path(staging))
        except OSError as error:
            raise JarsUnavailable(
                f"{self._folder}: {error.strerror}; make room there, or set XDG_CACHE_HOME"
            ) from error
        return self._found

    def _fetch_all(self, staging: Path) -> None:
        waiting: queue.SimpleQueue[Jar] = queue.SimpleQueue()
        for jar in sorted(self._missing, key=lambda jar: -jar.size):
            waiting.put(jar)
        self._report(0, 0)
        threads = [
            threading.Thread(target=self._work, args=(waiting, staging), daemon=True)
            for _ in range(min(_AT_ONCE, len(self._missing)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _work(self, waiting: "queue.SimpleQueue[Jar]", staging: Path) -> None:
        while not self._failures:
            try:
                jar = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._found[jar] = self._fetch(jar, staging)
            except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
                self._failures.append(error)
            else:
                self._report(1, 0)

    def _fetch(self, jar: Jar, staging: Path) -> Path:
        for attempt in range(1, _TRIES + 1):
            # A try of its own folder: jgo takes a file that is there for a whole one.
            target = staging / f"{jar.name}-{attempt}"
            try:
                path = download(jar, target, lambda size: self._report(0, size))
                break
            except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
                partial = sum(file.stat().st_size for file in target.rglob("*.jar"))
                self._report(0, -partial)
                if attempt == _TRIES or self._failures:
                    raise JarsUnavailable(
                        f"{jar.coordinate} cannot be fetched from Maven Central "
                        f"({type(error).__name__}); " + _REMEDY.format(cache=self._folder)
                    ) from error
                time.sleep(attempt)
        _verify(jar, path, "something between here and Maven Central alters files: nothing is used")
        return path.replace(self._folder / jar.name)

    def _report(self, jars: int, size: int) -> None:
        with self._lock:
            self._jars += jars
            self._size += size
            self._progress(Progress(self._jars, self._of_jars, self._size, self._of_size))


def _sweep(folder: Path) -> None:
    """Remove what downloads that were killed have left, unless it's young enough to be at work."""
    for part in folder.glob(".part-*"):
        if part.stat().st_mtime < time.time() - 3600:
            shutil.rmtree(part, ignore_errors=True)


def download(jar: Jar, target: Path, received: Callable[[int], None]) -> Path:
    """Fetch one jar by jgo into a folder; `received` is told of each piece's size.

    Raises OSError or RuntimeError when it cannot be had.
    """
    from jgo.maven import MavenContext, PythonResolver

    @contextlib.contextmanager
    def pieces(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield received

    context = MavenContext(PythonResolver(progress_callback=pieces), repo_cache=target, timeout=30)
    return context.create_dependency(jar.coordinate).artifact.resolve()


def resolve() -> tuple[Jar, ...]:
    """Resolve the broker and its logging binding from Maven Central, and hash what comes."""
    from jgo.maven import MavenContext

    def artifacts(context: MavenContext) -> "dict[str, Artifact]":
        roots = [context.create_dependency(KAFKA)]
        resolved, transitive = context.resolver.resolve(roots)
        binding = context.create_dependency(BINDING)
        return {
            f"{d.groupId}:{d.artifactId}:{d.version}": d.artifact
            for d in (*resolved, *transitive, binding)
        }

    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for coordinate, artifact in sorted(
            artifacts(MavenContext(repo_cache=Path(folder))).items()
        ):
            content = artifact.resolve().read_bytes()
            rows.append(Jar(coordinate, hashlib.sha256(content).hexdigest(), len(content)))
        return tuple(rows)


if __name__ == "__main__":
    print("# The jars of the embedded Apache Kafka: coordinate, SHA-256, size in bytes.")
    print("# Made by `python -m monitor.stream.jars`.")
    for pin in resolve():
        sys.stdout.write(f"{pin.coordinate} {pin.sha256} {pin.size}\n")
