"""A detector of river on every numeric column: `python river_drift.py DATA ADWIN|PageHinkley`."""

import json
import sys
import time

import numpy as np
from river import drift


def main() -> None:
    """Update one detector a column with every value, as its documentation shows it."""
    with np.load(sys.argv[1]) as data:
        numeric = int(data["numeric"])
        rows = [[float(v) for v in row[:numeric]] for w in data["windows"].tolist() for row in w]
    detectors = [getattr(drift, sys.argv[2])() for _ in range(numeric)]
    began = time.perf_counter()
    for row in rows:
        for detector, value in zip(detectors, row, strict=True):
            detector.update(value)
    print(json.dumps({"rows": len(rows), "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
