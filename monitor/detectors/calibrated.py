"""Two questions to a column: has it really moved, and by how much? Found, then graded.

It is found beyond chance, within a budget of false alarms, or it isn't; the grade is of the effect
alone, less what chance adds to it. A drift that is found and small is low; so is a large PSI that
chance explains. The article's own figures and verdicts stand beside (`plain_*`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.calibration.detection import LASTING, Detected, detect, lasting
from monitor.detectors.comparison import Comparison
from monitor.detectors.features import ColumnCounts
from monitor.detectors.finding import Detection, Finding, Grade, Verdict
from monitor.detectors.severity import exceeds, grade, limit_told, rank
from monitor.detectors.window import Calibrated
from monitor.detectors.wording import against, chance, count, small
from monitor.registry.specs import Thresholds
from monitor.stats.coarse import coarse
from monitor.stats.effect import Effect, effect


@dataclass(frozen=True, slots=True)
class Reality:
    """What is known of one column: what was found of it, and how large it is without chance."""

    detected: Detected
    effect: Effect | None
    false_alarms: float
    dispersion: float
    #: Whether it was found in each of the last windows, this one included.
    lasts: bool

    @property
    def told(self) -> Detection:
        """The same as an event tells it."""
        one, size = self.detected, self.effect
        known = one.path is not None and one.p_value is not None
        return Detection(
            found=one.found if known else None,
            path=one.path,
            p_value=one.p_value,
            level=one.level,
            windows=one.windows,
            gross=one.gross,
            false_alarms=self.false_alarms,
            corrected=size.corrected if size else None,
            lower=size.lower if size else None,
        )


def realities(calibrated: Calibrated, columns: Sequence[ColumnCounts]) -> dict[str, Reality]:
    """What is known of the columns of one window that are judged together."""
    subjects = [column.subject for column in columns if column.subject in calibrated.usual]
    looks = {subject: calibrated.looks.get(subject, ()) for subject in subjects}
    found = detect(calibrated.usual, looks, calibrated.alpha)
    known: dict[str, Reality] = {}
    for column in columns:
        one = found.get(column.subject)
        if one is None:
            continue
        usual = calibrated.usual[column.subject]
        current = coarse(column.current, column.grid)
        known[column.subject] = Reality(
            one,
            effect(current, usual.reference, usual.dispersion),
            calibrated.false_alarms,
            usual.dispersion,
            one.found and lasting(usual, looks[column.subject], one.level, LASTING),
        )
    return known


def judge_calibrated(
    detector: str,
    subject: str,
    compared: Comparison,
    reality: Reality,
    limits: Thresholds,
    moved: str,
) -> Finding:
    """One finding on a column with enough rows; `moved` says in words which share has changed."""
    size, one = reality.effect, reality.detected
    name = subject.removeprefix("feature/")
    if size is None:
        text = f"{name}: nothing to compare with in the reference"
        return _finding(detector, subject, compared, reality, "inconclusive", None, text)
    graded = _capped(grade(size.corrected, limits), size, limits)
    limit = limit_told(size.corrected, limits)
    expected = size.psi - size.corrected
    text = (
        f"{name}: PSI {against(size.corrected, limit)} (n={count(compared.valid)}; "
        f"{small(size.psi)} less the {small(expected)} that chance gives)."
    )
    verdict = _verdict(graded, one, reality)
    return _finding(
        detector, subject, compared, reality, verdict, limit, f"{text} {_why(one, reality)}{moved}"
    )


def _verdict(graded: Grade, one: Detected, reality: Reality) -> Verdict:
    if one.found or one.lasting:
        return "medium" if graded == "low" and reality.lasts else graded
    if one.gross:
        # Once may be a storm; twice in a row is an alarm.
        return graded if rank(graded) <= rank("medium") else "medium"
    if one.path is None:
        return "inconclusive"
    return "low"


def _capped(found: Grade, size: Effect, limits: Thresholds) -> Grade:
    """Critical is what surely is high."""
    if found == "critical" and limits.high is not None and not exceeds(size.lower, limits.high):
        return "high"
    return found


def _why(one: Detected, reality: Reality) -> str:
    alarms = "false alarm" if reality.false_alarms == 1 else "false alarms"
    budget = f"{reality.false_alarms:g} {alarms} a model-month"
    if one.found and one.p_value is not None:
        over = "this window" if one.windows == 1 else f"the last {one.windows} windows"
        text = f"Real: p {chance(one.p_value)} of {over}, level {chance(one.level)}"
        again = f"; found {LASTING} times in a row" if reality.lasts else ""
        return f"{text} ({budget}){again}."
    if one.gross:
        again = ", as the one before" if one.lasting else ""
        return f"This window is twice as unlike the reference as any of the baseline's own{again}."
    if one.path is None:
        return (
            f"It cannot be judged at a budget of {budget}: {one.why}. Build the baseline from a "
            "longer history, or allow more false alarms."
        )
    if one.p_value is None:
        return "Too few windows have been looked at to tell it from chance."
    return f"Within chance: p {chance(one.p_value)}, level {chance(one.level)} ({budget})."


def _finding(
    detector: str,
    subject: str,
    compared: Comparison,
    reality: Reality,
    verdict: Verdict,
    limit: float | None,
    text: str,
) -> Finding:
    size = reality.effect
    return Finding(
        detector=detector,
        subject=subject,
        statistic="psi",
        verdict=verdict,
        value=size.corrected if size else None,
        threshold=limit,
        expected=0.0 if size else None,
        p_value=reality.detected.p_value,
        n_reference=compared.valid_reference,
        n_current=compared.valid,
        statistics=compared.statistics
        | {
            "psi_corrected": size.corrected if size else None,
            "psi_lower": size.lower if size else None,
            "dispersion": reality.dispersion,
        },
        top_bins=compared.psi.top_bins if compared.psi else (),
        message=text,
        detection=reality.told,
    )
