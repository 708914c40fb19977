"""Two configurations that are not those of one migration are refused before anything is asked."""

import pytest
from msgspec.structs import replace

from monitor.errors import MigrationRefused
from monitor.registry.specs import Config, KafkaSpec
from monitor.stream.migrate import refuse_unlike
from tests.observe.stream import spec

OLD = Config(namespace="old", kafka=KafkaSpec(partitions=4), models=(spec(), spec("n")), path="a")
NEW = replace(OLD, namespace="new", kafka=KafkaSpec(partitions=6), path="b")


def test_more_partitions_or_as_many_under_another_namespace_are_fine() -> None:
    refuse_unlike(OLD, NEW)
    refuse_unlike(OLD, replace(NEW, kafka=OLD.kafka, models=OLD.models[::-1]))


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (replace(NEW, namespace="old"), "both configurations have the namespace 'old'"),
        (replace(NEW, kafka=KafkaSpec(partitions=3)), "old has 4 partitions, and new would have 3"),
        (replace(NEW, models=(spec(),)), "model n is not the same in a and b"),
        (replace(NEW, models=(spec(disorder_ms=1), spec("n"))), "model m is not the same"),
        (replace(NEW, models=(*OLD.models, spec("o"))), "model o is not the same"),
    ],
)
def test_what_cannot_be_carried_over_is_refused(new: Config, why: str) -> None:
    with pytest.raises(MigrationRefused, match=why):
        refuse_unlike(OLD, new)
