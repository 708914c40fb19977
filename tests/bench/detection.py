"""The detection table: who raises how many false alarms, and who finds drift how soon.

Beside one another, on the same windows: the product's own judgement at one false window in 1,000,
the usual thresholds (PSI > 0.1, p < .05), and Evidently and NannyML by their own defaults. A delay
is in windows, the first with drift being 1; who never finds it in those that were looked at has one
more. Peers see rows, and fewer windows: each takes them a second or so.
"""

import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from monitor.baselines.build import build_baseline
from monitor.detectors.registry import detectors_for
from monitor.detectors.window import InputWindow
from monitor.registry.specs import ModelSpec, PredictionDriftSpec
from monitor.stats.column import count
from tests.bench import compared, histories, simulated
from tests.bench.figures import Figures
from tests.bench.histories import History
from tests.bench.judges import JUDGES, NOMINAL, OURS, Alarms, Columns, Judge, delay, false_alarms

EVIDENTLY, NANNYML = "Evidently, its defaults", "NannyML, its defaults"
PEERS = {EVIDENTLY: ("evidently", "evidently_drift.py"), NANNYML: ("nannyml", "nannyml_drift.py")}
#: Windows that a peer is asked about, without drift and with it: Evidently takes seconds for each.
WINDOWS = {EVIDENTLY: (12, 4), NANNYML: (90, 16)}
#: Windows in which a drift is looked for; where they remember the one before, it takes longer.
HORIZON, LONG = 16, 32
#: So many simulated baselines: ours is rarely wrong, and the usual thresholds on most windows.
BASELINES, FEW = 60, 6
FALSE, FIND = "windows with a false alarm", "windows to find"
Pythons = dict[str, Path]


def rows(figures: Figures, pythons: Pythons) -> None:
    """Independent rows, 20 columns, 200 a window: no drift, and a quarter of an sd in one."""
    rng, scene = np.random.default_rng(1), "i.i.d., n = 200"
    quiet: dict[str, Alarms] = {name: [] for name in JUDGES}
    delays: dict[str, list[int]] = {name: [] for name in JUDGES}
    for n in range(BASELINES):
        columns = simulated.independent(rng, 40_000, 200, 100)
        moved = simulated.drawn_windows(rng, columns["0"].grid, 200, np.full(HORIZON, 0.25))
        drifted = _until(columns) | {"0": columns["0"].after(moved)}
        for name, judge in _asked(n):
            quiet[name] += judge(columns)
            delays[name].append(delay(judge(drifted), "0"))
    for name in JUDGES:
        _told(figures, scene, name, quiet[name], {"0.25 sd": delays[name]})

    def drawn(quiet: int, drifted: int) -> History:
        ends = 10_000 + 200 * np.arange(quiet + drifted + 1)
        values = {str(n): rng.standard_normal(ends[-1]) for n in range(simulated.COLUMNS)}
        values["0"][ends[quiet] :] += 0.25
        return History(values, ends, 1, 0)

    _peers(figures, scene, pythons, drawn, {"0.25 sd": "0"})
    figures.limit(f"{scene}: {OURS}, {FALSE}", 100 * NOMINAL)
    figures.limit(f"{scene}: {OURS}, {FIND} 0.25 sd", 3)


