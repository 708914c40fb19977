"""How far event time has come in a partition: it never regresses, however records are cut."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.observe.watermark import GRACE_MS, Watermarks
from monitor.panes.messages import END, UNHEARD

DISORDER = 30
LIVE = ("a", "b")
TIMES = st.lists(st.integers(0, 10_000), max_size=40)
CUTS = st.lists(st.integers(0, 40), max_size=6).map(sorted)


def marks(*models: str) -> Watermarks:
    return Watermarks(dict.fromkeys(models or ("m",), DISORDER))


def advance(made: Watermarks, times: list[int], topic: str = "predictions") -> list[int]:
    found: list[int] = made.advance(topic, "m", np.array(times, dtype=np.int64)).tolist()
    return found


@given(TIMES)
def test_it_is_the_greatest_time_so_far_less_the_disorder(times: list[int]) -> None:
    made = marks()
    found = advance(made, times)
    for n, mark in enumerate(found):
        assert mark == (max(times[:n]) - DISORDER if n else UNHEARD)
    assert made.of("predictions", "m") == (max(times) - DISORDER if times else UNHEARD)


@given(TIMES, CUTS)
def test_it_does_not_depend_on_how_records_are_cut(times: list[int], cuts: list[int]) -> None:
    whole, pieces = marks(), marks()
    found = advance(whole, times)
    cut = [
        mark
        for first, last in zip([0, *cuts], [*cuts, len(times)], strict=True)
        for mark in advance(pieces, times[first:last])
    ]
    assert cut == found
    assert pieces.of("predictions", "m") == whole.of("predictions", "m")


@given(st.lists(TIMES, max_size=5), st.integers(0, 5))
def test_it_never_regresses(chunks: list[list[int]], end_after: int) -> None:
    made, before = marks(), UNHEARD
    for n, chunk in enumerate(chunks):
        if n == end_after:
            made.end("predictions", "m")
        found = [*advance(made, chunk), made.of("predictions", "m")]
        assert found == sorted(found)
        assert found[0] >= before
        before = found[-1]


def test_an_end_is_beyond_every_event() -> None:
    made = marks()
    advance(made, [100])
    made.end("predictions", "m")
    assert made.of("predictions", "m") == END
    assert advance(made, [200]) == [END]
    assert made.of("predictions", "m") == END


def test_topics_and_models_have_their_own() -> None:
    made = marks("m", "n")
    advance(made, [100])
    advance(made, [500], "labels")
    made.advance("predictions", "n", np.array([900]))
    assert made.by_model("predictions", ["m", "n", "silent"]) == {"m": 70, "n": 870}
    assert made.by_model("labels", ["m", "n"]) == {"m": 470}


# -- where nothing comes ------------------------------------------------------------------------


def heard(**greatest: int) -> Watermarks:
    """Models a and b, without disorder, heard in predictions."""
    marks = Watermarks({"a": 0, "b": 0, "old": 0})
    for model, at in greatest.items():
        marks.advance("predictions", model, np.array([at]))
    return marks


def test_a_silent_model_follows_the_others_of_its_partition() -> None:
    marks = heard(a=10 * GRACE_MS, b=GRACE_MS)
    marks.follow(0, (), LIVE, marks.newest(LIVE))
    assert marks.of("predictions", "a") == 10 * GRACE_MS
    assert marks.of("predictions", "b") == 9 * GRACE_MS


def test_where_all_is_read_time_follows_the_broker() -> None:
    marks = heard(a=GRACE_MS)
    marks.follow(5 * GRACE_MS, ("labels",), LIVE, marks.newest(LIVE))
    assert marks.of("predictions", "a") == GRACE_MS
    marks.follow(5 * GRACE_MS, ("predictions",), LIVE, marks.newest(LIVE))
    assert marks.of("predictions", "a") == marks.of("predictions", "b") == 4 * GRACE_MS


def test_it_never_takes_time_back_nor_reopens_what_has_ended() -> None:
    marks = heard(a=9 * GRACE_MS)
    marks.end("predictions", "b")
    marks.follow(5 * GRACE_MS, ("predictions", "labels"), LIVE, marks.newest(LIVE))
    assert marks.of("predictions", "a") == 9 * GRACE_MS
    assert marks.of("predictions", "b") == END


def test_a_replayed_stream_follows_nobody_and_leads_nobody() -> None:
    marks = heard(a=GRACE_MS, old=90 * GRACE_MS)
    marks.follow(5 * GRACE_MS, ("predictions", "labels"), ("a",), marks.newest(("a",)))
    assert marks.of("predictions", "old") == 90 * GRACE_MS
    assert marks.of("predictions", "a") == 4 * GRACE_MS
    assert ("labels", "old") not in marks.greatest


def test_labels_of_which_all_are_read_follow_their_predictions() -> None:
    marks = heard(a=9 * GRACE_MS)
    marks.follow(0, (), ("a",), marks.newest(("a",)))
    assert marks.of("labels", "a") == UNHEARD
    marks.follow(0, ("labels", "reviews"), ("a",), marks.newest(("a",)))
    assert marks.of("labels", "a") == marks.of("reviews", "a") == 9 * GRACE_MS


def test_without_any_time_nothing_is_known() -> None:
    marks = heard()
    marks.follow(0, ("predictions", "labels"), ("a",), marks.newest(("a",)))
    assert marks.of("predictions", "a") == marks.of("labels", "a") == UNHEARD


def test_a_model_of_which_no_time_could_be_believed_is_not_heard_of() -> None:
    made = marks()
    assert advance(made, []) == []
    assert made.by_model("predictions", ["m"]) == {}


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.integers(1, 5))
def test_the_brokers_time_holds_for_every_model_however_records_were_cut(
    appended: list[int], size: int
) -> None:
    """Also for one whose event time is told by others; and it never goes back."""
    expected = [max(appended[: n + 1]) for n in range(len(appended))]
    for led in ((), ("a",)):
        marks = Watermarks({"a": 7}, led=led)
        found: list[int] = []
        for n in range(0, len(appended), size):
            part = np.array(appended[n : n + size], dtype=np.int64)
            found += marks.told("approvals", "a", part).tolist()
        assert found == expected
        assert marks.greatest == {("approvals", "a"): expected[-1]}
