"""What NannyML finds by its own defaults: `python nannyml_drift.py DATA`; prints JSON.

For each window the columns of which its univariate drift calculator alerts; where there are labels
of the reference, what it estimates the accuracy of each window to be.
"""

import json
import sys
import warnings
from itertools import pairwise

warnings.filterwarnings("ignore")

import nannyml  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from nannyml.chunk import SizeBasedChunker  # noqa: E402


def main() -> None:
    """Judge each window against the reference, as its documentation shows it."""
    with np.load(sys.argv[1]) as data:
        numbers, names = data["numeric"].tolist(), data["categorical"].tolist()
        columns = {name: data[f"column {name}"] for name in [*numbers, *names]}
        ends = data["ends"].tolist()
        labels = data.get("labels")
    frame = pd.DataFrame(columns)
    reference = frame.iloc[: ends[0]].reset_index(drop=True)
    # Its thresholds come from chunks of the reference, which have to be as long as the windows.
    shortest = int(np.diff(ends).min())
    chunker = SizeBasedChunker(shortest, incomplete="append")
    drift = nannyml.UnivariateDriftCalculator(
        column_names=[*numbers, *names], treat_as_categorical=names, chunker=chunker
    )
    drift.fit(reference)
    windows = [frame.iloc[a:b].reset_index(drop=True) for a, b in pairwise(ends)]
    found = []
    for window in windows:
        result = drift.calculate(window).filter(period="analysis").to_df()
        alerts = [column for column in result.columns if column[-1] == "alert"]
        found.append(sorted({column[0] for column in alerts if result[column].iloc[0]}))
    print("found", json.dumps(found))
    if labels is None:
        return
    estimator = nannyml.CBPE(
        y_pred="y_pred", y_pred_proba="y_pred_proba", y_true="label",
        problem_type="classification_binary", metrics=["accuracy"], chunker=chunker,
    )  # fmt: skip
    whole = reference.astype({"y_pred": float}).astype({"y_pred": int})
    estimator.fit(whole.assign(label=labels))
    estimates = []
    for window in windows:
        given = window.astype({"y_pred": float}).astype({"y_pred": int})
        result = estimator.estimate(given).filter(period="analysis").to_df()
        estimates.append(float(result["accuracy", "value"].iloc[0]))
    print("estimates", json.dumps(estimates))


if __name__ == "__main__":
    main()