def days(figures: Figures, pythons: Pythons) -> None:
    """Windows that remember the one before, 20 columns: no drift, and one or two sd of theirs."""
    for rho in (0.2, 0.4, 0.6):
        rng, scene = np.random.default_rng(round(rho * 10)), f"AR(1), ρ = {rho}"
        quiet: dict[str, Alarms] = {name: [] for name in JUDGES}
        delays: dict[str, dict[str, list[int]]] = {name: {} for name in JUDGES}
        for n in range(BASELINES // 2):
            columns, means = simulated.remembering(rng, rho, 1000, 160)
            for name, judge in _asked(n):
                quiet[name] += judge(columns)
            if n >= 2 * FEW:
                continue
            for column, sd in (("0", 1), ("1", 1), ("2", 1), ("0", 2), ("1", 2), ("2", 2)):
                one = columns[column]
                moved = means[column][:LONG] + sd * simulated.SPREAD
                windows = simulated.drawn_windows(rng, one.grid, 1000, moved)
                drifted = _until(columns, LONG) | {column: one.after(windows)}
                for name, judge in _asked(n):
                    found = delay(judge(drifted), column)
                    delays[name].setdefault(f"{sd} sd of theirs", []).append(found)
        for name in JUDGES:
            _told(figures, scene, name, quiet[name], delays[name])
        figures.limit(f"{scene}: {OURS}, {FALSE}", 100 * NOMINAL)
        bound = HORIZON if rho <= 0.4 else None
        figures.limit(f"{scene}: {OURS}, {FIND} 1 sd of theirs", bound)
        figures.limit(f"{scene}: {OURS}, {FIND} 2 sd of theirs", bound)


def flights(figures: Figures, pythons: Pythons) -> None:
    """A year of flights by days: in any order, so that nothing drifts, and as they were."""
    year, rng = histories.flights(), np.random.default_rng(2)
    shuffled = [year.ordered(rng.permutation(len(year.ends)).tolist()) for _ in range(10)]
    for scene, given in (("flights, days shuffled", shuffled), ("flights, as they were", [year])):
        quiet: dict[str, Alarms] = {name: [] for name in JUDGES}
        delays: dict[str, dict[str, list[int]]] = {name: {} for name in JUDGES}
        for history in given:
            columns = history.counted()
            for name, judge in JUDGES.items():
                quiet[name] += judge(columns)
            for change, (column, how) in histories.CHANGES.items():
                changed = history.changed(column, 0, how).counted([column])
                found = _until(columns | changed)
                for name, judge in JUDGES.items():
                    delays[name].setdefault(change, []).append(delay(judge(found), column))
        for name in JUDGES:
            _told(figures, scene, name, quiet[name], delays[name])
        made = partial(_changed_at_once, given[0])
        changed_columns = {change: column for change, (column, _) in histories.CHANGES.items()}
        _peers(figures, scene, pythons, made, changed_columns)
    scene = "flights, days shuffled"
    figures.limit(f"{scene}: {OURS}, {FALSE}", 0.2)
    bounds = {"dep_delay + 10 min": 4, "10 % to another origin": 10, "distance × 1.609": 3}
    for change in histories.CHANGES:
        figures.limit(f"{scene}: {OURS}, {FIND} {change}", bounds.get(change))


def _changed_at_once(history: History, quiet: int, drifted: int) -> History:
    """Days to be judged, of which the last have all the changes: each column is judged alone.

    Own windows mean nothing to others; a longer reference would take Evidently minutes.
    """
    first = history.reference + history.own
    judged = range(first, first + quiet + drifted)
    given = replace(history.ordered([*range(history.reference), *judged]), own=0)
    for column, how in histories.CHANGES.values():
        given = given.changed(column, quiet, how)
    return given


def loans(figures: Figures, pythons: Pythons) -> None:
    """NannyML's car loans: what is found of a drift after 25,000 rows, and what besides.

    And what accuracy is to be expected before the labels come, in chunks of 5,000.
    """
    scene, folder = "car loans", _data_of_nannyml(pythons)
    fine = histories.loans(folder, 200).history
    columns = fine.counted()
    for name, judge in JUDGES.items():
        _loans_told(figures, f"{scene}: {name}", judge(columns), 200)
    coarse = histories.loans(folder, 5000)
    history, repaid = coarse.history, coarse.repaid
    right = np.equal(history.columns["y_pred"].astype(float).astype(np.int64), repaid)
    labels = repaid[: histories.LOANS_BEFORE]
    said = {name: _ask(name, history, 10, pythons, labels=labels) for name in PEERS}
    for name in PEERS:
        found: Alarms = [set(columns) for columns in said[name]["found"]]
        _loans_told(figures, f"{scene}: {name}", found, 5000)
    truth = right[histories.LOANS_BEFORE :].reshape(10, -1).mean(axis=1)
    estimates = {OURS: estimated(history, repaid), "NannyML CBPE": said[NANNYML]["estimates"]}
    for name, values in estimates.items():
        away = np.abs(np.array(values) - truth)
        for when, part in (("before the drift", away[:5]), ("after it", away[5:])):
            label = f"{scene}: {name}, accuracy estimated {when}, median error"
            figures.take(label, float(np.median(part)), "")
            figures.limit(label, 0.01 if name == OURS and when != "after it" else None)
    figures.limit(f"{scene}: {OURS}, rows until all that drifted is found", 5000)
    figures.limit(f"{scene}: {OURS}, other alarms", 0)


def estimated(history: History, repaid: np.ndarray) -> list[float]:
    """What the detector tells of every judged window, from its scores."""
    before = history.part(0, history.reference + history.own)
    scores, classes = history.columns["y_pred_proba"], history.columns["y_pred"]
    made = classes.astype(float).astype(np.int64)
    baseline = build_baseline(
        "loans", "loans", {}, prediction=made[before], score=scores[before], labels=repaid[before]
    )
    (detector,) = (
        d for d in detectors_for("prediction_drift") if d.name == "estimated_performance"
    )
    spec = ModelSpec(id="loans", prediction_drift=PredictionDriftSpec())
    found = []
    for n in range(history.reference + history.own, len(history.ends)):
        part, counts = history.part(n, n + 1), baseline.layout.zeros()
        for subject, values in (("score", scores[part]), ("prediction", made[part])):
            grid = baseline.grid(subject)
            counts[baseline.layout.slice(subject)] = count(grid, values)
        rows = part.stop - part.start
        window = InputWindow(spec, "1", 0, 1, baseline, counts, rows)
        (finding,) = detector.judge(window)
        value = finding.statistics["estimated_accuracy"]
        assert isinstance(value, float), finding.message
        found.append(value)
    return found


def _loans_told(figures: Figures, name: str, alarms: Alarms, rows: int) -> None:
    drift = histories.DRIFT_AFTER // rows
    before, after = alarms[:drift], alarms[drift:]
    needed = max(delay(after, column) for column in histories.DRIFTED) * rows
    figures.take(f"{name}, rows until all that drifted is found", needed, "rows")
    others = sum(map(len, before)) + sum(len(found - set(histories.DRIFTED)) for found in after)
    figures.take(f"{name}, other alarms", others, "")
    if not name.endswith(OURS):
        figures.limit(f"{name}, rows until all that drifted is found")
        figures.limit(f"{name}, other alarms")


def _told(
    figures: Figures, scene: str, name: str, quiet: Alarms, delays: Mapping[str, list[int]]
) -> None:
    figures.take(f"{scene}: {name}, {FALSE}", false_alarms(quiet), "%")
    for change, found in delays.items():
        figures.take(f"{scene}: {name}, {FIND} {change}", statistics.median(found), "windows")
    if name != OURS:
        for label in (FALSE, *(f"{FIND} {change}" for change in delays)):
            figures.limit(f"{scene}: {name}, {label}")


def _asked(n: int) -> list[tuple[str, Judge]]:
    """Who judges the windows of simulated baseline number n."""
    return [(name, judge) for name, judge in JUDGES.items() if name == OURS or n < FEW]


def _until(columns: Columns, horizon: int = HORIZON) -> Columns:
    return {name: column.after(column.windows[:horizon]) for name, column in columns.items()}


def _peers(
    figures: Figures,
    scene: str,
    pythons: Pythons,
    made: Callable[[int, int], History],
    drifts: Mapping[str, str],
) -> None:
    """Ask each peer about windows of which the last have drifted, in a column for each drift."""
    for name, (quiet, drifted) in WINDOWS.items():
        said = _ask(name, made(quiet, drifted), quiet + drifted, pythons)
        found: Alarms = [set(columns) for columns in said["found"]]
        after = {drift: [delay(found[quiet:], column)] for drift, column in drifts.items()}
        _told(figures, scene, name, found[:quiet], after)


def _ask(
    name: str, history: History, judged: int, pythons: Pythons, **more: np.ndarray
) -> dict[str, list[float]]:
    environment, program = PEERS[name]
    with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder:
        data = Path(folder, "data.npz")
        history.save(data, judged, **more)
        return compared.ask(environment, program, data, pythons)


def _data_of_nannyml(pythons: Pythons) -> Path:
    (folder,) = pythons["nannyml"].parents[1].glob("lib/*/site-packages/nannyml/datasets/data")
    return folder
