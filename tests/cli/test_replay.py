"""`watchkeeper replay`: what a person and a machine get, the files, and what is refused."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from monitor.cli.main import run
from tests.observe.stream import HOUR, T0, baseline

CONFIG = """
namespace: replayed
models:
  - id: m
    baseline: {{type: reference, path: ref.json}}
    clock: append
    labels: {{max_delay: 8h, min_coverage: 0.5}}
    signals:
      data_drift: {{window: {{size: 1h}}, min_samples: 50, thresholds: {{psi: {psi}}}}}
      prediction_drift: {{window: {{size: 1h}}, min_samples: 50}}
      performance: {{window: {{size: 1h}}, min_samples: 20}}
"""
RNG = np.random.default_rng(11)
N = 1200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hours: as the baseline, and from the third on with amounts that have risen."""
    folder = tmp_path_factory.mktemp("past")
    (folder / "ref.json").write_bytes(baseline().to_json())
    (folder / "config.yaml").write_text(CONFIG.format(psi="{medium: 0.1, high: 0.2}"))
    (folder / "deaf.yaml").write_text(CONFIG.format(psi="{medium: 50, high: 60, critical: 70}"))
    times = np.sort(RNG.integers(0, 4 * HOUR, N)) + T0
    amount = RNG.normal(100, 15, N) + 60 * (times >= T0 + 2 * HOUR)
    predicted = np.where(amount > 110, "yes", "no")
    past = pl.DataFrame(
        {
            "prediction_id": [f"p{n}" for n in range(N)],
            "timestamp": times,
            "amount": amount,
            "color": RNG.choice(["red", "green", "blue"], N, p=[0.5, 0.3, 0.2]),
            "prediction": predicted,
            "score": amount / 200,
            "label": predicted,
            "label_timestamp": times + RNG.integers(0, 8 * HOUR, N),
        }
    )
    past.write_parquet(folder / "past.parquet")
    past.head(600).write_csv(folder / "first.csv")
    past.tail(600).write_csv(folder / "second.csv")
    return folder


def ask(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    paths = [str(folder / a) if "." in a and not a.startswith("-") else a for a in arguments]
    code = run(["replay", *paths])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_report_says_what_when_and_why(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ask(folder, capsys, "config.yaml", "past.parquet")
    assert (code, err) == (0, "")
    head, *lines = out.splitlines()
    assert head == "m 1,200 predictions, 1,200 labels"
    # The third hour, which is as the reference no more.
    risen = [line for line in lines if line.startswith("2013-05-31 13:00Z")]
    assert any("critical" in line and "amount: PSI" in line for line in risen)
    assert any(line.startswith("found: ") and "critical" in line for line in lines)
    assert any(line.startswith("would have been done: ") and "alert" in line for line in lines)
    assert "data_drift: 4 windows judged" in lines
    assert any("1,200 predictions and 1,200 labels in " in line for line in lines)
    assert "\x1b" not in out, "no colours into a pipe"


def test_many_findings_are_told_by_subject(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = ask(folder, capsys, "config.yaml", "past.parquet", "--limit", "1")
    assert code == 0
    assert out.splitlines()[1].split() == [
        "first", "detector", "subject", "findings", "the", "gravest",
    ]  # fmt: skip
    assert "--limit shows more of them one by one" in out


def test_files_are_read_together_in_any_order(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [
        json.loads(ask(folder, capsys, "config.yaml", *files, "--json")[1])
        for files in (["past.parquet"], ["second.csv", "first.csv"])
    ]
    assert told[0] == told[1]
    assert told[0]["events"]["predictions"] == {"counted": N, "read": N}
    assert told[0]["events"]["labels"] == {"counted": N, "read": N}


def test_the_events_go_into_a_file_or_all_topics_into_a_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "events.jsonl", tmp_path / "out"
    assert ask(folder, capsys, "config.yaml", "past.parquet", "--out", str(file))[0] == 0
    assert ask(folder, capsys, "config.yaml", "past.parquet", "--out", f"{out}/")[0] == 0
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert {event["type"].rpartition(".watchkeeper.")[2] for event in events} == {
        "drift.detected.v1", "window.judged.v1",
    }  # fmt: skip
    assert (out / "drift-events.jsonl").read_bytes() == file.read_bytes()
    alerts = [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()]
    assert {alert["data"]["event_key"] for alert in alerts} <= {
        event["data"]["event_key"] for event in events
    }
    assert (out / "rollbacks.jsonl").exists()
    assert json.loads((out / "summary.json").read_text())["models"][0]["id"] == "m"
    code, _, err = ask(folder, capsys, "config.yaml", "past.parquet", "--out", "no/where.jsonl")
    assert code == 2
    assert "name a writable file" in err


def test_two_policies_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ask(
        folder, capsys, "config.yaml", "past.parquet", "--against", str(folder / "deaf.yaml")
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert any("1,200 predictions and 1,200 labels under two policies in " in s for s in lines)
    for name in ("config.yaml", "deaf.yaml"):
        assert any(line.startswith(f"{folder / name}: ") for line in lines)
    only = next(line for line in lines if f"only by {folder / 'config.yaml'}" in line)
    assert not only.startswith("0")
    assert any(line.startswith(f"0 findings only by {folder / 'deaf.yaml'}") for line in lines)
    answer = json.loads(
        ask(
            folder, capsys, "config.yaml", "past.parquet", "--json",
            "--against", str(folder / "config.yaml"),
        )[1]
    )  # fmt: skip
    found = sum(sum(of.values()) for of in answer["models"][0]["findings"].values())
    nothing = {"only_one": 0, "only_other": 0, "graver": 0, "milder": 0}
    assert answer["against"] == {"m": nothing | {"same": found}}


def test_a_stretch_of_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(
        ask(
            folder, capsys, "config.yaml", "past.parquet", "--json",
            "--since", "2013-05-31T12:00:00", "--until", "2013-05-31T14:00:00+01:00",
        )[1]
    )  # fmt: skip
    (model,) = answer["models"]
    assert model["windows"]["data_drift"] == {"judged": 1, "not_judged": {}}
    events = answer["events"]
    assert events["labels"] == events["predictions"]
    assert 0 < events["predictions"]["counted"] < N
    code, _, err = ask(folder, capsys, "config.yaml", "past.parquet", "--since", "2030-01-01")
    assert (code, err) == (2, "watchkeeper: no prediction lies between --since and --until; "
                              "widen them\n")  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["config.yaml", "missing.csv"], "missing.csv: No such file or directory"),
        (["config.yaml", "ref.txt"], "no table by its ending; known: .csv"),
        (["missing.yaml", "past.parquet"], "missing.yaml: cannot be read"),
        (["config.yaml", "past.parquet", "--model", "x"], "config.yaml: no model x; it has m"),
        (["config.yaml", "past.parquet", "--since", "soon"], "'soon' is no time; write it as"),
        (["config.yaml", "past.parquet", "--score", "sure"], "no column 'sure' for --score"),
        (["config.yaml"], "Missing argument 'FILE...'"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_a_remedy(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    code, out, err = ask(folder, capsys, *arguments)
    assert (code, out) == (2, "")
    assert why in err
