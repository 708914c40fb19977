"""What a service that makes predictions does: publish each one, and its label when it is known.

python deploy/examples/publish.py [127.0.0.1:19092] [namespace] [count]
"""

import random
import sys
from uuid import uuid4

from monitor.client import Publisher


def main(
    kafka: str = "127.0.0.1:19092", namespace: str = "watchkeeper", count: str = "100"
) -> None:
    """Publish some predictions of a credit model, and the labels of most of them."""
    with Publisher(kafka, namespace=namespace) as publisher:
        for _ in range(int(count)):
            prediction_id = str(uuid4())
            income, debt_ratio = random.lognormvariate(10.5, 0.5), random.betavariate(2, 5)
            score = min(1.0, debt_ratio * 30_000 / income)
            publisher.prediction(
                model_id="credit-risk",
                model_version="2026-05",
                prediction_id=prediction_id,
                features={
                    "income": income,
                    "debt_ratio": debt_ratio,
                    "age": random.randint(18, 90),
                    "postal_code": random.choice(["10115", "20095", "80331"]),
                    "channel": random.choice(["web", "branch", None]),
                },
                prediction="default" if score > 0.5 else "repaid",
                score=score,
            )
            # In truth days later, from elsewhere; the same prediction_id joins the two.
            if random.random() < 0.9:
                label = "default" if random.random() < score else "repaid"
                publisher.label(model_id="credit-risk", prediction_id=prediction_id, label=label)
    print(f"published {count} predictions to {namespace}.predictions at {kafka}")


if __name__ == "__main__":
    main(*sys.argv[1:])
