import json
from pathlib import Path

import numpy as np
import pytest

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.cli.main import run
from monitor.registry.specs import DAY_MS

CONFIG = """\
models:
  - id: credit
    positive: default
    baseline: {path: credit.json}
    signals:
      data_drift: {features: {exclude: [channel]}}
      prediction_drift:
      performance: {metric: f1}
    labels: {max_delay: 7d}
"""


def baseline(
    model_id: str = "credit", labels: bool = True, id: str = "train", numeric: bool = True
) -> bytes:
    random = np.random.default_rng(1)
    rows = 1_000
    truth = random.choice(["default", "repaid"], rows)
    made = build_baseline(
        id,
        model_id,
        {
            "income": random.normal(size=rows) if numeric else list("ab" * (rows // 2)),
            "channel": list(random.choice(["web", "branch"], rows)),
        },
        prediction=list(truth),
        labels=list(truth) if labels else None,
        max_delay_ms=7 * DAY_MS,
    )
    return made.to_json()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "credit.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    (tmp_path / "credit.json").write_bytes(baseline())
    return path


def test_a_fine_configuration_is_told_in_words(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(config)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == (
        f"{config}: 1 model, namespace watchkeeper, Kafka at 127.0.0.1:19092 (PLAINTEXT), "
        "4 partitions, replication 1"
    )
    assert lines[2:-1] == [
        "credit: classification, risk tier medium, authority dry_run",
        "baseline credit.json: train, 1,000 rows, 2 features (1 categorical, 1 numeric), "
        "1,000 labels",
        "data drift windows of 1h, open 10m longer for late events, at least 500 rows",
        "features all, except channel",
        "psi > 0.1 medium, > 0.2 high, > 0.3 critical",
        "rates > 0.01 medium, > 0.05 high, > 0.1 critical",
        "prediction drift windows of 1h, open 10m longer for late events, at least 500 rows",
        "psi > 0.1 medium, > 0.2 high, > 0.3 critical",
        "js_divergence > 0.1 medium",
        "performance windows of 1h, open 10m longer for late events, at least 100 labels",
        "f1 of class default, against the baseline and the last 4 periods",
        "drop > 0.03 medium, > 0.05 high, > 0.1 critical",
        "concept > 0.03 medium, > 0.05 high, > 0.1 critical",
        "labels within 7d, for at least 80% of the predictions",
        "reviews within 7d",
        "memory unknown; give `expected_rate`, in predictions a second",
        "at most 180,000,000 ids a partition, 19.8 GB of a worker's disk; beyond, windows are "
        "inconclusive",
        "time panes of 1h, events up to 30s out of order",
    ]


def test_a_baseline_without_times_cannot_expire(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = CONFIG.replace("path: credit.json", "path: credit.json, expires_after: 90d")
    assert text != CONFIG
    config.write_text(text)
    assert run(["check", str(config)]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "train does not say when its data ends, so expires_after has no meaning" in told


def test_annotated_periods_are_told_of(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    period = "{from: 2026-12-24T01:00:00+01:00, until: 2026-12-27T00:00:00Z, why: Christmas}"
    config.write_text(CONFIG.replace("    labels:", f"    annotations: [{period}]\n    labels:"))
    assert run(["check", str(config)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "annotated 2026-12-24T00:00:00Z to 2026-12-27T00:00:00Z: Christmas" in told


def test_windows_that_are_judged_early_are_told_of(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early = "prediction_drift: {window: {provisional: true}}"
    config.write_text(CONFIG.replace("prediction_drift:", early), encoding="utf-8")
    assert run(["check", str(config)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    told = "windows of 1h, open 10m longer for late events and judged before too, at least 500 rows"
    assert f"prediction drift {told}" in out
    assert out.count("judged before too") == 1


def test_memory_is_reckoned_from_the_expected_rate(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """100/s for 7 d, and the 2 h 10 min until the last pane and hour are over, in 4 partitions."""
    text = config.read_text()
    config.write_text(text.replace("    labels:", "    expected_rate: 100\n    labels:"))
    assert run(["check", str(config)]) == 0
    ids = 100 * (7 * 86_400 + 2 * 3600 + 600) / 4
    told = " ".join(capsys.readouterr().out.split())
    assert f"memory {ids:,.0f} ids a partition at 100/s: 1.7 GB of a worker's disk" in told
    assert run(["check", str(config), "--json"]) == 0
    model = json.loads(capsys.readouterr().out)["models"][0]
    assert model["memory"]["ids"] == ids
    assert model["memory"]["store_bytes"] == 110 * ids
    assert model["most_remembered"] == 4 * ids
    assert f"at most {4 * int(ids):,} ids a partition, 6.7 GB of a worker's disk" in told


def test_a_cap_below_what_is_expected_is_refused(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its windows would be inconclusive day by day."""
    text = config.read_text()
    limits = "    expected_rate: 1\n    max_remembered: 1000\n    labels:"
    config.write_text(text.replace("    labels:", limits))
    assert run(["check", str(config)]) == 1
    told = capsys.readouterr().out
    assert "model credit needs 153,150 ids a partition at 1/s, and max_remembered is 1,000" in told


def test_more_than_a_partition_should_hold_is_refused(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(
        config.read_text().replace("    labels:", "    expected_rate: 1e6\n    labels:")
    )
    assert run(["check", str(config)]) == 1
    told = capsys.readouterr().out
    assert "the limits are 100 GB and 60 min: raise kafka.partitions" in told


def test_machines_get_it_resolved(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(config), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["fine"], answer["problems"]) == (True, [])
    (model,) = answer["models"]
    found = Baseline.from_json((config.parent / "credit.json").read_bytes())
    assert model["baselines_found"] == [
        {
            "id": "train",
            "rows": 1_000,
            "fingerprint": found.fingerprint,
            "features": {"income": "numeric", "channel": "categorical"},
        }
    ]
    assert model["data_drift"]["windows"][0]["size_ms"] == model["pane_ms"] == 3_600_000
    assert len(model["config_hash"]) == 16


def test_a_model_without_a_baseline_is_fine_and_told(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("id: m\nsignals: {data_drift: }\nclock: events\nvendor: {name: acme}\n")
    assert run(["check", str(config)]) == 0
    out = capsys.readouterr().out
    assert "nothing can be judged; build one with `watchkeeper baseline build`" in out
    assert "m: classification, risk tier medium, authority dry_run, its events are the clock" in out
    assert "vendor acme" in out


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_baseline_that_is_missing_is_refused_and_the_rest_still_told(
    config: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    (config.parent / "credit.json").unlink()
    assert run(["check", str(config), *flags]) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"watchkeeper: {config.parent / 'credit.json'}: the baseline of model")
    assert err.count("\n") == 1
    assert "credit" in out
    if flags:
        assert json.loads(out)["fine"] is False


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{}", "not a baseline"),
        (baseline(model_id="other"), "a baseline of model 'other', configured for 'credit'"),
    ],
)
def test_a_baseline_that_is_none_of_the_model_is_refused(
    config: Path, capsys: pytest.CaptureFixture[str], data: bytes, told: str
) -> None:
    (config.parent / "credit.json").write_bytes(data)
    assert run(["check", str(config)]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "data", "told"),
    [
        (("exclude: [channel]", "include: [incom]"), baseline(), 'did you mean "income"?'),
        (("exclude: [channel]", "exclude: [chanel]"), baseline(), 'did you mean "channel"?'),
        (("exclude: [channel]", "exclude: ['*']"), baseline(), "no feature is judged of train"),
        (("positive: default", "positive: yes"), baseline(), 'positive "yes" is no class of'),
        (("max_delay: 7d", "max_delay: 30d"), baseline(), "labels.max_delay is 30d, and 7d in"),
        (("", ""), baseline(labels=False), "the baseline train has no labels"),
        (("labels:", "personal: [incom]\n    labels:"), baseline(), '"incom" in personal is none'),
        (
            ("labels:", "features: {income: categorical, channel: categorical}\n    labels:"),
            baseline(),
            'feature "income" is declared categorical, and numeric in the baseline train',
        ),
        (
            ("labels:", "features: {channel: categorical, age: numeric}\n    labels:"),
            baseline(),
            'feature "age" is declared, and the baseline train has none',
        ),
    ],
)
def test_a_baseline_that_does_not_fit_fails_the_check(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    data: bytes,
    told: str,
) -> None:
    config.write_text(CONFIG.replace(*change), encoding="utf-8")
    (config.parent / "credit.json").write_bytes(data)
    assert run(["check", str(config)]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert told in out.splitlines()[-1]
    assert out.splitlines()[-1].startswith(f"{config}: model credit: ")


SCHEDULE = CONFIG.replace(
    "baseline: {path: credit.json}",
    "baseline: [{path: credit.json}, {path: may.json, effective_from: 2026-05-01T02:00:00+02:00}]",
)


def test_a_scheduled_baseline_is_told_with_its_time(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(SCHEDULE, encoding="utf-8")
    (config.parent / "may.json").write_bytes(baseline(id="may"))
    assert run(["check", str(config)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    found = "1,000 rows, 2 features (1 categorical, 1 numeric), 1,000 labels"
    assert lines[3:5] == [
        f"baseline credit.json: train, {found}",
        f"from 2026-05-01T00:00:00Z: may.json: may, {found}",
    ]
    assert run(["check", str(config), "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert [found["id"] for found in model["baselines_found"]] == ["train", "may"]


@pytest.mark.parametrize(
    ("data", "status", "told"),
    [
        (None, 2, "may.json: the baseline of model credit does not exist"),
        (baseline(id="may", labels=False), 1, "the baseline may has no labels"),
        (baseline(id="may", numeric=False), 2, "feature/income is categorical in the baseline may"),
    ],
)
def test_a_scheduled_baseline_must_fit_before_its_time_has_come(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    data: bytes | None,
    status: int,
    told: str,
) -> None:
    config.write_text(SCHEDULE, encoding="utf-8")
    if data is not None:
        (config.parent / "may.json").write_bytes(data)
    assert run(["check", str(config)]) == status
    assert told in "".join(capsys.readouterr())


def test_a_broken_configuration_is_told_without_a_traceback(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG.replace("signals", "singals"), encoding="utf-8")
    assert run(["check", str(config)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f'watchkeeper: {config}:5: unknown key "singals" in models[0]; did you mean "signals"?\n'
    )


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_told(
    config: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    config.unlink()
    if content is not None:
        config.write_bytes(content)
    assert run(["check", str(config)]) == 2
    assert f"{config}: cannot be read" in capsys.readouterr().err
