"""`watchkeeper dead-letters` against a real Kafka; the letters are those that observe writes."""

import asyncio
import gc
import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from monitor.cli.main import run
from monitor.connection import topic_name
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.observe.state import INPUTS
from monitor.registry.specs import KafkaSpec
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.republish import HEADER, _Replay
from monitor.stream.topics import create_topics
from tests.observe.stream import HOUR, MINUTE, T0, baseline, label, prediction, spec
from tests.stream.topics import close, committed, remake, shorten, transact

PARTITIONS = 2
CONFIG = """\
namespace: {namespace}
kafka: {{bootstrap: "{bootstrap}", partitions: 2}}
models: [{{id: m, signals: {{data_drift: }}}}]
"""
Cli = Callable[..., tuple[int, str, str]]


class Stream:
    """Input topics on Kafka, and observe as a worker would run it."""

    def __init__(self, address: str, namespace: str, config: Path) -> None:
        self.address, self.namespace, self.config = address, namespace, config
        self.applied: dict[tuple[str, int], int] = {}
        self.restart(Monitored(spec("m"), baseline()))

    def create(self) -> None:
        """Make the topics."""
        kafka = KafkaSpec(bootstrap=self.address, partitions=PARTITIONS)
        asyncio.run(create_topics(kafka, self.namespace))

    def restart(self, *models: Monitored) -> None:
        """Forget everything, and observe what has not been read yet with these models."""
        self.parts = [ObservePartition(models, n, PARTITIONS) for n in range(PARTITIONS)]

    def send(self, topic: str, partition: int, *values: Any) -> None:
        """Publish events, or bytes as they are, with a key and a header of the producer's."""

        async def sent() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.address) as producer:
                for value in values:
                    data = value if isinstance(value, bytes) else json.dumps(value).encode()
                    await producer.send_and_wait(
                        topic_name(self.namespace, topic),
                        data,
                        key=b"key",
                        partition=partition,
                        headers=[("trace", b"1")],
                    )

        asyncio.run(sent())

    def records(self, topic: str) -> list[Any]:
        """All committed records of a topic, once no transaction is open."""

        async def read() -> list[Any]:
            name = topic_name(self.namespace, topic)
            places = [TopicPartition(name, n) for n in range(PARTITIONS)]
            reading = AIOKafkaConsumer(
                bootstrap_servers=self.address,
                isolation_level="read_committed",
                auto_offset_reset="earliest",
            )
            await reading.start()
            try:
                reading.assign(places)
                async with AIOKafkaConsumer(bootstrap_servers=self.address) as sees_all:
                    ends = await sees_all.end_offsets(places)
                found: list[Any] = []
                while [p for p in places if await reading.position(p) < ends[p]]:
                    for some in (await reading.getmany(timeout_ms=100)).values():
                        found += some
                return found
            finally:
                await reading.stop()

        return asyncio.run(read())

    def observe(self) -> None:
        """Apply what is new and publish the letters, as one transaction."""
        outputs: list[Any] = []
        for topic in INPUTS:
            records = self.records(topic)
            for part in self.parts:
                applied = self.applied.get((topic, part.source), -1)
                mine = [r for r in records if r.partition == part.source and r.offset > applied]
                if mine:
                    part.apply(topic, mine)
                    self.applied[topic, part.source] = mine[-1].offset
        for part in self.parts:
            outputs += part.drain({}, False, ()).outputs
        letters = [
            (topic_name(self.namespace, out.topic), part_of(out.key), out.key, out.value)
            for out in outputs
            if out.topic != "panes"
        ]

        async def publish() -> None:
            await close(await transact(self.address, f"{self.namespace}-test", letters))
            for box in ("dead-letters", "late"):
                await committed(self.address, f"{self.namespace}.{box}", PARTITIONS)

        asyncio.run(publish())

    def counted(self, topic: str, outcome: str) -> int:
        """Events of that outcome, over the partitions."""
        return sum(part.accounting.counts[topic, outcome] for part in self.parts)


def part_of(key: bytes) -> int:
    return sum(key) % PARTITIONS


def written(folder: Path, kafka: EmbeddedKafka, namespace: str) -> Path:
    path = folder / "m.yaml"
    path.write_text(CONFIG.format(namespace=namespace, bootstrap=kafka.address))
    return path


