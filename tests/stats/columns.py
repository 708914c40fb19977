"""Hypothesis strategies for numeric columns: smooth, tied, constant, huge, tiny, with holes."""

import numpy as np
from hypothesis import strategies as st

from monitor.stats.grid import Floats

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY = st.floats(allow_nan=True, allow_infinity=True)
#: What makes naive binning stumble: ties, neighbours, denormals, extremes, both zeros.
NASTY = st.sampled_from(
    [0.0, -0.0, 1.0, np.nextafter(1.0, 2.0), 0.1, 0.3, 5e-324, -5e-324, 1.7976931348623157e308]
    + [-1.7976931348623157e308, 1e308, -1e308, 2.0**53, 2.0**53 + 2, 1e-300, 3.0, 7.0]
)


def arrays(values: st.SearchStrategy[float], least: int = 1) -> st.SearchStrategy[Floats]:
    """Lists of a strategy's values as float64[n]."""
    return st.lists(values, min_size=least, max_size=60).map(lambda v: np.array(v, dtype=float))


@st.composite
def smooth(draw: st.DrawFn) -> Floats:
    """Hundreds of random rows of a scale and a shift, some rounded into ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = draw(st.integers(1, 800))
    scale = draw(st.sampled_from([1e-310, 1e-12, 1.0, 1e6, 1e300]))
    shift = draw(st.sampled_from([0.0, 0.3, -2.0, 100.0]))
    values = rng.normal(shift, 1.0, rows)
    if draw(st.booleans()):
        values = np.round(values, draw(st.integers(0, 2)))
    return np.asarray(values * scale)


REFERENCE = st.one_of(
    arrays(FINITE), arrays(NASTY), smooth(), arrays(st.integers(-5, 25).map(float))
)
CURRENT = st.one_of(
    arrays(ANY, 0), arrays(NASTY, 0), smooth(), arrays(st.integers(-9, 30).map(float))
)
