from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.registry.specs import (
    HOUR_MS,
    MINUTE_MS,
    DataDriftSpec,
    ModelSpec,
    PerformanceSpec,
    PredictionDriftSpec,
    WindowSpec,
    config_hash,
    sealed,
)


def window(size_minutes: int, hop_minutes: int) -> WindowSpec:
    return WindowSpec(
        size_ms=size_minutes * MINUTE_MS, hop_ms=hop_minutes * MINUTE_MS, allowed_lateness_ms=0
    )


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 1500)), min_size=3, max_size=3))
def test_every_window_is_made_of_whole_panes_and_no_longer_pane_would_do(
    shapes: list[tuple[int, int]],
) -> None:
    windows = [window(hops * hop, hop) for hops, hop in shapes]
    spec = ModelSpec(
        id="m",
        data_drift=DataDriftSpec(windows=(windows[0],)),
        prediction_drift=PredictionDriftSpec(windows=(windows[1],)),
        performance=PerformanceSpec(windows=(windows[2],)),
    )
    pane = spec.pane_ms
    lengths = [length for w in windows for length in (w.size_ms, w.hop_ms)]
    assert MINUTE_MS / 2 < pane <= HOUR_MS
    assert all(length % pane == 0 for length in lengths)
    longer = [HOUR_MS // n for n in range(1, 121) if HOUR_MS % n == 0 and HOUR_MS // n > pane]
    assert not any(all(length % other == 0 for length in lengths) for other in longer)


@pytest.mark.parametrize(
    ("size", "hop", "minutes"),
    [(60, 60, 60), (5, 5, 5), (60, 5, 5), (24 * 60, 24 * 60, 60), (90, 90, 45), (7 * 1440, 60, 60)],
)
def test_panes_of_common_windows(size: int, hop: int, minutes: int) -> None:
    spec = ModelSpec(id="m", data_drift=DataDriftSpec(windows=(window(size, hop),)))
    assert spec.pane_ms == minutes * MINUTE_MS


def test_a_model_without_signals_has_hourly_panes() -> None:
    assert ModelSpec(id="m").pane_ms == HOUR_MS


#: One change of each field; those of the second do not touch what is judged or answered to.
JUDGING: dict[str, Any] = {
    "id": "n", "task": "regression", "risk_tier": "high", "clock": "events", "disorder_ms": 1,
    "authority": "observe", "deduplicate": False, "features": {"a": "numeric"}, "positive": "1",
    "max_alert_age_ms": 1, "data_drift": {}, "prediction_drift": {}, "performance": {},
    "labels": {}, "reviews": {}, "repartition": True, "max_remembered": 1, "expected_rate": 5.0,
    "annotations": [{"from_ms": 0, "until_ms": 1, "why": "x"}],
}  # fmt: skip
OTHER: dict[str, Any] = {
    "owners": {"business": "x"}, "vendor": "acme", "personal": ["a"],
    "baselines": [{"type": "reference", "path": "b.json"}], "config_hash": "x",
}  # fmt: skip


def changed(name: str, value: Any) -> str:
    spec = msgspec.to_builtins(ModelSpec(id="m"))
    return config_hash(msgspec.convert({**spec, name: value}, type=ModelSpec))


def test_the_hash_changes_with_what_is_judged_and_with_nothing_else() -> None:
    assert {*JUDGING, *OTHER} == set(ModelSpec.__struct_fields__)
    plain = config_hash(ModelSpec(id="m"))
    assert {changed(name, value) for name, value in OTHER.items()} == {plain}
    hashes = {changed(name, value) for name, value in JUDGING.items()}
    assert len(hashes | {plain}) == len(JUDGING) + 1


def test_the_hash_does_not_depend_on_the_order_of_features() -> None:
    one = ModelSpec(id="m", features={"a": "numeric", "b": "categorical"})
    other = ModelSpec(id="m", features={"b": "categorical", "a": "numeric"})
    assert sealed(one).config_hash == sealed(other).config_hash
    assert len(sealed(one).config_hash) == 16


@pytest.mark.parametrize(
    ("include", "exclude", "judged"),
    [
        (("*",), (), "income debt age"),
        (("in*", "age"), (), "income age"),
        (("*",), ("a?e",), "income debt"),
        (("INCOME",), (), ""),
    ],
)
def test_features_are_judged_by_pattern(
    include: tuple[str, ...], exclude: tuple[str, ...], judged: str
) -> None:
    spec = DataDriftSpec(include=include, exclude=exclude)
    assert [f for f in ("income", "debt", "age") if spec.judges(f)] == judged.split()
