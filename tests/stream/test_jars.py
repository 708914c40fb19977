"""The jars: pinned, verified whenever they are used, and never half there."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.errors import JarsUnavailable
from monitor.stream import jars
from monitor.stream.jars import Jar, Progress, pinned, provide

CONTENT = {"one": b"1" * 1000, "two": b"2" * 500, "three": b"3" * 10}
JARS = tuple(
    Jar(f"org.example:{name}:1.0", hashlib.sha256(content).hexdigest(), len(content))
    for name, content in CONTENT.items()
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("WATCHKEEPER_JARS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "watchkeeper" / "jars"


def fetched_from(content: dict[str, bytes]) -> Callable[..., Path]:
    """Stands for Maven Central: hands out content by the artifact's name, in two pieces."""

    def download(jar: Jar, target: Path, received: Callable[[int], None]) -> Path:
        target.mkdir(parents=True)
        body = content[jar.coordinate.split(":")[1]]
        (target / jar.name).write_bytes(body)
        received(len(body) // 2)
        received(len(body) - len(body) // 2)
        return target / jar.name

    return download


def refused(*_: object) -> Path:
    raise ConnectionError("no route to host")


def test_the_pinned_jars_are_kafka_and_its_logging() -> None:
    coordinates = {jar.coordinate for jar in pinned()}
    assert {jars.KAFKA, jars.BINDING} <= coordinates
    assert len({jar.name for jar in pinned()}) == len(pinned()) == 46
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in pinned())
    versions = {c.split(":")[2] for c in coordinates if c.startswith("org.apache.kafka:")}
    assert versions == {jars.KAFKA.split(":")[2]}


def test_what_is_fetched_is_cached_and_progress_ends_at_all_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "download", fetched_from(CONTENT))
    said: list[Progress] = []
    paths = provide(said.append, JARS)
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert said[0] == Progress(0, 3, 0, 1510)
    assert said[-1] == Progress(3, 3, 1510, 1510)
    assert sorted(path.name for path in folder.iterdir()) == sorted(jar.name for jar in JARS)

    monkeypatch.setattr(jars, "download", refused)
    said.clear()
    assert provide(said.append, JARS) == paths
    assert said == []


def test_a_jar_that_differs_is_never_cached(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "download", fetched_from(CONTENT | {"two": b"evil"}))
    with pytest.raises(JarsUnavailable) as error:
        provide(jars=JARS)
    assert "two-1.0.jar: SHA-256 is " + hashlib.sha256(b"evil").hexdigest() in str(error.value)
    assert JARS[1].sha256 in str(error.value)
    assert not (folder / "two-1.0.jar").exists()


def test_a_cached_jar_that_has_changed_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "download", fetched_from(CONTENT))
    path = provide(jars=JARS)[0]
    path.write_bytes(CONTENT["one"][:-1] + b"x")
    with pytest.raises(JarsUnavailable, match=r"one-1\.0\.jar: SHA-256 is .* delete it"):
        provide(jars=JARS)
    path.unlink()
    assert provide(jars=JARS)[0].read_bytes() == CONTENT["one"]


def test_no_network_is_one_line_with_the_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "download", refused)
    monkeypatch.setattr(jars.time, "sleep", lambda _: None)
    with pytest.raises(JarsUnavailable, match=r"ConnectionError.*WATCHKEEPER_JARS") as error:
        provide(jars=JARS)
    assert "\n" not in str(error.value)
    assert list(folder.iterdir()) == []


def test_a_connection_that_breaks_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[Path] = []

    def breaks_once(jar: Jar, target: Path, received: Callable[[int], None]) -> Path:
        if jar == JARS[0] and not broken:
            broken.append(target)
            target.mkdir(parents=True)
            (target / jar.name).write_bytes(b"1" * 300)
            received(300)
            raise ConnectionError
        return fetched_from(CONTENT)(jar, target, received)

    monkeypatch.setattr(jars, "download", breaks_once)
    monkeypatch.setattr(jars.time, "sleep", lambda _: None)
    said: list[Progress] = []
    assert len(provide(said.append, JARS)) == 3
    assert broken
    assert said[-1] == Progress(3, 3, 1510, 1510)


def test_jars_may_be_supplied_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "download", refused)
    monkeypatch.setenv("WATCHKEEPER_JARS", str(tmp_path))
    (tmp_path / "one-1.0.jar").write_bytes(CONTENT["one"])
    maven = tmp_path / "org/example/two/1.0/two-1.0.jar"
    maven.parent.mkdir(parents=True)
    maven.write_bytes(CONTENT["two"])
    with pytest.raises(JarsUnavailable, match=r"1 of 3 jars .* among them three-1\.0\.jar"):
        provide(jars=JARS)
    (tmp_path / "three-1.0.jar").write_bytes(CONTENT["three"])
    assert provide(jars=JARS)[1] == maven
