"""Episodes by hand, and as laws over any series of windows, restarts and revisions."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.response.episode import KEPT, OPEN, Episode, Rule, Seen, Standing, step

MINUTE = 60_000
RULE = Rule(hold=2, of=3, clear=3, cool_down_ms=15 * MINUTE)
SIGHTS = {"x": "breach", "~": "near", ".": "clear", "?": "inconclusive", "_": "no_data"}


def told(series: str, rule: Rule = RULE, hop_ms: int = 5 * MINUTE) -> list[tuple[int, str]]:
    """What changed at which window of a series such as `..xx...`."""
    episode, changes = Episode(), []
    for n, letter in enumerate(series):
        change = episode.take(rule, seen(n, letter, hop_ms))
        if change:
            changes.append((n, change))
    return changes


def seen(n: int, letter: str, hop_ms: int = 5 * MINUTE, revision: int = 0) -> Seen:
    return Seen((n + 1) * hop_ms, SIGHTS[letter], 3 if letter == "x" else 0, revision)


def test_it_fires_when_two_of_three_windows_breach() -> None:
    assert told("..x.x") == [(2, "pending"), (4, "fired")]
    assert told("..xx") == [(2, "pending"), (3, "fired")]


def test_one_breach_is_forgotten_after_three_windows() -> None:
    assert told("x..x..x...") == [(0, "pending"), (9, "over")]
    assert told("x...x...") == [(0, "pending"), (3, "over"), (4, "pending"), (7, "over")]


def test_it_is_resolved_by_three_clear_windows_and_no_fewer() -> None:
    assert told("xx...") == [(0, "pending"), (1, "fired"), (2, "resolving"), (4, "resolved")]
    assert told("xx..~..")[-1] == (5, "resolving"), "what is near the limit begins anew"


def test_a_breach_while_it_resolves_is_the_same_episode() -> None:
    assert [change for _, change in told("xx..x..xx...")].count("fired") == 1


def test_missing_data_neither_fires_nor_resolves() -> None:
    assert told("xx______") == [(0, "pending"), (1, "fired")]
    assert told("x?x") == [(0, "pending"), (2, "fired")], "and what was seen before counts on"
    assert told("________") == []
    episode = Episode()
    for n, letter in enumerate("xx_"):
        episode.take(RULE, seen(n, letter))
    assert (episode.shown, episode.standing.state) == ("no_data", "firing")


def test_a_breach_in_the_cool_down_opens_the_same_episode() -> None:
    assert told("xx...x")[-1] == (5, "reopened")
    episode = Episode()
    for n, letter in enumerate("xx...x"):
        episode.take(RULE, seen(n, letter))
    assert episode.standing.number == 1


def test_after_the_cool_down_it_is_another_one() -> None:
    # Hourly windows: the next one comes long after the fifteen minutes.
    changes = told("xx....xx", hop_ms=60 * MINUTE)
    assert [change for _, change in changes].count("fired") == 2


def test_a_graver_window_is_told() -> None:
    episode = Episode()
    for n, grade in enumerate((2, 2, 3, 3)):
        change = episode.take(RULE, Seen(n + 1, "breach", grade))
        assert change == ("pending", "fired", "graver", None)[n]


def test_a_window_that_is_judged_again_counts_as_if_it_had_been_so() -> None:
    episode = Episode()
    for n, letter in enumerate("xx"):
        episode.take(RULE, seen(n, letter))
    assert episode.take(RULE, seen(1, ".", revision=1)) == "withdrawn"
    assert episode.take(RULE, seen(1, ".", revision=1)) is None, "told once"
    assert episode.take(RULE, seen(2, "x")) == "fired"
    assert episode.standing.number == 2, "a number is not given again"


def test_a_rule_that_can_never_fire_is_refused() -> None:
    with pytest.raises(ValueError, match="hold 4 of 3"):
        Rule(hold=4, of=3)


SERIES = st.lists(st.sampled_from("x~.?_"), max_size=40)
RULES = st.builds(
    lambda hold, more, clear: Rule(hold=hold, of=hold + more, clear=clear),
    st.integers(1, 3), st.integers(0, 3), st.integers(1, 4),
)  # fmt: skip


@given(SERIES, RULES)
def test_a_restart_between_any_two_windows_changes_nothing(letters: list[str], rule: Rule) -> None:
    one, other = Episode(), Episode()
    for n, letter in enumerate(letters):
        stored = msgspec.msgpack.encode(other)
        other = msgspec.msgpack.decode(stored, type=Episode)
        assert one.take(rule, seen(n, letter)) == other.take(rule, seen(n, letter))
        assert one.take(rule, seen(n, letter)) is None, "what is delivered again changes nothing"
        assert len(stored) < 2048


@given(SERIES, RULES)
def test_it_opens_only_upon_enough_breaches_and_closes_only_when_clear(
    letters: list[str], rule: Rule
) -> None:
    standing, judged = Standing(), [letter for letter in letters if letter in "x~."]
    done = 0
    for n, letter in enumerate(letters):
        before = standing
        standing, change = step(rule, standing, seen(n, letter))
        done += letter in "x~."
        last = judged[max(0, done - rule.of) : done]
        if change == "fired":
            assert last.count("x") >= rule.hold
            assert standing.number == before.number + 1
        if change == "resolved":
            assert judged[done - rule.clear : done] == ["."] * rule.clear
        if letter in "?_":
            assert standing == before
        if letter == "x" and before.state in OPEN:
            assert standing.state == "firing", "a breach is never told as anything else"


@given(SERIES, RULES, st.data())
def test_revisions_lead_to_where_the_last_word_on_every_window_leads(
    letters: list[str], rule: Rule, data: st.DataObject
) -> None:
    """As long as they come in time: among the last windows."""
    episode, final = Episode(), list(letters)
    for n in range(len(letters)):
        first = data.draw(st.sampled_from("x~.?_"))
        episode.take(rule, seen(n, first))
        # The window before is judged again, for good.
        if n:
            episode.take(rule, seen(n - 1, letters[n - 1], revision=1))
        final[n] = first
    standing = Standing()
    for n, letter in enumerate([*letters[:-1], *final[-1:]]):
        standing, _ = step(rule, standing, seen(n, letter))
    assert (episode.standing.state, episode.standing.clear, episode.standing.breaches) == (
        standing.state, standing.clear, standing.breaches,
    )  # fmt: skip
    assert episode.standing.number >= standing.number
    assert len(episode.windows) <= KEPT


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 100))
def test_noise_around_the_threshold_opens_one_episode_where_a_naive_rule_opens_hundreds(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    values = 0.1 + rng.normal(0, 0.01, 10_000)
    episode, fired, naive, was = Episode(), 0, 0, False
    for n, value in enumerate(values.tolist()):
        letter = "x" if value > 0.1 else "." if value < 0.08 else "~"
        fired += episode.take(RULE, seen(n, letter)) == "fired"
        naive += value > 0.1 and not was
        was = value > 0.1
    assert naive > 1000
    # Noise of two sd clears one window in 44, three in succession about one in 85,000.
    assert fired <= 2
