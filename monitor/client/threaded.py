"""Publishing from ordinary code: an AsyncPublisher on a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from monitor.client.columns import encode_columns
from monitor.client.encoding import Event, Kind
from monitor.client.fields import LabelFields, PredictionFields, PredictionsFields, ReviewFields
from monitor.client.publisher import AsyncPublisher, encoded, now_ms
from monitor.errors import BrokerError, InvalidEvent
from monitor.registry.specs import KafkaSpec

T = TypeVar("T")


class Publisher:
    """Publishes predictions, labels and reviews; any number of threads may share one.

    Connects when it is made, and raises BrokerUnreachable within about `timeout` seconds. Every
    call returns once Kafka has acknowledged the event.
    """

    def __init__(
        self,
        kafka: str | KafkaSpec = KafkaSpec(),  # noqa: B008 - it is frozen
        *,
        namespace: str = "watchkeeper",
        timeout: float = 10.0,
    ) -> None:
        self._publisher = AsyncPublisher(kafka, namespace=namespace, timeout=timeout)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="watchkeeper-publisher", daemon=True
        )
        self._thread.start()
        try:
            self._wait(self._publisher.start())
        except BaseException:
            self.close()
            raise

    def prediction(self, **fields: Unpack[PredictionFields]) -> None:
        """Publish one prediction."""
        self._wait(self._publisher.prediction(**fields))

    def predictions(self, **fields: Unpack[PredictionsFields]) -> int:
        """Publish many predictions of one model version as columns; return their number.

        They are packed and cut into as many records as they need, all keyed by `batch_id`: give it
        with their labels and reviews. Nothing is sent if one of them is invalid.
        """
        records, rows = encode_columns(fields, now_ms())
        self._wait(self._publisher.deliver(records))
        return rows

    def label(self, **fields: Unpack[LabelFields]) -> None:
        """Publish the ground truth of one prediction."""
        self._wait(self._publisher.label(**fields))

    def review(self, **fields: Unpack[ReviewFields]) -> None:
        """Publish a human's decision about one prediction."""
        self._wait(self._publisher.review(**fields))

    def send_many(self, events: Iterable[tuple[Kind, Mapping[str, Any] | Event]]) -> int:
        """Publish many `(kind, event)`, and return their number once all are acknowledged.

        `events` is iterated in the calling thread. An invalid one ends it: what stood before it
        is sent, and InvalidEvent tells its place.
        """
        bulk = self._publisher.bulk()
        waiting: Future[None] | None = None
        try:
            for chunk in encoded(events):
                # The next chunk is encoded while this one is sent.
                if waiting is not None:
                    waiting.result()
                waiting = self._submit(self._publisher.add(bulk, chunk))
            if waiting is not None:
                waiting.result()
        except InvalidEvent as error:
            if waiting is not None:
                waiting.result()
            sent = self._wait(self._publisher.finish(bulk))
            raise InvalidEvent(f"{error} ({sent} before it were sent)") from None
        return self._wait(self._publisher.finish(bulk))

    def end_of_stream(self, model_id: str) -> None:
        """Say that a model's replayed stream has ended, in every partition of every input."""
        self._wait(self._publisher.end_of_stream(model_id))

    def close(self) -> None:
        """Disconnect, and end the thread; may be called twice."""
        if not self._loop.is_closed():
            try:
                self._wait(self._publisher.stop())
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _submit(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        if self._loop.is_closed():
            call.close()
            raise BrokerError("the publisher is closed; make a new one")
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def _wait(self, call: Coroutine[Any, Any, T]) -> T:
        future = self._submit(call)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise
