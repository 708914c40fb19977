"""Who owns what: units stay whole, all are owned, and every member computes the same."""

import random
from collections import Counter
from types import SimpleNamespace

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from hypothesis import given
from hypothesis import strategies as st

from monitor.stream.assignor import assignor_for, deal

GROUPS = {
    "observe": ["w.predictions", "w.labels", "w.reviews"],
    "evaluate": ["w.panes"],
    "respond": ["w.drift-events"],
}
STAGE = {topic: stage for stage, topics in GROUPS.items() for topic in topics}
MEMBERS = st.lists(st.text("abcdef-0123", min_size=1), min_size=1, max_size=7, unique=True)
COUNTS = st.fixed_dictionaries({stage: st.integers(0, 9) for stage in GROUPS})


def partitions(counts: dict[str, int]) -> dict[str, int]:
    """Every topic of a stage has the stage's number of partitions."""
    return {topic: counts[stage] for topic, stage in STAGE.items()}


def owned(dealt: dict[str, dict[str, list[int]]]) -> Counter[tuple[str, int]]:
    return Counter(
        (t, n) for mine in dealt.values() for t, numbers in mine.items() for n in numbers
    )


@given(COUNTS, MEMBERS)
def test_every_partition_has_one_owner(counts: dict[str, int], members: list[str]) -> None:
    dealt = deal(GROUPS, partitions(counts), members)
    expected = Counter((topic, n) for topic, c in partitions(counts).items() for n in range(c))
    assert owned(dealt) == expected
    assert set(dealt) == set(members)


@given(COUNTS, MEMBERS)
def test_topics_that_are_joined_come_to_one_worker(
    counts: dict[str, int], members: list[str]
) -> None:
    for mine in deal(GROUPS, partitions(counts), members).values():
        joined = [mine.get(topic, []) for topic in GROUPS["observe"]]
        assert joined[0] == joined[1] == joined[2]


@given(COUNTS, MEMBERS)
def test_no_worker_owns_more_than_one_unit_above_another(
    counts: dict[str, int], members: list[str]
) -> None:
    dealt = deal(GROUPS, partitions(counts), members)
    units = [
        {(STAGE[topic], n) for topic, numbers in mine.items() for n in numbers}
        for mine in dealt.values()
    ]
    for stages in (set(GROUPS), *({stage} for stage in GROUPS)):
        sizes = [sum(stage in stages for stage, _ in mine) for mine in units]
        assert sum(sizes) == sum(counts[stage] for stage in stages)
        assert max(sizes) - min(sizes) <= 1


@given(COUNTS, MEMBERS, st.randoms())
def test_the_order_of_members_and_stages_is_of_no_account(
    counts: dict[str, int], members: list[str], rng: random.Random
) -> None:
    shuffled, groups = list(members), list(GROUPS.items())
    rng.shuffle(shuffled)
    rng.shuffle(groups)
    there = deal(dict(groups), partitions(counts), shuffled)
    assert there == deal(GROUPS, partitions(counts), members)


def test_a_topic_with_more_partitions_is_owned_whole_all_the_same() -> None:
    """Someone has added partitions to labels: they are read, and the runner refuses them."""
    dealt = deal({"observe": ["a", "b"]}, {"a": 1, "b": 3}, ["x", "y"])
    assert owned(dealt) == Counter([("a", 0), ("b", 0), ("b", 1), ("b", 2)])


def test_a_topic_that_does_not_exist_yet_leaves_the_rest_whole() -> None:
    assert deal({"observe": ["a", "b"]}, {"a": 2}, ["x"]) == {"x": {"a": [0, 1]}}


def test_a_member_too_many_owns_nothing() -> None:
    assert deal({"observe": ["a"]}, {"a": 1}, ["x", "y"]) == {"x": {"a": [0]}, "y": {}}


def test_the_class_speaks_aiokafka_s_protocol() -> None:
    counts = dict.fromkeys(STAGE, 2)
    cluster = SimpleNamespace(
        partitions_for_topic=lambda topic: set(range(counts[topic])) if topic in counts else None
    )
    assignor = assignor_for(GROUPS)
    assigned = assignor.assign(cluster, {"x": None, "y": None})
    wire = {
        member: ConsumerProtocolMemberAssignment.decode(assignment.encode())
        for member, assignment in assigned.items()
    }
    dealt = deal(GROUPS, counts, ["x", "y"])
    assert {m: dict(assignment.assignment) for m, assignment in wire.items()} == dealt
    metadata = assignor.metadata(STAGE.keys())
    assert sorted(metadata.subscription) == sorted(STAGE)
    assert assignor.name == "watchkeeper-units"
