"""RocksDB as a store: it behaves as a dictionary does, and outlives its process."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import StoreError
from monitor.observe.store import DictStore
from monitor.stream.rocks import RocksStore, Slot, default_state_dir

KEYS = st.sampled_from([b"a", b"a\0b", b"a\0c", b"ab", b"b", b"\xff\xff", b"a\0" + b"k" * 200])
CHANGES = st.dictionaries(KEYS, st.one_of(st.none(), st.binary(max_size=300)), max_size=6)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(CHANGES, st.just("reopen"), st.just("clear")), max_size=8))
def test_it_is_a_dictionary(tmp_path: Path, story: list[object]) -> None:
    shutil.rmtree(tmp_path / "db", ignore_errors=True)
    rocks, plain = RocksStore(tmp_path / "db"), DictStore()
    try:
        for step in story:
            if step == "reopen":
                rocks.close()
                rocks = RocksStore(tmp_path / "db")
            elif step == "clear":
                rocks.clear()
                plain.clear()
            elif isinstance(step, dict):
                rocks.write(step)
                plain.write(step)
            keys = [b"a", b"a\0b", b"none", b"\xff\xff", b"b", b""]
            assert rocks.get(keys) == plain.get(keys)
            for prefix, start in ((b"", b""), (b"a\0", b""), (b"a", b"a\0c"), (b"\xff", b"")):
                assert list(rocks.scan(prefix, start)) == list(plain.scan(prefix, start))
    finally:
        rocks.close()


def test_nothing_asked_is_nothing_found(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "db")
    assert store.get([]) == []
    store.close()


def test_a_killed_process_loses_nothing_that_it_wrote(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from monitor.stream.rocks import RocksStore\n"
        "s = RocksStore(Path(sys.argv[1]))\n"
        "for n in range(500): s.write({b'%d' % n: b'x' * 100, b'last': b'%d' % n})\n"
        "os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path / "db")], timeout=60)
    assert ended.returncode == -signal.SIGKILL
    store = RocksStore(tmp_path / "db")
    assert store.get([b"last", b"0"]) == [b"499", b"x" * 100]
    store.close()


def test_a_folder_that_cannot_be_opened_is_emptied(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "db")
    store.write({b"a": b"1"})
    store.close()
    for file in (tmp_path / "db").iterdir():
        if file.name.startswith(("MANIFEST", "CURRENT")):
            file.write_bytes(b"broken")
    store = RocksStore(tmp_path / "db")
    assert store.get([b"a"]) == [None]
    store.close()


def test_a_folder_where_nothing_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="choose another"):
        Slot(tmp_path / "file", "w")


def test_workers_of_one_machine_take_slots_and_find_theirs_again(tmp_path: Path) -> None:
    first, second = Slot(tmp_path, "w"), Slot(tmp_path, "w")
    assert [slot.folder.name for slot in (first, second)] == ["worker-0", "worker-1"]
    other = Slot(tmp_path, "other")
    assert other.folder == tmp_path / "other" / "worker-0"
    store = first.store(3)
    store.write({b"a": b"1"})
    store.close()
    first.release()
    again = Slot(tmp_path, "w")
    assert again.folder == first.folder
    store = again.store(3)
    assert store.get([b"a"]) == [b"1"]
    store.close()
    for slot in (second, other, again):
        slot.release()


def test_caches_lie_where_state_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_state_dir() == Path("/state/watchkeeper")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_state_dir() == Path.home() / ".local" / "state" / "watchkeeper"
    assert os.environ.get("XDG_STATE_HOME") is None
