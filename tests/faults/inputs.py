"""T4 to T7 and T13: what is sent is repeated, late, disordered, bad or of another version."""

from collections.abc import Callable

from tests.faults.comparison import Truth
from tests.faults.ground import MEGA, RATE, Found, Ground, conclude, figures
from tests.faults.load import Load, Shares, flooded, load
from tests.faults.rig import Invalid
from tests.faults.samples import Samples

#: The reasons of FAULTS.md's table that a load's poison gives.
REASONS = {
    "malformed", "limit_size", "limit_id", "limit_class", "limit_features", "schema_missing",
    "schema_type", "schema_version", "schema_range", "future_timestamp", "id_conflict",
    "orphan_label", "orphan_review", "bad_signature", "unknown_model", "late",
}  # fmt: skip


def _plain(ground: Ground, shares: Shares, demand: Callable[[Load, Truth], bool]) -> Found:
    seconds = ground.seconds(100)
    drawn = load(int(RATE * seconds), ground.seed, shares)
    with ground.rig(drawn, seconds) as rig:
        worker = rig.worker()
        rig.flow()
        truth, _, wrong = rig.differences()
        if not demand(drawn, truth):
            raise Invalid(f"the load lacks what it is for: {drawn.drawn}")
        assert worker.stop() == 0
        if "started again" in worker.said:
            wrong.append(f"the worker was started again:\n{worker.said[-1500:]}")
        return figures(rig, truth, wrong, **demanded(truth))


def demanded(truth: Truth) -> dict[str, float]:
    """How many predictions met each fate, and how many verdicts were revised, by the oracle."""
    fates = truth.taken.accounting()["predictions"]
    return {f"predictions_{k}": n for k, n in fates.items()} | {"windows_revised": truth.revised}


def has_duplicates(drawn: Load, truth: Truth) -> bool:
    """Whether most of the duplicates drawn are duplicates, and none too late to be one."""
    return truth.taken.accounting()["predictions"]["duplicate"] > drawn.drawn["duplicate"] / 3


def has_disorder(drawn: Load, truth: Truth) -> bool:
    """Whether events come late and count, so that verdicts are revised, and others too late."""
    late = truth.taken.accounting()["predictions"]["late"]
    return late > drawn.drawn["beyond"] / 2 > 0 and drawn.drawn["late"] > 0 and truth.revised > 0


def has_poison(drawn: Load, truth: Truth) -> bool:
    """Whether every class of bad input occurs."""
    return {fate.reason for fate in truth.taken.fates.values()} >= REASONS


def has_versions(drawn: Load, truth: Truth) -> bool:
    """Whether the next minor version is sent, and a major one that nobody knows."""
    reasons = {fate.reason for fate in truth.taken.fates.values()}
    return drawn.drawn["newer"] > 0 and "schema_version" in reasons


def duplicates(ground: Ground) -> Found:
    """T4: 5 % of the predictions come twice, the second now at once, now hours later."""
    return _plain(ground, Shares(duplicate=0.05), has_duplicates)


def disorder(ground: Ground) -> Found:
    """T5: disorder up to the bound, 2 % late, 1 % too late: revisions and late counter exact."""
    return _plain(ground, Shares(late=0.02, beyond=0.01), has_disorder)


def poison(ground: Ground) -> Found:
    """T6: 1 % of bad input of every class; each a dead letter with its reason, and no restart."""
    return _plain(ground, Shares(poison=0.01), has_poison)


def schema(ground: Ground) -> Found:
    """T13: half of the producers are of the next version; one that nobody knows is refused."""
    return _plain(ground, Shares(newer=0.5), has_versions)


def cardinality(ground: Ground) -> Found:
    """T7: a million invented models at 2,000 a second between the events of known ones."""
    ids = ground.times(1_000_000)
    base = load(20_000, ground.seed)
    with ground.rig(flooded(base, ids, ground.seed), ids / 2000) as rig:
        worker = rig.worker()
        worker.owns()
        half = (len(base.sent) // 2 - 100) / len(rig.load.sent)
        rig.allow(half)
        rig.flow()
        rig.gone(half)
        rig.rest()
        before = worker.rss
        with Samples(lambda: worker.rss) as rss:
            rig.at_rest()
        grown = (max(rss.values) - before) / MEGA
        found = conclude(rig, rss_grown_mb=round(grown, 1), invented=ids)
        if grown > 150:
            found.differences.append(f"RSS grew by {grown:.0f} MB, limit 150")
        return found
