"""Statistics of a column from its raw values, by scipy, numpy and the article's own formulas."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import spatial, special, stats

from tests.e2e.oracle.intake import canonical
from tests.e2e.oracle.setting import GRADES, Edges, Floats

Counts = npt.NDArray[np.int64]
Limits = tuple[float | None, ...]
FLOOR = 1e-4


@dataclass(frozen=True, eq=False)
class Numbers:
    """A numeric column, sorted out: JSON has no infinities, so every number is finite."""

    values: Floats
    nulls: int = 0
    mistyped: int = 0

    @property
    def rows(self) -> int:
        return len(self.values) + self.nulls + self.mistyped


@dataclass(frozen=True, eq=False)
class Categories:
    """A categorical column, sorted out."""

    names: Counter[str]
    nulls: int = 0
    mistyped: int = 0

    @property
    def valid(self) -> int:
        return self.names.total()

    @property
    def rows(self) -> int:
        return self.valid + self.nulls + self.mistyped


def numbers(values: Sequence[Any]) -> Numbers:
    """Whatever is not null and no number has a wrong type; a boolean is no number."""
    some = [v for v in values if v is not None]
    good = [float(v) for v in some if isinstance(v, int | float) and not isinstance(v, bool)]
    return Numbers(np.array(good, dtype=float), len(values) - len(some), len(some) - len(good))


def categories(values: Sequence[Any]) -> Categories:
    """Names as they are counted; lists and objects have a wrong type."""
    some = [canonical(v) for v in values if v is not None]
    good = Counter(name for name in some if name is not None)
    return Categories(good, len(values) - len(some), len(some) - good.total())


@dataclass(eq=False)
class Comparison:
    """Everything that is said of a column; `within` bounds a figure by what raw arrays give."""

    valid: int
    valid_reference: int
    statistics: dict[str, Any]
    p_value: float | None
    psi: float | None
    seen: tuple[int, int]
    chance: float
    psi_terms: list[tuple[float, float, float]]
    js_chance: float
    js_terms: list[tuple[float, float, float]]
    within: dict[str, tuple[float, float]] = field(default_factory=dict)


def compare(current: Any, reference: Any, edges: Edges | None) -> Comparison:
    """Compare two columns of one kind; edges for numbers alone."""
    if edges is None:
        opened, closed = _category_cells(current, reference)
        valid, valid_reference = current.valid, reference.valid
    else:
        opened = _cells(current, edges.coarse), _cells(reference, edges.coarse)
        bounds = np.concatenate(([edges.fine[0]], edges.coarse, [edges.fine[-1]]))
        closed = _cells(current, bounds), _cells(reference, bounds)
        valid, valid_reference = len(current.values), len(reference.values)
    n, m = int(opened[0].sum()), int(opened[1].sum())
    value = psi(*opened)
    cells = int((opened[1] > 0).sum())
    statistics: dict[str, Any] = {"psi": value}
    tested = closed if edges is not None else _tested(*closed)
    statistics |= _closed(*closed) | _homogeneity(*tested)
    within: dict[str, tuple[float, float]] = {}
    p_value = statistics["chi2_p"]
    if edges is not None:
        statistics |= _numeric(current.values, reference.values, edges, within)
        p_value = statistics["ks_p"] if statistics["ks_p"] is not None else p_value
    kept = int((closed[1] > 0).sum())
    return Comparison(
        valid,
        valid_reference,
        statistics,
        p_value,
        psi=value if cells > 1 else None,
        seen=(n, m),
        chance=(cells - 1) * (1 / n + 1 / m) if n and m else 0.0,
        psi_terms=_terms(opened, lambda p, q: (p - q) * np.log(p / q), floor=True),
        js_chance=(kept - 1) * (1 / valid + 1 / valid_reference) / 8 if valid else 0.0,
        js_terms=_terms(closed, lambda p, q: _kl(p, (p + q) / 2) + _kl(q, (p + q) / 2)),
        within=within,
    )


def psi(current: Counts, reference: Counts) -> float | None:
    """The article's sum over given cells; an empty one has the share 0.0001."""
    if current.sum() == 0 or reference.sum() == 0:
        return None
    p, q = current / current.sum(), reference / reference.sum()
    p, q = np.where(p == 0, FLOOR, p), np.where(q == 0, FLOOR, q)
    return float(np.sum((p - q) * np.log(p / q)))


