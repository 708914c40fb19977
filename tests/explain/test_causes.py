"""Each cause by an example whose figures are known, beside one that is nearly it and is not."""

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import GridMismatch
from monitor.events.types import Cause
from monitor.explain.candidate import Candidate, likeliest
from monitor.explain.column import explain_column
from monitor.explain.evidence import Evidence, Fit
from monitor.explain.nulls import null_burst
from monitor.explain.units import AFFINE, FACTORS, KNOWN, named_factor
from monitor.stats.categorical import CategoricalGrid
from monitor.stats.column import Values, count
from monitor.stats.grid import build_categorical, build_numeric
from tests.explain.breaks import COLUMNS, Rows

RNG = np.random.default_rng


def explained(then: Values, now: Values, dispersion: float = 1.0) -> tuple[Cause, ...]:
    """What is named of a column of numbers, or of names."""
    numeric = isinstance(then, np.ndarray)
    grid = build_numeric(then) if numeric else build_categorical(then)
    return explain_column(count(grid, now), count(grid, then), grid, dispersion)


def drawn(shares: dict[str, float], rows: int, seed: int = 0) -> list[str]:
    return RNG(seed).choice(list(shares), rows, p=list(shares.values())).tolist()


def sizes(n: int, seed: int = 0) -> Rows:
    return COLUMNS["lognormal"](RNG(seed), n)


class TestNumbers:
    def test_a_unit_change_tells_the_factor_and_between_which_it_lies(self) -> None:
        then, now = sizes(40_000), sizes(20_000, 1) * 1.609344
        (cause,) = explained(then, now)
        assert cause.cause == "unit_change"
        assert cause.detail == "a unit change: every value × 1.609 (miles to kilometres)"
        figures = cause.evidence
        assert figures["factor"] == 1.609344
        assert figures["factor_low"] < 1.609344 < figures["factor_high"]
        assert figures["factor_high"] / figures["factor_low"] < 1.1
        assert figures["psi"] > 0.5
        assert figures["explained"] > 0.95
        assert figures["psi_after"] == pytest.approx(
            (1 - figures["explained"]) * figures["psi"], abs=1e-9
        )

    def test_a_factor_that_no_unit_has_is_a_scale(self) -> None:
        (cause,) = explained(sizes(20_000), sizes(6_000, 1) * 1.45)
        assert cause.cause == "scale"
        assert cause.detail.startswith("a change of scale: every value × 1.4")
        assert cause.evidence["factor"] == pytest.approx(1.45, rel=0.03)

    def test_too_few_rows_leave_a_factor_open_and_say_which_unit_it_would_be(self) -> None:
        (cause,) = explained(sizes(20_000), sizes(300, 1) * 1.609344)
        assert cause.cause == "scale"
        assert "would be" in cause.detail

    def test_of_values_that_all_lie_outside_no_factor_is_known(self) -> None:
        assert explained(sizes(20_000), sizes(4_000, 1) * 1e6) == ()

    def test_a_shift_is_told_in_as_few_digits_as_are_known(self) -> None:
        then, now = RNG(0).normal(0, 1, 20_000), RNG(1).normal(0, 1, 3_000) + 0.7
        (cause,) = explained(then, now)
        low, high = cause.evidence["shift_low"], cause.evidence["shift_high"]
        assert low < 0.7 < high
        assert cause.detail == "a shift: every value + 0.7"
        assert high - low < 0.2

    def test_whole_numbers_are_shifted_by_whole_numbers(self) -> None:
        then = COLUMNS["hour"](RNG(0), 20_000)
        (cause,) = explained(then, COLUMNS["hour"](RNG(1), 3_000) - 5)
        assert (cause.detail, cause.evidence["shift"]) == ("a shift: every value - 5", -5.0)

    def test_a_filled_in_value_is_named_with_its_share(self) -> None:
        then, now = COLUMNS["zeros"](RNG(0), 20_000), COLUMNS["zeros"](RNG(1), 4_000)
        now = np.where(RNG(2).random(4_000) < 0.25, 0.0, now)
        (cause,) = explained(then, now)
        assert cause.detail == (
            f"a filled-in value: {cause.evidence['share']:.0%} of the values became 0"
        ).replace("%", " %", 1)
        assert cause.evidence["share"] == pytest.approx(0.25, abs=0.03)

    def test_clipping_piles_up_and_truncation_does_not(self) -> None:
        then, now = RNG(0).normal(50, 10, 20_000), RNG(1).normal(50, 10, 4_000)
        (clipped,) = explained(then, np.minimum(now, 60.0))
        (cut,) = explained(then, now[now < 60.0])
        assert (clipped.cause, cut.cause) == ("clipping", "truncation")
        for cause in (clipped, cut):
            assert cause.evidence["limit_above"] == pytest.approx(60.0, abs=0.3)
            assert cause.evidence["share_above"] == pytest.approx(0.159, abs=0.01)
        assert clipped.detail.startswith("clipping: the 16 % of values above 60")
        assert clipped.detail.endswith("are set to it")

    def test_a_tail_that_chance_may_have_missed_is_not_gone(self) -> None:
        then = RNG(0).normal(50, 10, 20_000)
        now = RNG(1).normal(53, 10, 1_500)
        causes = explained(then, now[now < np.quantile(then, 0.995)])
        assert not {"truncation", "clipping"} & {cause.cause for cause in causes}

    def test_rows_that_depend_on_one_another_are_worth_fewer(self) -> None:
        """A day of seventy hours, each with many rows, may well lack a tenth of all values."""
        then = RNG(0).normal(50, 10, 20_000)
        now = np.repeat(then[then < 63][:70], 12)
        assert [cause.cause for cause in explained(then, now, 12.0)] == []

    def test_a_value_within_its_bin_is_told_where_the_bin_is_one_value(self) -> None:
        then = np.repeat(np.arange(20.0), 500)
        (cause,) = explained(then, np.full(900, 7.0))
        assert cause.detail == "a constant column: 100 % of the values are 7"

    def test_one_row_is_no_evidence(self) -> None:
        then = sizes(5_000)
        assert explained(then, then[:1]) == ()
        assert explained(then, np.array([1e12])) == ()


