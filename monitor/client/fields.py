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
#: A value a row, in a list or in what makes an array of NumPy's; None or NaN where it is missing.
Column = Any


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


class PredictionsFields(TypedDict, total=False):
    """Many predictions of one model version, a column each field.

    Without `prediction_ids` they are `<batch_id>/0`, `<batch_id>/1` and so on.
    """

    batch_id: Required[str]
    model_id: Required[str]
    model_version: Required[str]
    features: Required[Mapping[str, Column]]
    predictions: Required[Column]
    timestamp: Time
    timestamps: Column
    scores: Column
    prediction_ids: Column
    first_index: int
    schema_version: str


class LabelFields(TypedDict, total=False):
    """The ground truth of one prediction; `batch_id` is what it was published with, if it was."""

    prediction_id: Required[str]
    model_id: Required[str]
    label: Required[Scalar]
    timestamp: Time
    prediction: Scalar
    score: Scalar
    prediction_timestamp: Time
    model_version: str
    batch_id: str
    schema_version: str


class ReviewFields(TypedDict, total=False):
    """A human's decision about one prediction; `batch_id` as for a label."""

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
    batch_id: str
    schema_version: str
