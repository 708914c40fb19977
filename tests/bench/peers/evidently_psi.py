"""PSI of every column by Evidently: `python evidently_psi.py DATA`; prints rows and seconds."""

import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from evidently import DataDefinition, Dataset, Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402


def main() -> None:
    """Judge each window against the reference, as its documentation shows it."""
    with np.load(sys.argv[1]) as data:
        names = [str(n) for n in data["names"]]
        numeric = int(data["numeric"])
        frames = [pd.DataFrame(dict(zip(names, zip(*rows, strict=True), strict=True)))
                  for rows in (data["reference"].tolist(), *data["windows"].tolist())]  # fmt: skip
    for frame in frames:
        frame[names[:numeric]] = frame[names[:numeric]].astype(float)
    kinds = DataDefinition(numerical_columns=names[:numeric], categorical_columns=names[numeric:])
    reference, *windows = (Dataset.from_pandas(f, data_definition=kinds) for f in frames)
    report = Report([DataDriftPreset(method="psi")])
    report.run(windows[0], reference)
    began = time.perf_counter()
    for window in windows:
        report.run(window, reference)
    seconds = time.perf_counter() - began
    print(json.dumps({"rows": sum(map(len, frames[1:])), "seconds": seconds}))


if __name__ == "__main__":
    main()
