"""The model learns something, the same every time, and never from what it is judged on."""

import numpy as np

from monitor.demo.flights import Flights
from monitor.demo.model import classes, train
from monitor.demo.traffic import TRAINING, Models, Traffic


def accuracy(traffic: Traffic) -> float:
    return float(traffic.correct[traffic.flights.labelled].mean())


def test_the_agreed_model_is_right_nine_times_out_of_ten_out_of_sample(
    march: Traffic, clean: Traffic
) -> None:
    assert round(accuracy(march), 3) == 0.908
    assert round(accuracy(clean), 3) == 0.894


def test_the_worse_model_is_clearly_worse(march: Traffic, models: Models) -> None:
    worse = Traffic(march.flights, models.worse.scores(march.flights))
    assert accuracy(worse) < accuracy(march) - 0.1


def test_training_twice_gives_the_same_weights(flights: Flights, models: Models) -> None:
    known = flights.departing(*TRAINING)
    assert train(known, known.late).weights.tolist() == models.agreed.weights.tolist()


def test_weights_are_where_the_likelihood_is_flat(flights: Flights, models: Models) -> None:
    """At the optimum without a penalty's pull the mean score is the share of late arrivals."""
    known = flights.departing(*TRAINING)
    scores = models.agreed.scores(known)[known.labelled]
    assert abs(scores.mean() - known.late[known.labelled].mean()) < 1e-4


def test_a_gap_counts_as_the_mean_and_an_unseen_category_as_nothing(
    flights: Flights, models: Models
) -> None:
    few = flights.departing(*TRAINING).departing(0, int(flights.departed_ms[500]))
    mean = models.agreed.mean[0]
    gaps = few.with_numeric({"dep_delay": np.full(len(few), np.nan)})
    means = few.with_numeric({"dep_delay": np.full(len(few), mean)})
    assert np.allclose(models.agreed.scores(gaps), models.agreed.scores(means))


def test_a_score_of_a_half_is_late() -> None:
    assert classes(np.array([0.499999, 0.5])) == ["on_time", "late"]
