"""What Evidently finds by its own defaults: `python evidently_drift.py DATA`; prints JSON.

For each window the columns that its drift preset calls drifted.
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from evidently import DataDefinition, Dataset, Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402


def main() -> None:
    """Judge each window against the reference, as its documentation shows it."""
    with np.load(sys.argv[1]) as data:
        numbers, names = data["numeric"].tolist(), data["categorical"].tolist()
        columns = {name: data[f"column {name}"] for name in [*numbers, *names]}
        ends = data["ends"].tolist()
    frame = pd.DataFrame(columns)
    kinds = DataDefinition(numerical_columns=numbers, categorical_columns=names)
    parts = [Dataset.from_pandas(frame.iloc[a:b].reset_index(drop=True), data_definition=kinds)
             for a, b in zip([0, *ends], ends, strict=False)]  # fmt: skip
    report = Report([DataDriftPreset()], include_tests=True)
    found = []
    for window in parts[1:]:
        said = report.run(window, parts[0]).dict()
        drifts = {metric["id"]: metric["config"].get("column") for metric in said["metrics"]}
        found.append([
            drifts[test["metric_config"]["metric_id"]]
            for test in said["tests"]
            if test["id"] == "drift" and test["status"].name == "FAIL"
        ])  # fmt: skip
    print("found", json.dumps(found))


if __name__ == "__main__":
    main()