def article_psi(training: Floats, production: Floats, buckets: int = 10) -> float:
    """`compute_psi` as the article prints it (Huwyler, practice 8)."""
    breakpoints = np.linspace(training.min(), training.max(), buckets + 1)
    train, _ = np.histogram(training, bins=breakpoints)
    prod, _ = np.histogram(production, bins=breakpoints)
    train_pct, prod_pct = train / len(training), prod / len(production)
    train_pct = np.where(train_pct == 0, 0.0001, train_pct)
    prod_pct = np.where(prod_pct == 0, 0.0001, prod_pct)
    return float(np.sum((prod_pct - train_pct) * np.log(prod_pct / train_pct)))


def article_grade(psi_value: float, degradation: float) -> int:
    """`_assess_severity` as the article prints it: 0 for low to 3 for critical."""
    if psi_value > 0.3 or degradation > 0.10:
        return 3
    if psi_value > 0.2 or degradation > 0.05:
        return 2
    return 1 if psi_value > 0.1 or degradation > 0.03 else 0


def grade(value: float, limits: Limits) -> str:
    """The gravest grade whose limit a value exceeds, both rounded to 1e-9."""
    found = "low"
    for name, limit in zip(GRADES, limits, strict=True):
        if limit is not None and round(value, 9) > round(limit, 9):
            found = name
    return found


def limit_told(value: float, limits: Limits) -> float | None:
    """The highest limit exceeded, else the lowest."""
    known = sorted(limit for limit in limits if limit is not None)
    exceeded = [limit for limit in known if round(value, 9) > round(limit, 9)]
    return exceeded[-1] if exceeded else known[0]


def excess_p(count: int, rows: int, before: int, reference_rows: int) -> float:
    """Fisher's exact test, one-sided: as many or more of them, if nothing has changed."""
    if count == 0:
        return 1.0
    table = [[count, rows - count], [before, reference_rows - before]]
    return float(stats.fisher_exact(table, alternative="greater").pvalue)


def _cells(column: Numbers, cuts: Floats) -> Counts:
    at = np.searchsorted(cuts, column.values, side="right")
    return np.bincount(at, minlength=len(cuts) + 1)


def _category_cells(
    current: Categories, reference: Categories
) -> tuple[tuple[Counts, Counts], tuple[Counts, Counts]]:
    """Ten most frequent categories have a cell, and each more of which 20 rows are to be expected.

    The rest of the reference's share one; what it has not seen is a closed cell of its own.
    """
    ranked = sorted(reference.names, key=lambda name: (-reference.names[name], name))
    n, m = current.valid, reference.valid
    alone = ranked[:10]
    for name in ranked[10:100]:
        if reference.names[name] * min(n, m) < 20 * m:
            break
        alone.append(name)
    rest = set(ranked) - set(alone)

    def counted(side: Categories) -> tuple[list[int], int]:
        seen = [side.names[name] for name in alone]
        seen.append(sum(side.names[name] for name in rest))
        return seen, side.valid - sum(seen)

    (now, unseen), (before, none) = counted(current), counted(reference)
    return (np.array(now), np.array(before)), (np.array([*now, unseen]), np.array([*before, none]))


def _closed(current: Counts, reference: Counts) -> dict[str, Any]:
    names = ("js_divergence", "js_distance", "hellinger")
    if current.sum() == 0 or reference.sum() == 0:
        return dict.fromkeys(names)
    p, q = current / current.sum(), reference / reference.sum()
    nats = float(spatial.distance.jensenshannon(p, q))
    bits = float(spatial.distance.jensenshannon(p, q, base=2))
    hellinger = float(np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2))
    return dict(zip(names, (nats**2, bits, hellinger), strict=True))


def _tested(current: Counts, reference: Counts) -> tuple[Counts, Counts]:
    """Categories of which five rows are to be expected on both sides; all else is one cell."""
    n, m = current.sum(), reference.sum()
    alone = [i for i, many in enumerate(reference[:-2]) if many * min(n, m) >= 5 * m]
    return tuple(  # type: ignore[return-value]
        np.array([*side[alone], side.sum() - side[alone].sum()]) for side in (current, reference)
    )