class TestCategories:
    SHARES: ClassVar = {"a": 0.4, "b": 0.25, "c": 0.15, "d": 0.12, "e": 0.08}

    def test_two_that_are_swapped(self) -> None:
        then = drawn(self.SHARES, 9_000)
        now = [{"a": "c", "c": "a"}.get(name, name) for name in drawn(self.SHARES, 2_000, 1)]
        (cause,) = explained(then, now)
        assert cause.cause == "swapped_categories"
        assert '"a"' in cause.detail
        assert '"c"' in cause.detail

    def test_one_that_has_a_new_name(self) -> None:
        then = drawn(self.SHARES, 9_000)
        now = ["B" if name == "b" else name for name in drawn(self.SHARES, 2_000, 1)]
        (cause,) = explained(then, now)
        assert cause.cause == "renamed_category"
        assert cause.detail.startswith('a renamed category: "b", 25 % of the baseline, is gone')

    def test_one_that_is_counted_as_another(self) -> None:
        then = drawn(self.SHARES, 9_000)
        now = ["d" if name == "b" else name for name in drawn(self.SHARES, 2_000, 1)]
        (cause,) = explained(then, now)
        assert cause.detail == ('a merged category: "b", 25 % of the baseline, now counts as "d"')

    def test_one_of_which_no_row_comes(self) -> None:
        then = drawn(self.SHARES, 9_000)
        now = [name for name in drawn(self.SHARES, 2_000, 1) if name != "b"]
        (cause,) = explained(then, now)
        assert cause.detail == 'a category that is gone: "b", 25 % of the baseline'

    def test_one_that_is_filled_in(self) -> None:
        then, now = drawn(self.SHARES, 9_000), drawn(self.SHARES, 2_000, 1)
        now = [name if RNG(n).random() > 0.3 else "e" for n, name in enumerate(now)]
        (cause,) = explained(then, now)
        assert cause.cause == "filled_in"
        assert cause.evidence["share"] == pytest.approx(0.3, abs=0.04)

    def test_new_ones_and_all_new_ones(self) -> None:
        then = drawn(self.SHARES, 9_000)
        now = drawn(self.SHARES, 2_000, 1) + [f"new {n % 40}" for n in range(500)]
        (cause,) = explained(then, now)
        assert cause.detail == "new categories: 20 % of the rows, and the rest is as it was"
        (cause,) = explained(then, [name.upper() for name in drawn(self.SHARES, 2_000, 1)])
        assert cause.cause == "recoded"

    def test_names_that_are_new_every_day_are_not_new(self) -> None:
        """Of a column of names Good and Turing expect as many unseen ones as there are."""
        then = [f"name {n}" for n in RNG(0).zipf(1.5, 9_000)]
        now = [f"name {n}" for n in RNG(1).zipf(1.5, 2_000)]
        assert explained(then, now) == ()

    def test_one_value(self) -> None:
        then = drawn(self.SHARES, 9_000)
        (cause,) = explained(then, ["d"] * 700)
        assert cause.detail == 'a constant column: 100 % of the values are "d"'

    def test_of_two_categories_no_share_is_a_filled_in_value(self) -> None:
        """Any share of two would fit: nothing is left to test."""
        then, now = drawn({"a": 0.7, "b": 0.3}, 9_000), drawn({"a": 0.5, "b": 0.5}, 2_000, 1)
        assert explained(then, now) == ()

    @pytest.mark.parametrize("seed", range(40))
    def test_shares_that_merely_wander_have_no_cause(self, seed: int) -> None:
        names = [f"c{n}" for n in range(12)]
        before = RNG(seed).dirichlet(np.full(12, 3.0))
        after = RNG(seed + 1000).dirichlet(before * 40 + 0.5)
        then = drawn(dict(zip(names, before.tolist(), strict=True)), 9_000)
        now = drawn(dict(zip(names, after.tolist(), strict=True)), 1_500, 1)
        assert explained(then, now) == ()

    def test_a_long_name_is_cut(self) -> None:
        then = drawn({"x" * 300: 0.5, "b": 0.3, "c": 0.2}, 3_000)
        (cause,) = explained(then, [n for n in then if n in "bc"])
        assert len(cause.detail) < 150


