"""`watchkeeper baseline build`: a file that workers can judge by, and what it has learned."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from monitor.baselines.baseline import Baseline
from monitor.cli._listed import listed, table
from monitor.cli.main import run
from monitor.stream.models import read_config

CONFIG = """
models:
  - id: delays
    baseline: {type: reference, path: delays.json}
    signals: {data_drift: {window: {size: 1h}}}
    labels: {max_delay: 8h}
  - id: bare
    signals: {data_drift: {window: {size: 1h}}}
  - id: whole
    baseline: {type: reference, path: whole.json}
    signals:
      data_drift: {window: {size: 1h}}
      prediction_drift: {window: {size: 1h}}
      performance: {window: {size: 1h}}
    labels: {max_delay: 8h}
  - id: two
    baseline: [{path: a.json}, {path: b.json, effective_from: 2026-03-01T00:00:00Z}]
    signals: {data_drift: {window: {size: 1h}}}
"""
MAY = datetime(2013, 5, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models.yaml").write_text(CONFIG)
    events, rows = [], ["dep,carrier,late,landed,said\n"]
    for i in range(200):
        made, carrier, late = MAY + timedelta(minutes=i), "AU"[i % 2] + "A", i % 3 == 0
        event = {
            "prediction_id": f"p{i}",
            "model_id": "delays",
            "model_version": "1",
            "timestamp": made.isoformat(),
            "features": {"distance": float(i % 50), "carrier": carrier},
            "prediction": i % 4 == 0,
            "score": i / 200,
        }
        if i % 10:
            landed = (made + timedelta(hours=2)).isoformat()
            event |= {"label": late, "label_timestamp": landed}
        events.append(json.dumps(event))
        rows.append(f"{i % 50},{carrier},{late},{made:%Y-%m-%d %H:%M},{i % 4 == 0}\n")
    (tmp_path / "events.jsonl").write_text("\n".join(events))
    (tmp_path / "flat.csv").write_text("".join(rows))
    return tmp_path


def build(folder: Path, *arguments: str) -> int:
    return run(["baseline", "build", str(folder / "models.yaml"), *arguments])


def test_events_become_the_baseline_that_the_configuration_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(folder, "delays", str(folder / "events.jsonl")) == 0
    baseline = Baseline.from_json((folder / "delays.json").read_bytes())
    assert (baseline.id, baseline.model_id, baseline.rows) == ("delays", "delays", 200)
    assert dict(baseline.features) == {"distance": "numeric", "carrier": "categorical"}
    assert baseline.outcomes is not None
    assert baseline.outcomes.total.sum() == 180
    assert baseline.outcomes.cumulative(2 * 3_600_000 - 1).sum() == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "distance" in told and "prediction" in told and "score" in told  # noqa: PT018
    assert "Labels in time: 180 of 200 predictions (90.0%), 2 classes, accuracy" in told
    assert "delays, 200 rows from 2013-05-01T00:00:00Z to 2013-05-01T03:19:00Z" in told
    assert baseline.fingerprint in told
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == [], "nothing half"


def test_columns_of_a_flat_table_are_mapped_by_options(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--prediction", "said", "--label", "late", "--timestamp", "landed"]
    out = str(folder / "flat.json")
    assert build(folder, "bare", str(folder / "flat.csv"), "--out", out, "--id", "may", *flags) == 0
    baseline = Baseline.from_json(Path(out).read_bytes())
    assert (baseline.id, baseline.start_ms) == ("may", int(MAY.timestamp() * 1000))
    assert list(baseline.features) == ["dep", "carrier"]
    assert "label ages unknown" in " ".join(capsys.readouterr().out.split())


def test_without_labels_it_says_what_cannot_be_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(folder / "flat.json")
    assert build(folder, "bare", str(folder / "flat.csv"), "--out", out) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Performance cannot be judged with it: no column of prediction or label" in told
    assert "Left out (holds times): landed" in told


def test_a_file_that_is_replaced_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(folder, "delays", str(folder / "events.jsonl")) == 0
    assert "Replaced" not in capsys.readouterr().out
    assert build(folder, "delays", str(folder / "events.jsonl")) == 0
    assert "Replaced the delays.json that was there before." in capsys.readouterr().out


def test_a_good_baseline_is_not_replaced_by_one_without_the_signals_roles(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = ["--prediction", "said", "--label", "late"]
    flat = str(folder / "flat.csv")
    assert build(folder, "whole", flat, *roles) == 0
    good = (folder / "whole.json").read_bytes()
    capsys.readouterr()
    assert build(folder, "whole", flat) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "no column of prediction or label" in told.err
    assert "--prediction COLUMN and --label COLUMN" in told.err
    assert (folder / "whole.json").read_bytes() == good


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope", "flat.csv"), "no model 'nope'; it has delays, bare, whole, two"),
        (("bare", "flat.csv"), "bare names no baseline; say where to write with --out"),
        (("two", "flat.csv"), "two names 2 baselines (a.json, b.json); say where to write with"),
        (("delays", "gone.csv"), "gone.csv: No such file"),
        (("delays", "flat.csv", "--score", "zz"), "no column 'zz' for --score"),
        (("delays", "flat.csv", "--out", "/nope/b.json"), "/nope/b.json: No such file"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    model, file, *rest = arguments
    assert build(folder, model, str(folder / file), *rest) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert told.err.count("\n") == 1
    assert not (folder / "delays.json").exists()


def history(folder: Path, days: int) -> str:
    """Eight predictions a day from the first of January on."""
    rows = ["amount,at\n"]
    for i in range(days * 8 + 1):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=3 * i)
        rows.append(f"{(i * 37) % 101},{at:%Y-%m-%d %H:%M}\n")
    (folder / "history.csv").write_text("".join(rows))
    (folder / "daily.yaml").write_text(
        "{id: daily, baseline: {path: daily.json},"
        " signals: {data_drift: {window: [{size: 1d}, {size: 30d}], min_samples: 8}}}"
    )
    return str(folder / "history.csv")


def daily(folder: Path, days: int, *options: str) -> int:
    file = history(folder, days)
    config = str(folder / "daily.yaml")
    return run(["baseline", "build", config, "daily", file, "--timestamp", "at", *options])


def test_the_later_part_of_a_history_becomes_own_windows_unless_it_is_refused(folder: Path) -> None:
    assert daily(folder, 300) == 0
    baseline = Baseline.from_json((folder / "daily.json").read_bytes())
    assert baseline.rows == 120 * 8
    assert [(own.size_ms, own.windows) for own in baseline.own] == [(86_400_000, 180)]
    assert daily(folder, 300, "--no-own-windows") == 0
    whole = Baseline.from_json((folder / "daily.json").read_bytes())
    assert (whole.rows, whole.own) == (2401, ())


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_it_is_said_of_each_length_what_can_be_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daily(folder, 300) == 0
    said = told(capsys)
    assert (
        "Own windows of 1d: 180 from 2026-05-01T00:00:00Z to 2026-10-28T00:00:00Z, 8 rows" in said
    )
    assert "Data drift over 1d: 1 of 1 columns by" in said
    assert "over 30d: the history has 10 whole windows, and 40 are needed" in said
    assert "the limits alone judge, and no budget of false alarms is kept" in said
    assert "fewer than 150" not in said
    assert run(["check", str(folder / "daily.yaml")]) == 0
    assert "960 rows, 1 feature (1 numeric), no labels, 180 own windows of 1d" in told(capsys)
    assert daily(folder, 45) == 0
    assert "over 1d: " in (said := told(capsys))
    assert "fewer than 150 own windows" in said
    assert daily(folder, 30) == 0
    assert "Data drift over 1d: the history has 30 whole windows, and 40 are needed" in told(capsys)


def test_windows_that_are_too_thin_to_be_judged_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = history(folder, 300)
    config = folder / "daily.yaml"
    config.write_text(config.read_text().replace("min_samples: 8", "min_samples: 9"))
    assert run(["baseline", "build", str(config), "daily", file, "--timestamp", "at"]) == 0
    assert "most windows have fewer than 9 rows (min_samples): such are not judged" in told(capsys)


def test_why_there_are_no_own_windows_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daily(folder, 300, "--no-own-windows") == 0
    assert "No own windows. So the limits alone judge" in told(capsys)
    config, file = str(folder / "daily.yaml"), str(folder / "history.csv")
    assert run(["baseline", "build", config, "daily", file]) == 0
    assert "No own windows: name the column of times with --timestamp. So" in told(capsys)


def test_a_baseline_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert daily(folder, 300) == 0
    capsys.readouterr()
    path = folder / "daily.json"
    assert run(["baseline", "show", str(path)]) == 0
    said = told(capsys)
    fingerprint = Baseline.from_json(path.read_bytes()).fingerprint
    assert "daily of daily: 960 rows from 2026-01-01T00:00:00Z to 2026-04-30T21:00:00Z" in said
    assert f"fingerprint {fingerprint}, {path.stat().st_size / 1000:.1f} kB" in said
    own = json.loads(path.read_bytes())["own_windows"]
    assert f"of which its own windows are {len(json.dumps(own)) / 1000:.1f} kB" in said
    assert "amount numeric 960 0.0% 0.0%" in said
    assert "Own windows of 1d: 180 from 2026-05-01T00:00:00Z" in said
    assert run(["baseline", "show", str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["bytes"] == path.stat().st_size
    assert answer["until"] == "2026-10-28T00:00:00Z"
    assert answer["own_windows"] == [
        {
            "size": "1d",
            "windows": 180,
            "from": "2026-05-01T00:00:00Z",
            "to": "2026-10-28T00:00:00Z",
            "median_rows": 8,
        }
    ]
    assert answer["columns"][0]["values"] == 960
    assert run(["baseline", "show", str(folder / "gone.json")]) == 2
    assert "gone.json: the baseline does not exist" in capsys.readouterr().err
    (folder / "bad.json").write_text("{}")
    assert run(["baseline", "show", str(folder / "bad.json")]) == 2
    assert "bad.json: not a baseline" in capsys.readouterr().err


def test_baselines_are_listed_with_those_that_are_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = str(folder / "flat.csv")
    assert build(folder, "two", flat, "--out", str(folder / "a.json"), "--timestamp", "landed") == 0
    capsys.readouterr()
    assert run(["baseline", "list", str(folder / "models.yaml")]) == 1
    said = told(capsys)
    assert "two a a.json the beginning 200" in said
    assert "two - b.json 2026-03-01T00:00:00Z - - - cannot be used" in said
    assert "bare: no baseline, so that nothing can be judged" in said
    assert "b.json: the baseline of model two does not exist" in said
    assert run(["baseline", "list", str(folder / "models.yaml"), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [(row["model_id"], row["usable"]) for row in rows] == [
        ("delays", False), ("bare", False), ("whole", False), ("two", True), ("two", False),
    ]  # fmt: skip
    assert rows[3]["until"] == "2013-05-01T03:19:00Z"


def test_a_list_in_which_all_is_there_is_fine_and_ages_count_from_the_end_of_the_history(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daily(folder, 300) == 0
    capsys.readouterr()
    assert run(["baseline", "list", str(folder / "daily.yaml")]) == 0
    assert "180 of 1d" in told(capsys)
    end = datetime(2026, 10, 28, tzinfo=UTC)
    config = read_config(folder / "daily.yaml")
    later = int((end + timedelta(days=3)).timestamp() * 1000)
    (one,) = listed(config, later)
    assert (one.age_ms, one.why) == (3 * 86_400_000, None)
    (early,) = listed(config, int(end.timestamp() * 1000) - 1)
    assert early.age_ms == 0


def test_one_that_has_expired_is_marked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "daily.yaml"
    assert daily(folder, 300) == 0
    path.write_text(path.read_text().replace("daily.json}", "daily.json, expires_after: 90d}"))
    end = int(datetime(2026, 10, 28, tzinfo=UTC).timestamp() * 1000)
    term = 90 * 86_400_000
    for now, expired in ((end + term, False), (end + term + 1, True)):
        found = list(listed(read_config(path), now))
        assert [one.expired for one in found] == [expired]
        Console(width=200).print(table(found))
        assert ("90 d, expired" in capsys.readouterr().out) is expired
