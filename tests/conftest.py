"""What every test may use: a real Apache Kafka, and names that no other test has."""

import itertools
import os
from collections.abc import Iterator

import pytest

from monitor.stream.broker import EmbeddedKafka

_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Workers keep their caches in a folder of the session's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """One Apache Kafka for the whole session, started when the first test asks for it."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), port=0) as running:
        yield running


@pytest.fixture
def namespace() -> str:
    """A namespace of the test's own, so that tests share a broker but no topic."""
    return f"t{os.getpid()}-{next(_numbers)}"
