"""Every statistic of every column by Watchkeeper's core: `python watchkeeper_psi.py DATA`."""

import json
import sys
import time
from typing import Any

import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.detectors.comparison import compare_column


def judge(baseline: Baseline, window: dict[str, Any]) -> list[float]:
    """The PSI of each feature; the other statistics are computed beside it."""
    found = []
    for column in baseline.layout.columns:
        counts = column.grid.counts(window[column.subject.removeprefix("feature/")])
        compared = compare_column(counts, baseline.counts(column.subject), column.grid)
        assert compared.psi
        found.append(compared.psi.value)
    return found


def main() -> None:
    """Count each window over the baseline's bins, and compare."""
    with np.load(sys.argv[1]) as data:
        names = [str(n) for n in data["names"]]
        numeric = int(data["numeric"])
        reference, *windows = (
            {
                name: [float(v) for v in values] if n < numeric else list(values)
                for n, (name, values) in enumerate(zip(names, zip(*rows, strict=True), strict=True))
            }
            for rows in (data["reference"].tolist(), *data["windows"].tolist())
        )
    baseline = build_baseline("bench", "bench", reference)
    columns = [
        {k: np.array(v) if k in names[:numeric] else v for k, v in window.items()}
        for window in windows
    ]
    judge(baseline, columns[0])
    began = time.perf_counter()
    for window in columns:
        judge(baseline, window)
    seconds = time.perf_counter() - began
    rows = sum(len(window[names[0]]) for window in columns)
    print(json.dumps({"rows": rows, "seconds": seconds}))


if __name__ == "__main__":
    main()
