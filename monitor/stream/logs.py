"""What a worker says on stderr: what happened, once, and not what its libraries think of it."""

import logging
import sys
import time

#: A client that has lost its broker complains many times a second; one line so often is enough.
SPARING_S = 30.0
#: A broker that has just started elects its coordinators at the first question.
_EXPECTED = ("GroupCoordinatorNotAvailable", "NotCoordinator", "CoordinatorLoadInProgress")


class Sparing(logging.Filter):
    """Lets one record through every `every_s` seconds, and none of what is expected."""

    def __init__(self, every_s: float = SPARING_S) -> None:
        super().__init__()
        self.every_s = every_s
        self._last = -every_s

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is told."""
        if any(word in record.getMessage() for word in _EXPECTED):
            return False
        now = time.monotonic()
        if now - self._last < self.every_s:
            return False
        self._last = now
        return True


def speak() -> None:
    """Set up this process's logging: our own lines at INFO, of the libraries only errors."""
    ours = logging.StreamHandler(sys.stderr)
    ours.setFormatter(logging.Formatter("watchkeeper worker: %(message)s"))
    ours.addFilter(lambda record: not record.name.startswith("aiokafka"))
    kafka = logging.StreamHandler(sys.stderr)
    kafka.setFormatter(logging.Formatter("watchkeeper worker: Kafka client: %(message)s"))
    kafka.addFilter(Sparing())
    logging.basicConfig(level=logging.ERROR, handlers=[ours], force=True)
    logging.getLogger("watchkeeper").setLevel(logging.INFO)
    clients = logging.getLogger("aiokafka")
    clients.setLevel(logging.ERROR)
    clients.addHandler(kafka)
