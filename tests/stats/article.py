"""The formulas of the article as it prints them (Huwyler, practice 8): the oracle of our own."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats


def compute_psi(
    training_data: npt.NDArray[np.float64],
    production_data: npt.NDArray[np.float64],
    buckets: int = 10,
) -> float:
    breakpoints = np.linspace(training_data.min(), training_data.max(), buckets + 1)
    train_dist, _ = np.histogram(training_data, bins=breakpoints)
    prod_dist, _ = np.histogram(production_data, bins=breakpoints)
    train_pct = train_dist / len(training_data)
    prod_pct = prod_dist / len(production_data)
    train_pct = np.where(train_pct == 0, 0.0001, train_pct)
    prod_pct = np.where(prod_pct == 0, 0.0001, prod_pct)
    return float(np.sum((prod_pct - train_pct) * np.log(prod_pct / train_pct)))


def detect_concept_drift(
    historical_performance: list[float],
    current_performance: float,
    window_size: int = 4,
    threshold: float = 0.05,
) -> bool:
    if len(historical_performance) < window_size:
        return False
    recent_avg = np.mean(historical_performance[-window_size:])
    degradation = recent_avg - current_performance
    return bool(degradation > threshold)


def js_divergence(
    baseline_predictions: npt.NDArray[np.int64], current_predictions: npt.NDArray[np.int64]
) -> float:
    baseline_dist = np.bincount(baseline_predictions) / len(baseline_predictions)
    current_dist = np.bincount(current_predictions) / len(current_predictions)
    m = (baseline_dist + current_dist) / 2
    return float(
        0.5
        * (
            np.sum(baseline_dist * np.log(baseline_dist / m))
            + np.sum(current_dist * np.log(current_dist / m))
        )
    )


def detect_performance_trend(
    performance_history: npt.NDArray[np.float64],
    window_days: int = 7,
    significance: float = 0.05,
) -> dict[str, Any]:
    if len(performance_history) < window_days:
        return {"trend_detected": False}
    recent = performance_history[-window_days:]
    x = np.arange(len(recent))
    slope, intercept, _r_value, p_value, _std_err = stats.linregress(x, recent)
    is_declining = slope < 0 and p_value < significance
    projected_performance = intercept + slope * (len(recent) + 7)
    return {
        "trend_detected": is_declining,
        "slope": slope,
        "p_value": p_value,
        "current_performance": recent[-1],
        "projected_7d_performance": projected_performance,
        "recommendation": "RETRAIN_SOON" if is_declining else "CONTINUE_MONITORING",
    }
