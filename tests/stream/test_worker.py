"""A worker's start: what it waits for, and what it is called in its group."""

import logging
from pathlib import Path
from types import SimpleNamespace

import faust
import pytest

from monitor.cli.worker import worker_child
from monitor.errors import BrokerUnreachable, TopicMissing
from monitor.registry.specs import Config, KafkaSpec
from monitor.stream import worker
from monitor.stream.app import Worker

CONFIG = Config(namespace="w", kafka=KafkaSpec(bootstrap="none:1"), models=())


def answers(monkeypatch: pytest.MonkeyPatch, *said: tuple[str, ...] | Exception) -> list[object]:
    """What the broker says to each question in turn; the questions that are left."""
    left = list(said)

    async def missing_topics(kafka: KafkaSpec, namespace: str) -> tuple[str, ...]:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(worker, "missing_topics", missing_topics)
    monkeypatch.setattr(worker, "AGAIN_S", 0.01)
    return left  # type: ignore[return-value]


def test_a_broker_that_is_away_is_waited_for_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = BrokerUnreachable("no answer at none:1")
    left = answers(monkeypatch, away, away, away, ())
    with caplog.at_level(logging.INFO, logger="watchkeeper"):
        worker.await_topics(CONFIG)
    assert left == []
    assert [record.getMessage() for record in caplog.records] == [
        "no answer at none:1; waiting for it"
    ]


def test_a_topic_that_is_missing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, BrokerUnreachable("away"), ("w.panes",), ())
    with pytest.raises(TopicMissing, match=r"w\.panes"):
        worker.await_topics(CONFIG)


def test_without_a_name_a_worker_is_refused_where_no_broker_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers(monkeypatch, BrokerUnreachable("away"), ())
    monkeypatch.setattr(worker, "speak", lambda: None)
    with pytest.raises(BrokerUnreachable):
        worker.work(CONFIG, tmp_path)


def test_a_child_that_is_started_again_has_its_name_and_no_other_has_it() -> None:
    one, other = (worker_child(Path("c.yaml"), Path("s")) for _ in range(2))
    names = [child.argv[child.argv.index("--member") + 1] for child in (one, other)]
    assert len(set(names)) == 2
    assert all(names)


def test_an_end_has_a_deadline_asked_for_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a signal, which a thread of its own takes, or by a failure."""
    calls: list[str] = []
    monkeypatch.setattr(faust.Worker, "on_worker_shutdown", lambda self: calls.append("faust"))
    made = object.__new__(Worker)
    made._stopping = SimpleNamespace(  # type: ignore[assignment]
        watch=lambda: calls.append("watch"), begin=lambda: calls.append("begin")
    )
    made.install_signal_handlers()
    made.on_worker_shutdown()
    assert calls == ["watch", "begin", "faust"]
