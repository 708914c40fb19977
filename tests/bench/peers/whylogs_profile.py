"""A profile of every window by whylogs: `python whylogs_profile.py DATA`; rows and seconds."""

import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import whylogs as why  # noqa: E402


def main() -> None:
    """Profile each window; nothing is compared, which would come on top."""
    with np.load(sys.argv[1]) as data:
        names = [str(n) for n in data["names"]]
        numeric = int(data["numeric"])
        frames = [pd.DataFrame(dict(zip(names, zip(*rows, strict=True), strict=True)))
                  for rows in data["windows"].tolist()]  # fmt: skip
    for frame in frames:
        frame[names[:numeric]] = frame[names[:numeric]].astype(float)
    why.log(frames[0]).view()
    began = time.perf_counter()
    for frame in frames:
        why.log(frame).view()
    seconds = time.perf_counter() - began
    print(json.dumps({"rows": sum(map(len, frames)), "seconds": seconds}))


if __name__ == "__main__":
    main()
