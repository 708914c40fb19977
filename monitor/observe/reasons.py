"""The bounded vocabulary of dead letters: every reason, and what to do about it.

mypy holds each `Rejected` to it; metrics and tables may use a reason as a label.
"""

from collections.abc import Mapping
from typing import Literal

Reason = Literal[
    "bad_signature",
    "future_timestamp",
    "id_conflict",
    "labels_undeclared",
    "late",
    "limit_class",
    "limit_features",
    "limit_id",
    "limit_labels",
    "limit_rows",
    "limit_size",
    "malformed",
    "orphan_label",
    "orphan_review",
    "reviews_undeclared",
    "schema_encoding",
    "schema_length",
    "schema_missing",
    "schema_range",
    "schema_type",
    "schema_version",
    "unknown_model",
    "unremembered",
]

REMEDIES: Mapping[str, str] = {
    "bad_signature": (
        "If an approver sent it, sign the canonical JSON with a key of `approvers` in the "
        "configuration, and name that key and its holder; if nobody did, somebody forges approvals."
    ),
    "future_timestamp": (
        "Set the producer's clock, or send the time at which the event happened; the same record "
        "can be replayed once its time has come."
    ),
    "id_conflict": (
        "Give every prediction, review and approval an id of its own, and send retries byte for "
        "byte: the first event of the id was counted, and this one says something else."
    ),
    "labels_undeclared": (
        "Add `labels:` to the model's configuration, restart the workers, and replay; or stop "
        "sending labels for this model."
    ),
    "late": (
        "Send sooner, or raise `allowed_lateness` of the signals' windows or the model's "
        "`disorder`; the windows of this event are judged, so to replay it changes nothing."
    ),
    "limit_class": "Send the class by a name of at most 128 characters; free text is no class.",
    "limit_features": (
        "Send at most 500 features: leave out those that are not monitored, or monitor the model "
        "in parts."
    ),
    "limit_id": (
        "Make ids and versions of 1 to 128 letters, digits or any of . _ : / @ -, such as a UUID."
    ),
    "limit_labels": (
        "Find what relabels this prediction again and again; beyond 100 labels none is taken."
    ),
    "limit_rows": "Send the predictions in several columnar records of at most 10,000 each.",
    "limit_size": (
        "Send at most 256 KiB, or 960 KiB of columns: fewer predictions a record, and no fields or "
        "features that are not monitored."
    ),
    "malformed": (
        "Send one JSON object as UTF-8, at most 16 deep, without NaN, infinities or integers "
        "beyond 64 bits; `monitor.client` refuses those before they are sent."
    ),
    "orphan_label": (
        "Check that prediction and label carry the same id and key, and that the label comes "
        "within `labels.max_delay`; once the prediction is there, the label can be replayed."
    ),
    "orphan_review": (
        "Check that prediction and review carry the same id and key, and that the review comes "
        "within `reviews.max_delay`; its id is taken, so that in time it needs a new one."
    ),
    "reviews_undeclared": (
        "Add `reviews:` to the model's configuration, restart the workers, and replay; or stop "
        "sending reviews for this model."
    ),
    "schema_encoding": (
        "Send packed columns as base64 of little-endian float64 or float32, and say which; "
        "`monitor.client` does so."
    ),
    "schema_length": "Send columns of one length, a value for each of at least one prediction.",
    "schema_missing": "Send the field that is named; `schemas/` has all that are required.",
    "schema_range": "Send times as RFC 3339 with an offset, or in milliseconds since 1970.",
    "schema_type": "Send the field that is named in the type that `schemas/` gives it.",
    "schema_version": (
        "Upgrade the workers to one that knows this major version, then replay; or send version 1."
    ),
    "unknown_model": (
        "Add the model to the configuration, restart the workers, and replay; or mend the "
        "producer's `model_id`."
    ),
    "unremembered": (
        "Raise `max_remembered` or `kafka.partitions`, or shorten `labels.max_delay`: the label's "
        "prediction may have come while as many ids were remembered as are allowed."
    ),
}
