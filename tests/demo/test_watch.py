"""When a stream is over, and what is shown of it until then."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from monitor.demo.incidents import DAY_MS, INCIDENTS, UNIT_CHANGE
from monitor.demo.materials import Materials, write
from monitor.demo.run import Options, run
from monitor.demo.screen import Counts, Onsets, Screen
from monitor.demo.settings import config_text
from monitor.demo.story import Story
from monitor.demo.traffic import MAX_DELAY_MS, MODEL_ID, Traffic
from monitor.demo.watch import settled
from monitor.detectors.registry import detectors_for
from monitor.errors import WatchkeeperError
from monitor.observe.model import Monitored
from monitor.registry.config import load_config
from monitor.stream.models import read_config, read_models
from tests.demo.test_story import START, finding, result, told, window

DETECTORS = [
    found.name
    for signal in ("data_drift", "prediction_drift", "performance")
    for found in detectors_for(signal)  # type: ignore[arg-type]
    if found.answers(None)
]


def test_a_window_is_settled_when_all_have_judged_it_at_the_last_age() -> None:
    spec = load_config(config_text("127.0.0.1:1"), "c.yaml").models[0]
    story = Story(())
    for detector in DETECTORS:
        assert not settled(story, spec, START)
        late = detector in {found.name for found in detectors_for("performance")}
        for age_ms in (MAX_DELAY_MS // 2, MAX_DELAY_MS) if late else (None,):
            assert not settled(story, spec, START)
            revision = int(age_ms == MAX_DELAY_MS)
            story.judged(window(START, detector=detector, age_ms=age_ms, revision=revision))
    assert settled(story, spec, START)
    assert not settled(story, spec, START + DAY_MS)


def test_only_what_begins_to_fire_is_shown_the_latest_first() -> None:
    story, onsets = Story(()), Onsets(shown=3)
    for day, subject in ((1, "b"), (0, "a"), (1, "a"), (2, "a"), (4, "a")):
        story.found(finding(START + day * DAY_MS, subject))
    onsets.follow(story)
    onsets.follow(story)
    assert [(f.subject, f.window.start[8:10]) for f in onsets.latest] == [
        ("a", "14"),
        ("b", "11"),
        ("a", "10"),
    ]
    story.found(finding(START + 9 * DAY_MS, "c"))
    onsets.follow(story)
    assert [f.subject for f in onsets.latest] == ["c", "a", "b"]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_incident_is_announced_once_when_it_is_found(is_terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=is_terminal)
    story = told(incidents=INCIDENTS)
    with Screen(console, Counts(events=10, days=2, sent=10), story) as screen:
        screen.show()
        assert "found" not in out.getvalue()
        story.judged(window(START, result()))
        story.found(finding(START, message="distance [moved]"))
        screen.show()
        screen.show()
    text = out.getvalue()
    assert text.count("found: unit change, began 2013-06-10, in window 1") == 1
    assert "distance [moved]" in text
    assert ("10 of 10 events published; 1 of 2 days judged; 1 findings" in text) != is_terminal


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(WatchkeeperError, match=r"isn't empty.* give another folder"):
        run(Options(tmp_path), Console(file=io.StringIO()))


def test_what_is_written_is_what_a_worker_reads(
    tmp_path: Path, watched: Monitored, march: Traffic, clean: Traffic
) -> None:
    materials = Materials(watched, march, clean, clean, (UNIT_CHANGE,))
    path = write(materials, tmp_path, "127.0.0.1:4321")
    config = read_config(path)
    (model,) = read_models(config)
    assert config.kafka.bootstrap == "127.0.0.1:4321"
    assert model.spec.id == MODEL_ID
    assert model.baseline == watched.baseline
    assert (path.parent / "incidents.json").read_bytes().count(b"unit change") == 1