def _homogeneity(current: Counts, reference: Counts) -> dict[str, Any]:
    if current.sum() == 0 or reference.sum() == 0:
        return dict.fromkeys(("chi2", "chi2_p"))
    some = (current + reference) > 0
    if some.sum() == 1:
        return {"chi2": 0.0, "chi2_p": 1.0}
    tested = stats.chi2_contingency(np.array([current[some], reference[some]]), correction=False)
    return {"chi2": float(tested.statistic), "chi2_p": float(tested.pvalue)}


def _numeric(
    current: Floats, reference: Floats, edges: Edges, within: dict[str, tuple[float, float]]
) -> dict[str, Any]:
    names = ("psi_uniform", "auc", "auc_p", "ks", "ks_interval", "ks_p")
    if len(current) == 0:
        return dict.fromkeys(names)
    n, m = len(current), len(reference)
    exact = float(stats.ks_2samp(current, reference).statistic)
    fine = edges.fine
    now = np.searchsorted(np.sort(current), fine, "left") / n
    before = np.searchsorted(np.sort(reference), fine, "left") / m
    now, before = np.append(now, 1.0), np.append(before, 1.0)
    distance = float(np.max(np.abs(now - before)))
    # What happens within a bin is hidden, save where it holds one value; the outermost two lie
    # where one of the sides has nothing.
    single = np.nextafter(fine[1:], -np.inf) == fine[:-1]
    inner = np.concatenate(([False], ~single, [False]))
    begun = np.concatenate(([0.0], now[:-1])), np.concatenate(([0.0], before[:-1]))
    reach = np.maximum(now - begun[1], before - begun[0])[inner]
    highest = min(1.0, max(distance, float(reach.max(initial=0.0))))
    within["ks"] = (-np.inf, exact)
    within["ks_interval"] = (exact, np.inf)
    s = np.sqrt(n * m / (n + m))
    ks_p = float(special.kolmogorov(distance * (s + 0.12 + 0.11 / s))) if min(n, m) >= 50 else None

    # Rows of one bin are ties: what Mann-Whitney says of the bins' numbers is exact.
    binned = [np.searchsorted(fine, side, "right") for side in (current, reference)]
    if len(np.unique(np.concatenate(binned))) == 1:
        auc, auc_p = 0.5, 1.0
    else:
        tested = stats.mannwhitneyu(*binned, method="asymptotic", use_continuity=False)
        auc, auc_p = float(tested.statistic) / (n * m), float(tested.pvalue)
    raw = float(stats.mannwhitneyu(current, reference, method="asymptotic").statistic) / (n * m)
    counts = [np.bincount(side, minlength=len(fine) + 1) for side in binned]
    unsure = float(np.sum((counts[0] / n) * (counts[1] / m))) / 2
    within["auc"] = (raw - unsure - 1e-12, raw + unsure + 1e-12)
    uniform = article_psi(reference, current)
    found = {
        "psi_uniform": uniform,
        "auc": auc,
        "auc_p": auc_p,
        "ks": distance,
        "ks_interval": [distance, highest],
        "ks_p": ks_p,
        "plain_psi_severity": float(article_grade(round(uniform, 9), 0.0)),
        "plain_ks_severity": 2.0 if distance > 0.2 else 1.0 if distance > 0.1 else 0.0,
    }
    if ks_p is not None:
        found["plain_ks_drifted"] = float(ks_p < 0.05)
    return found


def _kl(p: Floats, middle: Floats) -> Floats:
    return special.rel_entr(p, middle)


def _terms(cells: tuple[Counts, Counts], of: Any, floor: bool = False) -> list[Any]:
    """The three greatest terms of cells whose share has changed: (term, reference, current)."""
    if cells[0].sum() == 0 or cells[1].sum() == 0:
        return []
    p, q = cells[0] / cells[0].sum(), cells[1] / cells[1].sum()
    terms = of(*(np.where(x == 0, FLOOR, x) for x in (p, q))) if floor else of(p, q)
    found = [(float(t), float(b), float(a)) for t, a, b in zip(terms, p, q, strict=True) if a != b]
    return sorted(found, key=lambda term: -term[0])[:3]
