"""The tally of dead letters, without Kafka."""

import random

from monitor.events.timestamps import rfc3339
from monitor.events.types import DeadLetterData
from monitor.stream.letters import Letter, Tally


def letter(n: int, time_ms: int, **changed: int) -> Letter:
    data = DeadLetterData(
        reason="malformed", detail="", topic="labels", partition=0, offset=n, size=1, sha256="",
        head="", model_id=None, append_time=rfc3339(time_ms), **changed,
    )  # fmt: skip
    return Letter(f"{n:032x}", "dead-letters", 0, data)


def test_the_latest_are_kept_in_order_whatever_the_order_read() -> None:
    """Also where one letter is there twice, and where many came at one time."""
    letters = [letter(n, n // 5 * 1000, events=2) for n in range(50)]
    for seed in range(20):
        tally = Tally(7)
        for one in random.Random(seed).sample(letters, len(letters)):
            tally.take(one)
        assert tally.latest == letters[-7:]
        (count,) = tally.counts.values()
        assert (tally.total, count.letters, count.events) == (50, 50, 100)
        assert (count.first_ms, count.last_ms) == (0, 9000)
    tally.take(letters[-1])
    assert tally.latest == [*letters[-6:], letters[-1]]


def test_none_may_be_kept() -> None:
    tally = Tally(0)
    tally.take(letter(1, 1))
    assert (tally.total, tally.latest) == (1, [])