def caller(stream: Stream, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a verb on the stream's configuration; its exit code, output and errors."""

    def command(verb: str, *words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["dead-letters", verb, str(stream.config), *words])
        out, err = capsys.readouterr()
        if "--yes" in words and code < 2:
            # A commit is answered before it is to be seen.
            asyncio.run(committed(stream.address, f"{stream.namespace}.dead-letters", PARTITIONS))
        return code, out, err

    return command


@pytest.fixture
def config(tmp_path: Path, kafka: EmbeddedKafka, namespace: str) -> Path:
    return written(tmp_path, kafka, namespace)


@pytest.fixture
def bare(kafka: EmbeddedKafka, namespace: str, config: Path) -> Stream:
    """A stream whose topics nobody has made."""
    return Stream(kafka.address, namespace, config)


@pytest.fixture
def stream(bare: Stream) -> Stream:
    bare.create()
    return bare


@pytest.fixture
def cli(bare: Stream, capsys: pytest.CaptureFixture[str]) -> Cli:
    return caller(bare, capsys)


@pytest.fixture(scope="module")
def read_only(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """Letters that several tests look at, and none adds to."""
    namespace = f"letters-{os.getpid()}"
    path = written(tmp_path_factory.mktemp("letters"), kafka, namespace)
    stream = Stream(kafka.address, namespace, path)
    stream.create()
    bad(stream)
    return stream


@pytest.fixture
def ask(read_only: Stream, capsys: pytest.CaptureFixture[str]) -> Cli:
    return caller(read_only, capsys)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def bad(stream: Stream) -> None:
    """Five letters of three reasons in both partitions, and one that is late."""
    stream.send("predictions", 0, b"{", b"\xff\x00\x1b[2J", prediction("a", T0, model_id="new"))
    stream.send("predictions", 1, prediction("b", T0, model_id="new"), prediction("ok", T0))
    stream.send("labels", 1, label("x y", T0, "yes"))
    far = prediction("far", T0 + 3 * HOUR + 12 * MINUTE + 30_000)
    stream.send("predictions", 1, far, prediction("c", T0))
    stream.observe()


# -- list and show -------------------------------------------------------------------------------


def test_nothing_is_told_as_that(stream: Stream, cli: Cli) -> None:
    assert cli("list") == (0, "No letter in dead-letters.\n", "")
    assert cli("list", "--late") == (0, "No letter in dead-letters and late.\n", "")
    assert cli("list", "--json") == (0, "", "")


def test_letters_are_counted_by_reason_model_and_topic(ask: Cli) -> None:
    code, out, err = ask("list")
    assert (code, err) == (0, "")
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    table = "\n".join(words(out))
    for row in (
        "2 2 malformed - predictions",
        "2 2 unknown_model - predictions",
        "1 1 limit_id m labels",
    ):
        assert re.search(rf"^{row} {time} {time}$", table, re.MULTILINE)
    assert "late" not in table.replace("the latest", "")
    for letter in objects(ask("list", "--json")[1]):
        model = letter["model_id"] or "-"
        row = f"{letter['id'][:12]} {letter['append_time'][:19]}"
        assert re.search(rf"^{row}\S* {letter['reason']} {model} \S", table, re.MULTILINE)
    assert words(out)[-1] == "5 letters, the latest 5 shown."
    shown = ask("list", "--late")[1]
    assert "1 1 late m predictions" in "\n".join(words(shown))
    assert "3 h 12 min behind" in shown
    assert words(ask("list", "--late", "--limit", "2")[1])[-1] == "6 letters, the latest 2 shown."


def test_ids_and_times_are_whole_in_a_narrow_terminal(
    ask: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = objects(ask("list", "--json")[1])
    monkeypatch.setenv("COLUMNS", "72")
    out = ask("list")[1]
    assert max(map(len, out.splitlines())) <= 72
    for letter in letters:
        assert f"{letter['id'][:12]}  {letter['append_time'][:19]}Z" in out
    assert len(re.findall(r"\dZ  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", out)) == 3


def test_machines_get_an_object_a_line(ask: Cli) -> None:
    letters = objects(ask("list", "--json", "--late")[1])
    assert [x["append_time"] for x in letters] == sorted(x["append_time"] for x in letters)
    found = {(x["box"], x["topic"], x["partition"], x["offset"]): x["reason"] for x in letters}
    assert found == {
        ("dead-letters", "predictions", 0, 0): "malformed",
        ("dead-letters", "predictions", 0, 1): "malformed",
        ("dead-letters", "predictions", 0, 2): "unknown_model",
        ("dead-letters", "predictions", 1, 0): "unknown_model",
        ("dead-letters", "labels", 1, 0): "limit_id",
        ("late", "predictions", 1, 3): "late",
    }
    assert {x["replays"] for x in letters} == {0}
    assert objects(ask("list", "--json", "--late", "--limit", "2")[1]) == letters[-2:]


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        (["--reason", "malformed"], ["malformed"] * 2),
        (["--reason", "malformed", "--reason", "limit_id"], ["limit_id"] + ["malformed"] * 2),
        (["--reason", "late"], ["late"]),
        (["--model", "m"], ["limit_id"]),
        (["--model", "-"], ["malformed"] * 2 + ["unknown_model"] * 2),
        (["--model", "other"], []),
        (["--since", "1h", "--reason", "limit_id"], ["limit_id"]),
        (["--since", "2999-01-01T00:00:00Z"], []),
        (["--since", "2020-01-01T00:00:00Z", "--model", "m"], ["limit_id"]),
    ],
)
def test_some_can_be_asked_for(ask: Cli, options: list[str], reasons: list[str]) -> None:
    assert sorted(x["reason"] for x in objects(ask("list", "--json", *options)[1])) == reasons
    if not reasons:
        assert ask("list", *options)[1] == "No such letter in dead-letters.\n"


def test_since_takes_what_came_at_that_very_time(ask: Cli) -> None:
    letters = objects(ask("list", "--json")[1])
    for n, letter in enumerate(letters):
        found = objects(ask("list", "--json", "--since", letter["append_time"])[1])
        times = [x["append_time"] for x in found]
        assert times == [x["append_time"] for x in letters if x["append_time"] >= times[0]]
        assert letter in found
        assert len(found) <= len(letters) - n + 1


def test_what_retention_has_taken_is_told(
    stream: Stream, cli: Cli, kafka: EmbeddedKafka, namespace: str
) -> None:
    bad(stream)
    asyncio.run(shorten(kafka.address, f"{namespace}.dead-letters", part_of(b"predictions"), 2))
    lines = words(cli("list")[1])
    assert lines[-2:] == [
        "3 letters, the latest 3 shown.",
        "Retention has taken older letters of dead-letters.",
    ]


def test_what_an_uncommitted_flush_wrote_is_no_letter(
    stream: Stream, cli: Cli, kafka: EmbeddedKafka, namespace: str
) -> None:
    bad(stream)
    (value, *_) = (r.value for r in stream.records("dead-letters"))

    async def aborted() -> None:
        record = (f"{namespace}.dead-letters", 0, b"k", value)
        await close(await transact(kafka.address, f"{namespace}-x", [record], end="abort"))

    asyncio.run(aborted())
    assert words(cli("list")[1])[-1] == "5 letters, the latest 5 shown."


def test_one_letter_is_shown_whole_with_its_remedy(ask: Cli) -> None:
    (letter,) = objects(ask("list", "--json", "--reason", "limit_id")[1])
    code, out, err = ask("show", letter["id"])
    assert (code, err) == (0, "")
    lines = words(out)
    for line in (
        f"letter {letter['id']}", "reason limit_id", "path $.prediction_id", "model m",
        "event labels, partition 1, offset 0", f"size {letter['size']} bytes",
        f"SHA-256 {letter['sha256']}", "replayed never", json.dumps(label("x y", T0, "yes")),
    ):  # fmt: skip
        assert line in lines
    assert "Make ids and versions of 1 to 128 letters" in out
    assert ask("show", letter["id"][:12])[1] == out
    assert objects(ask("show", letter["id"], "--json")[1]) == [letter]


def test_what_is_no_text_is_dumped_and_moves_no_cursor(ask: Cli) -> None:
    letters = objects(ask("list", "--json", "--reason", "malformed")[1])
    binary = next(x for x in letters if x["offset"] == 1)
    out = ask("show", binary["id"])[1]
    assert "00000000  ff 00 1b 5b 32 4a" in out
    assert "|...[2J|" in out
    assert "\x1b" not in out


def test_a_cut_character_does_not_make_text_a_dump(stream: Stream, cli: Cli) -> None:
    value = b'{"' + b"\xc3\xa9" * 2000
    stream.send("reviews", 0, value)
    stream.observe()
    (letter,) = objects(cli("list", "--json")[1])
    out = cli("show", letter["id"])[1]
    assert "The first 1,024 of 4,002 bytes:" in out
    assert '{"' + "é" * 511 in out


def test_a_redacted_letter_says_so(stream: Stream, cli: Cli) -> None:
    stream.restart(Monitored(spec("m", personal=("color",)), baseline()))
    stream.send("predictions", 0, b"{secret", prediction("a", -1))
    stream.observe()
    shown = [cli("show", x["id"])[1] for x in objects(cli("list", "--json")[1])]
    assert "Nothing of it is shown" in shown[0]
    assert "secret" not in shown[0]
    assert "What is known to be not personal:" in shown[1]
    assert '"color":"[redacted]"' in shown[1]


# -- replay --------------------------------------------------------------------------------------


def test_a_replay_is_dry_until_it_is_told_to_be_done(read_only: Stream, ask: Cli) -> None:
    before = {topic: len(read_only.records(topic)) for topic in (*INPUTS, "dead-letters", "late")}
    code, out, _ = ask("replay", "--reason", "unknown_model")
    assert code == 0
    assert "2 unknown_model - would be published again" in words(out)
    assert words(out)[-1] == "Nothing was published; with --yes it would be 2 records."
    after = {topic: len(read_only.records(topic)) for topic in before}
    assert after == before


def test_what_is_replayed_counts_once_its_cause_is_mended(stream: Stream, cli: Cli) -> None:
    """Same partition, key, bytes and headers; once, however often it is asked for."""
    bad(stream)
    stream.restart(Monitored(spec("m"), baseline()), Monitored(spec("new"), None))
    originals = {r.value: r for r in stream.records("predictions")}
    code, out, _ = cli("replay", "--reason", "unknown_model", "--yes")
    assert code == 0
    assert words(out)[-1] == "2 records published again."
    replayed = [r for r in stream.records("predictions") if dict(r.headers).get(HEADER)]
    letters = {x["id"]: x for x in objects(cli("list", "--json", "--reason", "unknown_model")[1])}
    assert {dict(r.headers)[HEADER].decode() for r in replayed} == set(letters)
    for record in replayed:
        original = originals[record.value]
        assert (record.partition, record.key) == (original.partition, original.key)
        assert record.headers == (*original.headers, record.headers[-1])
        assert record.offset > original.offset
    assert [x["replays"] for x in letters.values()] == [1, 1]

    stream.observe()
    assert stream.counted("predictions", "read") == 2
    assert stream.counted("predictions", "counted") == 2

    code, out, _ = cli("replay", "--reason", "unknown_model", "--yes")
    assert code == 0
    assert "2 unknown_model - replayed before" in words(out)
    assert words(out)[-1] == "0 records published again."
    code, out, _ = cli("replay", "--reason", "unknown_model", "--yes", "--again")
    assert words(out)[-1] == "2 records published again."
    stream.observe()
    assert stream.counted("predictions", "counted") == 2
    assert stream.counted("predictions", "duplicate") == 2
    assert {x["replays"] for x in objects(cli("list", "--json", "--model", "-")[1])} == {0, 2}


def test_what_is_refused_again_is_not_tried_a_third_time(stream: Stream, cli: Cli) -> None:
    bad(stream)
    assert cli("replay", "--reason", "malformed", "--yes")[0] == 0
    stream.observe()
    letters = objects(cli("list", "--json", "--reason", "malformed")[1])
    assert len(letters) == 4
    code, out, _ = cli("replay", "--reason", "malformed", "--yes", "--json")
    assert code == 0
    assert [x["outcome"] for x in objects(out)] == ["before"] * 4
    assert len([x for x in objects(out) if x["why"].endswith("refused again")]) == 2


def columns(stream: Stream) -> None:
    """A columnar record of four predictions, of which two are refused."""
    far = 4_000_000_000_000
    stream.send("predictions", 1, {
        "batch_id": "b", "model_id": "m", "model_version": "1", "predictions": ["no"] * 4,
        "timestamps": [T0, far, T0, far], "features": {"amount": [1.0] * 4},
    })  # fmt: skip
    stream.observe()


def test_a_columnar_record_is_replayed_once_for_all_its_letters(stream: Stream, cli: Cli) -> None:
    columns(stream)
    letters = objects(cli("list", "--json")[1])
    assert [(x["reason"], x["index"]) for x in letters] == [
        ("future_timestamp", 1), ("future_timestamp", 3),
    ]  # fmt: skip
    assert "row 1" in words(cli("show", letters[0]["id"])[1])
    code, out, _ = cli("replay", letters[0]["id"], "--yes")
    assert (code, words(out)[-1]) == (0, "1 record published again.")
    code, out, _ = cli("replay", "--reason", "future_timestamp", "--yes")
    assert (code, words(out)[-1]) == (0, "0 records published again.")
    assert {x["replays"] for x in objects(cli("list", "--json")[1])} == {1}
    stream.observe()
    assert stream.counted("predictions", "counted") == 2
    assert stream.counted("predictions", "duplicate") == 2
    assert stream.counted("predictions", "quarantined") == 4


def test_a_columnar_record_whose_other_predictions_would_count_twice_is_not_replayed(
    stream: Stream, cli: Cli
) -> None:
    columns(stream)
    text = stream.config.read_text()
    stream.config.write_text(text.replace("id: m,", "id: m, deduplicate: false,"))
    before = len(stream.records("predictions"))
    code, out, _ = cli("replay", "--model", "m", "--yes")
    assert code == 1
    assert "would count twice" in out
    assert len(stream.records("predictions")) == before


def test_a_late_event_stays_late(stream: Stream, cli: Cli) -> None:
    bad(stream)
    (letter,) = objects(cli("list", "--json", "--reason", "late")[1])
    assert cli("replay", letter["id"], "--yes")[0] == 0
    stream.observe()
    assert stream.counted("predictions", "late") == 2
    assert len(objects(cli("list", "--json", "--reason", "late")[1])) == 2


def test_a_limit_takes_the_oldest_and_tells_of_the_rest(stream: Stream, cli: Cli) -> None:
    for n in range(5):
        stream.send("labels", n % 2, label("a b", T0 + n, "yes"))
    stream.observe()
    oldest = [x["id"] for x in objects(cli("list", "--json")[1])]
    code, out, _ = cli("replay", "--model", "m", "--limit", "2", "--yes")
    assert code == 0
    assert "3 records beyond --limit left; run it again." in words(out)
    done = {dict(r.headers).get(HEADER, b"").decode() for r in stream.records("labels")} - {""}
    assert done == set(oldest[:2])
    assert cli("replay", "--model", "m", "--yes")[0] == 0
    done = {dict(r.headers).get(HEADER, b"").decode() for r in stream.records("labels")} - {""}
    assert done == set(oldest)


def test_what_cannot_be_replayed_bars_nothing(
    stream: Stream, cli: Cli, kafka: EmbeddedKafka, namespace: str
) -> None:
    stream.send("labels", 0, *(label("a b", T0 + n, "yes") for n in range(6)))
    stream.observe()
    asyncio.run(shorten(kafka.address, f"{namespace}.labels", 0, 3))
    code, out, _ = cli("replay", "--model", "m", "--limit", "2", "--yes", "--json")
    assert code == 1
    outcomes = [(x["offset"], x["outcome"]) for x in objects(out)]
    assert outcomes == [(n, "impossible") for n in range(3)] + [(3, "replayed"), (4, "replayed")]
    assert len(stream.records("labels")) == 3 + 2


def test_more_than_one_batch_is_published_in_order(
    stream: Stream, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.stream.republish.BATCH", 3)
    stream.send("labels", 1, *(label("a b", T0 + n, "yes") for n in range(10)))
    stream.observe()
    code, out, _ = cli("replay", "--model", "m", "--yes", "--json")
    assert code == 0
    records = stream.records("labels")
    assert [r.value for r in records[10:]] == [r.value for r in records[:10]]
    assert [x["published_offset"] for x in objects(out)] == [r.offset for r in records[10:]]


def test_what_retention_has_taken_cannot_be_replayed(
    stream: Stream, cli: Cli, kafka: EmbeddedKafka, namespace: str
) -> None:
    bad(stream)
    asyncio.run(shorten(kafka.address, f"{namespace}.predictions", 0, 2))
    code, out, _ = cli("replay", "--model", "-", "--yes")
    assert code == 1
    assert "2 malformed - cannot be replayed" in words(out)
    assert "2 unknown_model - published again" in words(out)
    assert "retention has taken offset 0; the oldest left is 2" in out


def test_another_record_in_its_place_is_not_replayed(
    stream: Stream, cli: Cli, kafka: EmbeddedKafka, namespace: str
) -> None:
    bad(stream)
    asyncio.run(remake(kafka.address, f"{namespace}.predictions", PARTITIONS))
    stream.send("predictions", 0, prediction("z", T0))
    code, out, _ = cli("replay", "--model", "-", "--yes", "--json")
    assert code == 1
    why = {(x["partition"], x["offset"]): x["why"] for x in objects(out)}
    assert why[0, 0] == "the record there has another SHA-256: the topic was recreated"
    for place in ((0, 1), (0, 2), (1, 0)):
        assert "it was recreated" in why[place]
    assert len(stream.records("predictions")) == 1
    assert {x["replays"] for x in objects(cli("list", "--json")[1])} == {0}


def test_who_begins_later_fences_who_has_not_ended(
    stream: Stream, cli: Cli, kafka: EmbeddedKafka, namespace: str
) -> None:
    """Of a replay that was stopped midway nothing stands; neither record nor marker."""
    bad(stream)
    (value, *_) = (r.value for r in stream.records("predictions"))
    name = f"{namespace}.predictions"

    async def stopped() -> AIOKafkaProducer:
        record = (name, 0, b"k", value)
        transactional_id = f"{namespace}-dead-letters-replay"
        return await transact(kafka.address, transactional_id, [record], end="leave")

    async def both() -> tuple[int, str, str]:
        producer = await stopped()
        try:
            return await asyncio.to_thread(cli, "replay", "--reason", "unknown_model", "--yes")
        finally:
            await close(producer)

    before = len(stream.records("predictions"))
    code, out, _ = asyncio.run(both())
    assert (code, words(out)[-1]) == (0, "2 records published again.")
    assert len(stream.records("predictions")) == before + 2


def test_of_two_replays_at_once_the_second_goes_on(
    stream: Stream,
    cli: Cli,
    kafka: EmbeddedKafka,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad(stream)
    read = _Replay._originals

    async def overtaken(self: _Replay, reading: Any, letters: Any) -> Any:
        await close(await transact(kafka.address, f"{namespace}-dead-letters-replay", [], "abort"))
        return await read(self, reading, letters)

    monkeypatch.setattr(_Replay, "_originals", overtaken)
    before = len(stream.records("predictions"))
    code, out, err = cli("replay", "--reason", "unknown_model", "--yes")
    gc.collect()
    assert [r for r in caplog.records if r.name == "asyncio"] == []
    assert (code, out) == (2, "")
    assert err == (
        "watchkeeper: another replay of this namespace has begun; wait until it is done\n"
    )
    assert len(stream.records("predictions")) == before
    assert {x["replays"] for x in objects(cli("list", "--json")[1])} == {0}


# -- refusals ------------------------------------------------------------------------------------


def test_an_unknown_id_is_refused(ask: Cli) -> None:
    for verb in ("show", "replay"):
        code, out, err = ask(verb, "feedfeed")
        assert (code, out) == (2, "")
        assert err.startswith("watchkeeper: no dead letter 'feedfeed'; ")
        assert "dead-letters list" in err
        assert err.count("\n") == 1


def test_the_beginning_of_several_is_refused(stream: Stream, cli: Cli) -> None:
    stream.send("labels", 0, *(label("a b", T0 + n, "yes") for n in range(40)))
    stream.observe()
    ids = [x["id"] for x in objects(cli("list", "--json", "--limit", "99")[1])]
    digit = next(d for d in "0123456789abcdef" if sum(x.startswith(d) for x in ids) > 1)
    code, out, err = cli("show", digit)
    assert (code, out) == (2, "")
    assert f"dead letters begin with '{digit}'" in err
    assert err.count("\n") == 1


def test_a_replay_of_everything_is_refused(cli: Cli) -> None:
    code, out, err = cli("replay", "--yes")
    assert (code, out) == (2, "")
    assert "say which: by ID, --reason or --model" in err


@pytest.mark.parametrize("option", [["--reason", "malfromed"], ["--since", "yesterday"]])
def test_what_no_letter_can_have_is_refused(cli: Cli, option: list[str]) -> None:
    code, out, err = cli("list", *option)
    assert (code, out) == (2, "")
    assert option[1] in err


@pytest.mark.parametrize("words_", [["list"], ["show", "ab"], ["replay", "ab"]])
def test_topics_that_are_not_there(
    cli: Cli, config: Path, namespace: str, words_: list[str]
) -> None:
    code, out, err = cli(*words_)
    assert (code, out) == (2, "")
    assert f"topic {namespace}.dead-letters is missing" in err
    assert f"watchkeeper topics create {config}" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("words_", [["list"], ["show", "ab"], ["replay", "--model", "m", "--yes"]])
def test_a_broker_that_does_not_answer(tmp_path: Path, cli: Cli, config: Path, words_: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config.write_text(CONFIG.format(namespace="none", bootstrap=f"127.0.0.1:{port}"))
    code, out, err = cli(*words_)
    assert (code, out) == (2, "")
    assert f"no Kafka answers at 127.0.0.1:{port}" in err
    assert err.count("\n") == 1
