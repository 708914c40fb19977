"""Factors and maps between the units that people confuse."""

from __future__ import annotations

#: From one unit to another, and the factor; the way back is its reciprocal.
FACTORS: tuple[tuple[str, str, float], ...] = (
    ("units", "thousandths", 1000.0),
    ("units", "millionths", 1e6),
    ("shares", "per cent", 100.0),
    ("units", "tenths", 10.0),
    ("hours", "minutes or seconds of minutes", 60.0),
    ("hours", "seconds", 3600.0),
    ("days", "hours", 24.0),
    ("days", "seconds", 86_400.0),
    ("weeks", "days", 7.0),
    ("years", "months, or dozens to single ones", 12.0),
    ("miles", "kilometres", 1.609344),
    ("nautical miles", "kilometres", 1.852),
    ("nautical miles", "miles", 1.150779448),
    ("inches", "centimetres", 2.54),
    ("inches", "millimetres", 25.4),
    ("feet", "metres", 0.3048),
    ("yards", "metres", 0.9144),
    ("pounds", "kilograms", 0.45359237),
    ("ounces", "grams", 28.349523125),
    ("US gallons", "litres", 3.785411784),
    ("miles per hour", "metres per second", 0.44704),
    ("kilometres per hour", "metres per second", 1 / 3.6),
    ("knots", "metres per second", 0.514444444),
    ("inches of mercury", "hectopascals", 33.86389),
    ("square feet", "square metres", 0.09290304),
    ("acres", "hectares", 0.40468564224),
    ("kibibytes", "bytes", 1024.0),
    ("kilocalories", "kilojoules", 4.184),
    ("degrees", "radians", 0.017453292519943295),
)
#: From one unit to another: factor and summand.
AFFINE: tuple[tuple[str, str, float, float], ...] = (
    ("Celsius", "Fahrenheit", 1.8, 32.0),
    ("Fahrenheit", "Celsius", 1 / 1.8, -32 / 1.8),
)
#: From one unit to another: summand.
SHIFTS: tuple[tuple[str, str, float], ...] = (
    ("Celsius", "kelvin", 273.15),
    ("kelvin", "Celsius", -273.15),
)

#: Every factor with its name, in both directions.
KNOWN: tuple[tuple[float, str], ...] = tuple(
    pair
    for one, other, factor in FACTORS
    for pair in ((factor, f"{one} to {other}"), (1 / factor, f"{other} to {one}"))
)


def named_factor(low: float, high: float, tolerance: float = 0.001) -> tuple[float, str] | None:
    """The known factor within low to high, or so near as `tolerance`; the nearest to the middle.

    >>> named_factor(1.60, 1.62), named_factor(1.3, 1.31)
    ((1.609344, 'miles to kilometres'), None)
    """
    middle = (low * high) ** 0.5
    within = [pair for pair in KNOWN if low * (1 - tolerance) <= pair[0] <= high * (1 + tolerance)]
    return min(within, key=lambda pair: abs(pair[0] / middle - 1), default=None)
