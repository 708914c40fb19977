"""The fields of what is published, as keyword arguments that an editor can complete.

Numbers, booleans and text may be NumPy's. A time is RFC 3339 text with an offset, an aware
datetime or integer milliseconds since 1970; where `timestamp` is left out, it is now.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

Time = str | int | datetime
#: A number, text, true or false: Python's or NumPy's.
Scalar = Any


class PredictionFields(TypedDict, total=False):
    """One prediction, with the features that it was made from."""

    prediction_id: Required[str]
    model_id: Required[str]
    model_version: Required[str]
    features: Required[Mapping[str, Scalar]]
    prediction: Required[Scalar]
    timestamp: Time
    score: Scalar
    probabilities: Mapping[str, Scalar]
    latency_ms: Scalar
    error: str
    variant: Literal["baseline", "canary", "shadow"]
    segment: Mapping[str, str]
    protected: Mapping[str, str]
    confidence: Scalar
    schema_version: str


class LabelFields(TypedDict, total=False):
    """The ground truth of one prediction."""

    prediction_id: Required[str]
    model_id: Required[str]
    label: Required[Scalar]
    timestamp: Time
    prediction: Scalar
    score: Scalar
    prediction_timestamp: Time
    model_version: str
    schema_version: str


class ReviewFields(TypedDict, total=False):
    """A human's decision about one prediction."""

    review_id: Required[str]
    prediction_id: Required[str]
    model_id: Required[str]
    reviewer_id: Required[str]
    final_decision: Required[Scalar]
    timestamp: Time
    ai_prediction: Scalar
    human_initial_decision: Scalar
    human_confidence: Scalar
    started_at: Time
    schema_version: str
