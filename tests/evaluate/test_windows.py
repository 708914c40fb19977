"""Which windows hold a time, and which are complete: against a search through all of them."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.evaluate.windows import first_end, last_complete_end
from monitor.registry.specs import WindowSpec

SPECS = st.builds(
    lambda hop, times, lateness: WindowSpec(
        size_ms=hop * times, hop_ms=hop, allowed_lateness_ms=lateness
    ),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(0, 30),
)
TIMES = st.integers(-50, 200)


def ends(window: WindowSpec) -> list[int]:
    """Every end of a window around the times drawn: aligned to 1970, one each hop."""
    return [end for end in range(-200, 400) if end % window.hop_ms == 0]


@given(SPECS, TIMES)
def test_the_first_window_that_holds_a_time(window: WindowSpec, time: int) -> None:
    holding = [end for end in ends(window) if end - window.size_ms <= time < end]
    assert first_end(window, time) == min(holding)
    assert len(holding) == window.size_ms // window.hop_ms


@given(SPECS, TIMES)
def test_a_window_is_complete_when_its_lateness_has_passed(window: WindowSpec, mark: int) -> None:
    complete = [end for end in ends(window) if end + window.allowed_lateness_ms <= mark]
    assert last_complete_end(window, mark) == max(complete)


def test_windows_are_aligned_to_1970() -> None:
    day = WindowSpec(size_ms=86_400_000, hop_ms=86_400_000, allowed_lateness_ms=0)
    assert first_end(day, 1_370_044_800_000) == 1_370_131_200_000  # midnight, June 1 to 2, 2013
    assert first_end(day, 1_370_044_799_999) == 1_370_044_800_000
