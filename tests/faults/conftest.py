"""What the fault tests have in common."""

import logging

import pytest


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Kafka's client tells of every try to reach a broker that was killed on purpose."""
    caplog.set_level(logging.CRITICAL, logger="aiokafka")
