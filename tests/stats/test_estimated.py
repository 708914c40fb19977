"""Performance before labels: unbiased where scores keep their meaning, and silent where it cannot.

By simulation: scores of a known law, labels drawn with a probability that depends on the score.
"""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.stats.estimated import Estimate, estimated_accuracy, estimated_auc
from monitor.stats.grid import Counts, Floats, NumericGrid, build_numeric
from monitor.stats.score_cells import LEAST, WANTED, ScoreCells

LAWS = {"the same": (1.0, 1.0), "surer": (0.8, 0.8), "less sure": (2.0, 2.0), "higher": (2.0, 1.0)}


def labelled(rng: np.random.Generator, scores: Floats) -> np.ndarray:
    """Not calibrated: a score of 0.5 is positive less than half of the time."""
    return np.asarray(rng.random(scores.size) < scores**1.3)


def slots(grid: NumericGrid, scores: Floats, which: np.ndarray | None = None) -> Counts:
    kept = scores if which is None else scores[which]
    return np.asarray(grid.counts(kept)[: grid.bins])


class World:
    """A reference with labels, and windows of scores from other laws."""

    def __init__(self, seed: int, rows: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.scores = self.rng.random(rows)
        self.truth = labelled(self.rng, self.scores)
        self.grid = build_numeric(self.scores)
        self.rows = slots(self.grid, self.scores)

    def window(
        self, n: int, law: tuple[float, float]
    ) -> tuple[dict[str, Estimate | None], dict[str, float]]:
        """The estimates of a window, and what its labels say."""
        scores = self.rng.beta(*law, n)
        truth, now = labelled(self.rng, scores), slots(self.grid, scores)
        right = (scores > 0.5) == truth
        pairs = stats.mannwhitneyu(scores[truth], scores[~truth]).statistic
        hits = {"accuracy": (self.scores > 0.5) == self.truth, "auc": self.truth}
        found = {
            name: estimate(
                ScoreCells.of(now, self.rows, self.rows, slots(self.grid, self.scores, hits[name]))
            )
            for name, estimate in (("accuracy", estimated_accuracy), ("auc", estimated_auc))
        }
        said = float(pairs) / (int(truth.sum()) * int((~truth).sum()))
        return found, {"accuracy": float(right.mean()), "auc": said}


@pytest.mark.parametrize(("m", "n"), [(2000, 500), (20_000, 1000)])
def test_it_is_unbiased_and_its_interval_holds_what_labels_say(m: int, n: int) -> None:
    runs = 150
    away: dict[tuple[str, str], list[float]] = {}
    held: Counter[tuple[str, str]] = Counter()
    for seed in range(runs):
        world = World(seed, m)
        for law, shape in LAWS.items():
            found, said = world.window(n, shape)
            for name, estimate in found.items():
                assert estimate is not None
                away.setdefault((law, name), []).append(estimate.value - said[name])
                held[law, name] += estimate.interval.low <= said[name] <= estimate.interval.high
    for which, errors in away.items():
        sd = float(np.std(errors)) / runs**0.5
        assert abs(float(np.mean(errors))) < 4 * sd + 0.001, f"{which} is biased"
        assert held[which] / runs >= 0.90, f"{which}: nominal .95"
    assert held.total() / runs / len(away) >= 0.93


def test_a_fall_by_chance_is_as_rare_as_its_p_value_says() -> None:
    below = {"accuracy": 0, "auc": 0}
    for seed in range(300):
        found, _ = World(seed, 5000).window(500, LAWS["the same"])
        for name, estimate in found.items():
            assert estimate is not None
            below[name] += estimate.p_value < 0.05
    assert all(0.02 <= count / 300 <= 0.085 for count in below.values()), below


def test_a_change_of_what_scores_mean_is_not_seen() -> None:
    """The assumption, shown: labels are now the other way round, and the estimate stays."""
    world = World(3, 20_000)
    scores = world.rng.random(2000)
    right = (scores > 0.5) != labelled(world.rng, scores)
    hits = slots(world.grid, world.scores, (world.scores > 0.5) == world.truth)
    cells = ScoreCells.of(slots(world.grid, scores), world.rows, world.rows, hits)
    found = estimated_accuracy(cells)
    assert found is not None
    assert found.value > 0.7
    assert right.mean() < 0.3


def test_scores_of_which_no_label_is_known_are_told_and_widen_the_interval() -> None:
    reference = np.array([0, 400, 400, 400, 0])
    known = np.array([0, 400, 400, 0, 0])  # labels of the upper scores never come
    hits = known // 2
    for rows, unknown in ((np.array([0, 50, 50, 0, 0]), 0.0), (np.array([2, 49, 49, 0, 0]), 0.02)):
        found = estimated_accuracy(ScoreCells.of(rows, reference, known, hits))
        assert found is not None
        assert (found.value, found.unknown) == (0.5, unknown)
        width = found.interval.high - found.interval.low
        assert width == pytest.approx(0.2079 + unknown, abs=0.003)
    for rows in (np.array([0, 47, 47, 6, 0]), np.array([0, 0, 0, 0, 0]), np.array([9, 0, 0, 0, 9])):
        assert estimated_accuracy(ScoreCells.of(rows, reference, known, hits)) is None
    nothing = np.zeros(5, dtype=np.int64)
    assert estimated_accuracy(ScoreCells.of(reference, reference, nothing, nothing)) is None


def test_a_class_that_is_never_expected_has_no_auc() -> None:
    reference = np.array([0, 100, 100, 0])
    for hits in (reference, reference * 0):
        cells = ScoreCells.of(reference, reference, reference, hits)
        assert estimated_auc(cells) is None
        found = estimated_accuracy(cells)
        assert found is not None
        assert found.value == found.reference == hits.sum() / 200
        assert found.p_value == 1.0, "no mix of scores is worth less"
    with pytest.raises(ValueError, match="confidence 95"):
        estimated_accuracy(cells, confidence=95)


@given(st.lists(st.integers(0, 90), min_size=3, max_size=40), st.integers(0, 10**6))
def test_cells_hold_every_row_once_and_labels_enough(rows: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = np.array([0, *rows[1:-1], 0])
    labels = rng.binomial(reference, 0.8)
    hits, now = rng.binomial(labels, 0.5), rng.integers(0, 50, reference.size)
    cells = ScoreCells.of(now, reference, labels, hits)
    for merged, part in zip(
        (cells.rows, cells.reference, cells.labelled, cells.hits),
        (now, reference, labels, hits),
        strict=True,
    ):
        assert merged.sum() == part.sum()
    assert (cells.rows[0], cells.rows[-1]) == (now[0], now[-1]), "what lies beyond stays apart"
    inner = cells.reference[1:-1]
    if inner.size > 1:
        assert inner.min() >= WANTED * reference.sum() / max(labels.sum(), 1)
    assert not cells.told[[0, -1]].any()
    assert (cells.rates[~cells.told] == 0).all()
    assert LEAST < WANTED


def test_counts_of_other_rows_are_refused() -> None:
    reference = np.array([0, 10, 0])
    with pytest.raises(ValueError, match="3, 3, 3 and 2 bins"):
        ScoreCells.of(reference, reference, reference, np.array([1, 2]))
    with pytest.raises(ValueError, match="more hits than labels"):
        ScoreCells.of(reference, reference, reference, reference + 1)
