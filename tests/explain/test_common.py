"""What several columns have in common, and what only looks alike."""

from monitor.events.types import Cause, CauseName
from monitor.explain.common import common_causes


def burst(lost: float, before: float = 0.0, rows: int = 1000) -> Cause:
    share = before + lost * (1 - before)
    figures = {"share": share, "share_before": before, "lost": lost, "nulls": round(share * rows)}
    return Cause("null_burst", "a null burst", {k: float(v) for k, v in figures.items()})


def change(kind: CauseName, figure: str, value: float, room: float) -> Cause:
    return Cause(
        kind, f"every value {value}",
        {figure: value, f"{figure}_low": value - room, f"{figure}_high": value + room},
    )  # fmt: skip


def test_nulls_of_the_same_rows_are_one_burst_and_others_are_not() -> None:
    causes = {
        "temp": [burst(0.4)], "wind": [burst(0.4)], "gust": [burst(0.41, before=0.5)],
        "delay": [burst(0.38)], "fare": [burst(0.9)],
    }  # fmt: skip
    (found,) = common_causes(causes, 1000)
    assert found.columns == ("temp", "wind", "gust")
    assert found.cause.evidence["columns"] == 3
    assert found.cause.detail.endswith("of the rows have no temp, wind, gust")


def test_as_many_rows_in_all_of_them_are_told() -> None:
    (found,) = common_causes({"a": [burst(0.25)], "b": [burst(0.25)]}, 1000)
    assert found.cause.detail.endswith("no a, b; in all of them as many rows, 250")
    assert found.cause.evidence["nulls"] == 250


def test_two_columns_that_lose_about_as_many_rows_are_not_said_to_lose_the_same() -> None:
    about = {"wind": [burst(0.07, before=0.01)], "delay": [burst(0.065, before=0.03)]}
    assert common_causes(about, 1000) == ()
    third = {"gust": [burst(0.07, before=0.02)]}
    assert len(common_causes(about | third, 1000)) == 1


def test_one_factor_is_one_change() -> None:
    causes = {
        "height": [change("scale", "factor", 2.53, 0.03)],
        "width": [change("scale", "factor", 2.55, 0.02)],
        "price": [change("scale", "factor", 1.1, 0.01)],
    }
    (found,) = common_causes(causes, 1000)
    assert found.columns == ("height", "width")
    assert found.cause.detail.endswith("in height, width")


def test_one_column_has_nothing_in_common_and_neither_have_different_causes() -> None:
    assert common_causes({}, 0) == ()
    assert common_causes({"a": [burst(0.5)]}, 1000) == ()
    assert common_causes({"a": [burst(0.5)], "b": [Cause("constant", "c")]}, 1000) == ()
    gone = Cause("category_gone", "g", {"share": 0.2})
    assert common_causes({"a": [gone], "b": [gone]}, 1000) == ()


def test_what_explains_most_is_told_first_and_of_a_column_the_likeliest() -> None:
    constant, flip = Cause("constant", "c"), Cause("sign_flip", "f")
    causes = {
        "a": [burst(0.5)], "b": [burst(0.5)], "c": [constant], "d": [constant, flip],
        "e": [constant], "f": [flip],
    }  # fmt: skip
    found = common_causes(causes, 1000)
    assert [(one.cause.cause, one.columns) for one in found] == [
        ("constant", ("c", "d", "e")), ("null_burst", ("a", "b"))
    ]  # fmt: skip