class TestNulls:
    def test_the_share_is_told_with_that_of_before(self) -> None:
        grid = build_numeric(np.arange(100.0))
        then = grid.counts(np.append(np.arange(990.0), [np.nan] * 10))
        now = grid.counts(np.append(np.arange(600.0), [np.nan] * 400))
        found = null_burst(now, then, grid)
        assert found is not None
        assert found.evidence == {
            "share": 0.4, "share_before": 0.01, "lost": pytest.approx(0.39 / 0.99), "nulls": 400.0
        }  # fmt: skip

    def test_a_few_more_of_what_is_often_null_are_no_burst(self) -> None:
        grid = build_numeric(np.arange(100.0))
        then = grid.counts(np.append(np.arange(4000.0), [np.nan] * 6000))
        for nulls, many in ((660, False), (760, True)):
            now = grid.counts(np.append(np.arange(1000.0 - nulls), [np.nan] * nulls))
            assert (null_burst(now, then, grid) is not None) is many

    def test_nulls_as_before_are_no_burst(self) -> None:
        grid = build_numeric(np.arange(100.0))
        then = grid.counts(np.append(np.arange(600.0), [np.nan] * 400))
        assert null_burst(then, then, grid) is None
        assert null_burst(grid.counts(np.arange(0.0)), then, grid) is None


class TestUnits:
    def test_every_factor_is_a_unit_s_and_its_reciprocal_too(self) -> None:
        assert len(KNOWN) == 2 * len(FACTORS)
        assert all(factor > 0 and factor != 1 for factor, _ in KNOWN)
        for factor, name in KNOWN:
            assert named_factor(factor, factor) is not None, name

    def test_boiling_water_is_boiling_water(self) -> None:
        factors = {(one, other): (f, s) for one, other, f, s in AFFINE}
        up, down = factors["Celsius", "Fahrenheit"], factors["Fahrenheit", "Celsius"]
        assert 100 * up[0] + up[1] == pytest.approx(212)
        assert 212 * down[0] + down[1] == pytest.approx(100)


