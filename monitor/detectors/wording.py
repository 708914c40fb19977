"""How numbers are told to a person: short, with both sides of a comparison told apart."""

from __future__ import annotations

import math
from itertools import pairwise

from monitor.stats.grid import CategoricalGrid, Grid, NumericGrid


def count(rows: int) -> str:
    """A number of rows.

    >>> count(1840)
    '1,840'
    """
    return f"{rows:,}"


def percent(share: float) -> str:
    """A share of 0 to 1, two digits; only a whole is 100 %, only none is 0 %.

    >>> [percent(share) for share in (0, 0.00000049, 0.0234, 0.376, 0.9991, 0.99999, 1)]
    ['0 %', '< 0.001 %', '2.3 %', '38 %', '99.9 %', '> 99.9 %', '100 %']
    """
    value = share * 100
    if value in (0, 100):
        return f"{value:.0f} %"
    if value < 0.001:
        return "< 0.001 %"
    if value < 9.95:
        return f"{value:.2g} %"
    if value < 99.5:
        return f"{value:.0f} %"
    return f"{value:.1f} %" if value < 99.95 else "> 99.9 %"


def number(value: float, digits: int = 4) -> str:
    """A value of a feature, of at least so many significant digits.

    >>> [number(value) for value in (0, 1036.9999999999998, 0.00001234, 12.3456, -2e17)]
    ['0', '1,037', '1.234e-05', '12.35', '-2e+17']
    """
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-4:
        return f"{value:.{digits}g}"
    whole = len(f"{size:.0f}")
    if whole >= digits:
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e" in text else text


def span(low: float, high: float) -> str:
    """The values from `low` to below `high`, with as many digits as tell the two apart.

    >>> span(1036.9999, 1389), span(0.1234561, 0.1234567), span(5, math.nextafter(5, 6))
    ('1,037 – 1,389', '0.123456 – 0.123457', '5')
    """
    if math.nextafter(low, math.inf) >= high:
        return number(low)
    for digits in range(4, 18):
        bounds = _fixed(low, digits), _fixed(high, digits)
        if bounds[0] != bounds[1]:
            return " – ".join(bounds)
    return f"{low!r} – {high!r}"


def _fixed(value: float, digits: int) -> str:
    if digits == 4:
        return number(value)
    return f"{value:,.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"


def against(value: float, limit: float | None) -> str:
    """A value beside its limit, with as many decimals as tell the two apart.

    >>> against(0.412, 0.3), against(0.30004, 0.3), against(0.1, 0.1), against(0.5, None)
    ('0.412 > 0.300', '0.30004 > 0.30000', '0.100, not above 0.100', '0.500')
    """
    if limit is None:
        return f"{value:.3f}"
    above = round(value, 9) > round(limit, 9)
    decimals = 3
    while above and decimals < 9 and f"{value:.{decimals}f}" == f"{limit:.{decimals}f}":
        decimals += 1
    sign = " >" if above else ", not above"
    return f"{value:.{decimals}f}{sign} {limit:.{decimals}f}"


def small(value: float) -> str:
    """A figure that is often near nothing.

    >>> small(0.0051), small(0.0002), small(0.0)
    ('0.005', '< 0.001', '0')
    """
    if value == 0:
        return "0"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def chance(p_value: float) -> str:
    """A p-value, as it stands after "p".

    >>> chance(0.0321), chance(2e-30), chance(1.0), chance(0.00042)
    ('= 0.032', '< 1e-12', '= 1.000', '= 0.00042')
    """
    if p_value < 1e-12:
        return "< 1e-12"
    return f"= {p_value:.3f}" if p_value >= 0.001 else f"= {p_value:.2g}"


def bin_names(grid: Grid, names: tuple[str, ...], closed: bool) -> tuple[str, ...]:
    """The cells that a statistic compared, as a person calls them; `names` are the cells' own.

    Numeric cells are called by their bounds: the coarse cuts, and for `closed` cells the
    reference's least and greatest value too.

    >>> from monitor.stats.grid import NumericGrid
    >>> grid = NumericGrid.of([0.0, 1.0, 2.0], uniform=[0] + [1] * 9 + [2], coarse=[1])
    >>> bin_names(grid, ("", ""), closed=False)
    ('below 1', 'above 1')
    """
    if isinstance(grid, CategoricalGrid):
        return tuple(CATEGORIES.get(name, name) for name in names)
    return _ranges(grid, closed)


CATEGORIES = {"__other__": "other categories", "__unseen__": "unseen categories"}


def _ranges(grid: NumericGrid, closed: bool) -> tuple[str, ...]:
    cuts = [float(grid.edges[cut]) for cut in grid.coarse]
    if closed:
        cuts = [float(grid.edges[0]), *cuts, float(grid.edges[-1])]
    if not cuts:
        return ("all values",)
    between = [span(low, high) for low, high in pairwise(cuts)]
    return (f"below {number(cuts[0])}", *between, f"above {number(cuts[-1])}")


def share_of(grid: Grid, name: str) -> str:
    """The share of a bin, as the beginning of a sentence.

    >>> from monitor.stats.grid import CategoricalGrid
    >>> share_of(CategoricalGrid(("EV",)), "EV")
    'Share of "EV"'
    """
    if isinstance(grid, CategoricalGrid):
        return f"Share of {name}" if name in CATEGORIES.values() else f'Share of "{name}"'
    return f"Share {name}" if name.startswith(("below", "above")) else f"Share of {name}"


def moved(before: float, now: float) -> str:
    """How a share moved.

    >>> moved(0.1, 0.38), moved(0.5, 0.25), moved(0.1, 0.1)
    ('rose from 10 % to 38 %', 'fell from 50 % to 25 %', 'stayed at 10 %')
    """
    if now == before:
        return f"stayed at {percent(now)}"
    return f"{'rose' if now > before else 'fell'} from {percent(before)} to {percent(now)}"
