"""Columns that hold each other's values, and such as only look like it."""

import numpy as np
import pytest

from monitor.explain.swapped import Column, swapped_columns
from monitor.stats.column import Values, count
from monitor.stats.grid import build_categorical, build_numeric

RNG = np.random.default_rng


def column(then: Values, now: Values) -> Column:
    grid = build_numeric(then) if isinstance(then, np.ndarray) else build_categorical(then)
    return Column(grid, count(grid, now), count(grid, then))


def draws(seed: int, n: int) -> dict[str, np.ndarray]:
    rng = RNG(seed)
    return {
        "height": rng.normal(170, 10, n),
        "weight": rng.normal(75, 12, n),
        "waist": rng.normal(90, 9, n),
        "income": np.exp(rng.normal(8, 1, n)),
    }


def test_the_two_that_are_swapped_are_named_and_no_other() -> None:
    then, now = draws(0, 20_000), draws(1, 2_000)
    now["waist"], now["weight"] = now["weight"], now["waist"]
    now["income"] = now["income"] * 1.5
    found = swapped_columns({f"feature/{n}": column(then[n], now[n]) for n in then})
    assert sorted(found) == ["feature/waist", "feature/weight"]
    assert found["feature/waist"].detail == (
        "swapped columns: it holds the values of weight, and weight its"
    )
    assert found["feature/waist"].evidence["explained"] > 0.9


@pytest.mark.parametrize("seed", range(20))
def test_columns_that_drift_each_for_itself_are_not_swapped(seed: int) -> None:
    then, now, rng = draws(0, 20_000), draws(seed + 1, 2_000), RNG(seed)
    moved = {n: rows + rng.normal(0, 1.5) * rows.std() for n, rows in now.items()}
    assert not swapped_columns({n: column(then[n], moved[n]) for n in then})


def test_one_that_took_the_values_of_another_is_not_swapped() -> None:
    then, now = draws(0, 20_000), draws(1, 2_000)
    now["waist"] = now["weight"]
    assert not swapped_columns({n: column(then[n], now[n]) for n in then})


def test_two_that_only_left_their_ranges_show_nothing() -> None:
    rng = RNG(0)
    low, high = rng.normal(0, 1, 9_000), rng.normal(1000, 1, 9_000)
    found = swapped_columns({
        "low": column(low, np.full(900, 5000.0)), "high": column(high, np.full(900, -70.0))
    })  # fmt: skip
    assert not found


def test_categories_are_swapped_as_far_as_their_names_are_known() -> None:
    rng = RNG(0)

    def cities(n: int) -> list[str]:
        return rng.choice(["Rome", "Oslo", "Bonn"], n, p=[0.5, 0.3, 0.2]).tolist()

    def homes(n: int) -> list[str]:
        return rng.choice(["Oslo", "Bonn", "Rome", "Graz"], n, p=[0.5, 0.3, 0.1, 0.1]).tolist()

    swapped = {"from": column(cities(9_000), homes(900)), "to": column(homes(9_000), cities(900))}
    assert sorted(swapped_columns(swapped)) == ["from", "to"]
    same = {"from": column(cities(9_000), cities(900)), "to": column(homes(9_000), homes(900))}
    assert not swapped_columns(same)
    foreign = [f"n{i}" for i in range(900)]
    assert not swapped_columns({**same, "from": column(cities(9_000), foreign)})


def test_no_columns_no_finding() -> None:
    assert swapped_columns({}) == {}