def fit(likelihood: float, explained: float = 1.0, p_value: float = 0.5) -> Fit:
    return Fit(likelihood, 1.0, 1.0 - explained, explained, p_value)


class TestWhatIsTold:
    def test_only_what_holds_the_likeliest_first_and_one_beside_it(self) -> None:
        tried = [
            Candidate("shift", "s", fit(-102.0)),
            Candidate("scale", "x", fit(-101.0)),
            Candidate("sign_flip", "f", fit(-90.0, explained=0.5)),
            Candidate("rounding", "r", fit(-101.5)),
            Candidate("clipping", "c", fit(-140.0)),
        ]
        assert [found.cause for found in likeliest(tried)] == ["scale", "rounding"]
        assert likeliest([]) == []

    @pytest.mark.parametrize(
        ("part", "p_value", "holds"),
        [(0.79, 0.9, False), (0.81, 0.5, True), (0.81, 1e-4, False), (0.98, 1e-9, True)],
    )
    def test_most_must_go_and_the_rest_be_chance_or_nothing(
        self, part: float, p_value: float, holds: bool
    ) -> None:
        assert fit(0.0, part, p_value).holds is holds

    def test_what_chance_gives_is_not_to_be_explained(self) -> None:
        assert Evidence.of(np.array([52, 48]), np.array([500, 500])) is None
        assert Evidence.of(np.array([0, 0]), np.array([500, 500])) is None
        assert Evidence.of(np.array([90, 10]), np.array([500, 500])) is not None
        assert Evidence.of(np.array([90, 10]), np.array([500, 500]), 20.0) is None


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_whatever_the_counts_the_figures_are_figures_and_nothing_is_changed(
    data: st.DataObject,
) -> None:
    seed = data.draw(st.integers(0, 2**32))
    rng = RNG(seed)
    column = data.draw(st.sampled_from([*COLUMNS, "names"]))
    if column == "names":
        grid = build_categorical([f"c{n}" for n in rng.zipf(1.6, 400) % 120])
    else:
        grid = build_numeric(COLUMNS[column](rng, data.draw(st.sampled_from([1, 2, 30, 3000]))))
    scale = data.draw(st.sampled_from([1, 3, 60, 10**6]))
    now, then = (
        (rng.integers(0, scale, grid.width) * (rng.random(grid.width) < rng.random())).astype(
            np.int64
        )
        for _ in range(2)
    )
    kept = now.copy(), then.copy()
    for cause in explain_column(now, then, grid):
        assert cause.detail
        assert "\n" not in cause.detail
        assert "nan" not in cause.detail
        assert all(np.isfinite(list(cause.evidence.values())))
        assert 0.8 <= cause.evidence["explained"] <= 1
        assert cause.evidence["psi_after"] <= cause.evidence["psi"]
    assert np.array_equal(now, kept[0])
    assert np.array_equal(then, kept[1])


@pytest.mark.parametrize(
    "then",
    [
        np.array([-1.7e308, 0.0, 1.0, 1.7e308] * 99), np.full(400, 1.7976931348623157e308),
        np.exp(RNG(0).uniform(-700, 700, 400)), RNG(0).normal(0, 1e-310, 400),
        RNG(0).normal(1e15, 1, 400), np.array([0.0, 5e-324] * 200),
    ],
)  # fmt: skip
def test_at_the_ends_of_what_a_float_holds_nothing_is_worked_out(then: Rows) -> None:
    for now in (then[:1].repeat(300), -then, np.zeros(300), np.full(300, 1e308)):
        for cause in explained(then, now):
            assert all(np.isfinite(list(cause.evidence.values())))
            assert "inf" not in cause.detail


def test_counts_over_other_bins_are_refused() -> None:
    for grid in (build_numeric(np.arange(9.0)), CategoricalGrid(("a",))):
        fine, other = np.zeros(grid.width, dtype=np.int64), np.zeros(3, dtype=np.int64)
        for counts in ((fine, other), (other, fine)):
            with pytest.raises(GridMismatch):
                explain_column(*counts, grid)
