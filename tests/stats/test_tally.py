"""What adds up."""

import pytest

from monitor.stats.tally import added


def test_tallies_of_two_metrics_are_not_added() -> None:
    with pytest.raises(ValueError, match="2 and 9 numbers"):
        added((1, 2), (1,) * 9)
