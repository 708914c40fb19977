"""The tables of deploy/SIZING.md are what deploy/sizing.py says, and that is what hands reckon."""

import contextlib
import doctest
import io
import json
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from deploy import sizing
from monitor.panes.codec import pack
from tests.bench import sections
from tests.bench.figures import Figures

DOCUMENT = Path(__file__).parents[1] / "deploy" / "SIZING.md"
TABLES = re.compile(r"(<!-- table: (.+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
PAPER = sizing.Load(events=1_000_000, models=100_000, partitions=64)


def _said(arguments: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        sizing.main(shlex.split(arguments))
    return "\n".join(line for line in out.getvalue().splitlines() if line.startswith("|"))


def test_the_tables_of_the_document_are_those_of_the_script() -> None:
    """UPDATE_SIZING=1 writes them anew."""
    text = DOCUMENT.read_text()
    anew = TABLES.sub(lambda found: f"{found[1]}{_said(found[2])}\n{found[4]}", text)
    if os.environ.get("UPDATE_SIZING"):
        DOCUMENT.write_text(anew)
    assert len(TABLES.findall(text)) == 3
    assert text == anew


def test_what_the_document_says_in_words_is_what_the_tables_say() -> None:
    text = DOCUMENT.read_text()
    given = sizing.Constants()
    for value in (given.event_us, given.packed_ratio, given.open_b, given.waiting_b):
        assert f"| {value:g} |" in text
    (models, progress) = sizing.refused(PAPER)
    for said, of in (("1,000 models", models), ("11,000 models", progress)):
        assert said in text
        assert said.removesuffix(" models") in of


def _values(load: sizing.Load) -> dict[str, float]:
    return {line.name: line.value for line in sizing.lines(load, sizing.Constants())}


def test_the_paper_load_reckoned_by_hand() -> None:
    values = _values(PAPER)
    assert values["observe, cores"] == pytest.approx(14)
    assert values["snapshots to `panes`"] == pytest.approx(100_000 * 64 / 60, rel=1e-3)
    # 0.156 events a second of a model and partition: 14 % of the pairs have one or more.
    assert values["rows to `observe-state`"] == pytest.approx(
        6_400_000 * 0.14465 * sizing.snapshot_bytes(PAPER.rows, 20), rel=1e-3
    )
    told = sizing.progress_bytes(100_000)
    assert values["progress to `panes`"] == pytest.approx(64 * 64 * 5 * told)
    assert values["ids that wait for labels"] == 1_000_000 * 30 * 86_400
    assert values["their disk"] == pytest.approx(285.12e12)
    assert values["partitions, at least"] == 14_400
    assert values["transactional producers"] == 192


def test_progress_grows_with_the_square_of_partitions_and_snapshots_in_proportion() -> None:
    one, two = (
        _values(sizing.Load(events=1e6, models=1000, partitions=partitions))
        for partitions in (8, 16)
    )
    assert two["progress to `panes`"] == pytest.approx(4 * one["progress to `panes`"])
    assert two["snapshots to `panes`"] == pytest.approx(2 * one["snapshots to `panes`"])
    assert two["observe, cores"] == one["observe, cores"]


def test_a_snapshot_takes_what_its_counts_take_and_little_more() -> None:
    columns = 22
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, sizing.SLOTS, (columns, 1000))
    counts = np.concatenate([np.bincount(c, minlength=sizing.SLOTS) for c in drawn])
    assert 0 < sizing.snapshot_bytes(1000, 20) - len(pack(counts)) < 150


def test_constants_are_read_from_the_figures_that_the_bench_writes(tmp_path: Path) -> None:
    figures = Figures(Console(quiet=True))
    for name, value in {
        sections.ONE: 11.5, sections.TWO: 12.0, sections.ALONE: 100.0, sections.PACKED: 950.0,
        "observe, open pane of 100 predictions": 345.0,
        "evaluate, waiting pane of 100 predictions": 302.0,
    }.items():  # fmt: skip
        figures.take(name, value)
    figures.compare(sections.TWO, sections.ONE, 1.15, most=True)
    figures.compare(sections.PACKED, sections.ALONE, 8)
    for holder in ("observe, open", "evaluate, waiting"):
        figures.limit(f"{holder} pane of 100 predictions", 600)
    figures.report(tmp_path / "bench.json")
    read = sizing.Constants.of(tmp_path / "bench.json")
    assert (read.event_us, read.packed_ratio, read.open_b, read.waiting_b) == (11.5, 9.5, 345, 302)
    assert read.measured
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["observe, open pane of 100 predictions"]["bound"] == "≤ 600"
    assert {f"{holder} of 100 predictions" for holder in sections.memory.HOLDERS} >= {
        "observe, open pane of 100 predictions", "evaluate, waiting pane of 100 predictions",
    }  # fmt: skip


def test_the_examples_of_the_script() -> None:
    found = doctest.testmod(sizing)
    assert found.attempted >= 3
    assert not found.failed
