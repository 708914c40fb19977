"""What a production service uses to publish predictions, labels and reviews.

>>> from monitor.client import Publisher
>>> with Publisher("127.0.0.1:19092") as publisher:            # doctest: +SKIP
...     publisher.prediction(
...         model_id="credit", prediction_id="p-1", model_version="1.0",
...         features={"income": 52_000.0, "region": "north"}, prediction=1, score=0.91)
"""

from monitor.client.fields import LabelFields, PredictionFields, PredictionsFields, ReviewFields
from monitor.client.publisher import AsyncPublisher
from monitor.client.threaded import Publisher

__all__ = [
    "AsyncPublisher",
    "LabelFields",
    "PredictionFields",
    "PredictionsFields",
    "Publisher",
    "ReviewFields",
]
