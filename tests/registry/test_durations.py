import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.registry.durations import duration_ms, duration_text, duration_words
from monitor.registry.specs import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS


@given(st.integers(0, 10**6), st.sampled_from("smhd"))
def test_a_duration_is_its_number_times_its_unit(number: int, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit]
    assert duration_ms(f"{number}{unit}") == number * seconds * 1000


@given(st.integers(0, 10**8))
def test_written_and_read_again_it_is_the_same(seconds: int) -> None:
    assert duration_ms(duration_text(seconds * 1000)) == seconds * 1000


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 m", "5M", "1.5h", "-5m", "+5m", "05m", "5min", "1h30m", "1w", "5ms", "५m", "1h\n"],
)
def test_nothing_else_is_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 30s, 5m, 1h or 7d"):
        duration_ms(text)


@given(st.integers(0, 10**15))
def test_words_tell_a_duration_in_two_units(ms: int) -> None:
    """Read back, they are short of it by a 24th at most, as units left out are small."""
    units = {"d": DAY_MS, "h": HOUR_MS, "min": MINUTE_MS, "s": SECOND_MS, "ms": 1}
    words = duration_words(ms).split()
    told = sum(int(n) * units[unit] for n, unit in zip(words[::2], words[1::2], strict=True))
    assert len(words) in (2, 4)
    assert 0 <= ms - told <= ms // 24
