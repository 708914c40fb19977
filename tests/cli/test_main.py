"""The command line: commands are found, loaded one at a time, and end every error in one line."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from monitor.cli import main
from monitor.errors import ConfigError


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "monitor.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Replaces the lookup of commands; a test sets what the only command raises."""
    return monkeypatch


def _run_one_that(error: BaseException | None, patch: pytest.MonkeyPatch) -> int:
    @click.command("it")
    def it() -> int:
        if error is not None:
            raise error
        return 1

    patch.setattr(main._Commands, "list_commands", lambda *_: ["it"])
    patch.setattr(main._Commands, "get_command", lambda *_: it)
    return main.run(["it"])


def test_help_lists_every_command_with_its_first_line() -> None:
    shown = command("--help")
    assert shown.returncode == 0
    for name, text in {"broker": "Run a single Apache Kafka", "topics": "Make the topics"}.items():
        assert any(line.split() == [name, *line.split()[1:]] for line in shown.stdout.splitlines())
        assert text in shown.stdout
    assert "main " not in shown.stdout
    assert "  _" not in shown.stdout


def test_every_command_has_its_help() -> None:
    context = click.Context(main.watchkeeper)
    for name in main.watchkeeper.list_commands(context):
        found = main.watchkeeper.get_command(context, name)
        assert found is not None
        assert found.help


def test_an_unknown_command_names_the_known_ones() -> None:
    refused = command("brokr")
    assert refused.returncode == 2
    assert "no command 'brokr'; known: baseline, broker, check" in refused.stderr


def test_help_loads_no_command_and_compare_no_faust() -> None:
    program = (
        "import sys; from monitor.cli.main import run; run({0}); "
        "print([m for m in ('faust', 'aiokafka', 'numpy') if m in sys.modules])"
    )
    for words, loaded in ((["--help"], "[]"), (["compare", "--help"], "['numpy']")):
        shown = subprocess.run(
            [sys.executable, "-c", program.format(words)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stdout.splitlines()[-1] == loaded


def test_a_refusal_is_one_line_and_2(
    raising: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run_one_that(ConfigError("a.yaml:3: no; mend it"), raising) == 2
    assert capsys.readouterr() == ("", "watchkeeper: a.yaml:3: no; mend it\n")


def test_a_file_that_is_not_there_is_one_line_and_2(
    raising: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="No such file") as missing:
        (tmp_path / "x").read_text()
    assert _run_one_that(missing.value, raising) == 2
    assert capsys.readouterr().err == f"watchkeeper: {tmp_path}/x: No such file or directory\n"


def test_an_answer_is_the_exit_code(raising: pytest.MonkeyPatch) -> None:
    assert _run_one_that(None, raising) == 1


def test_a_fault_of_ours_is_neither_an_answer_nor_a_refusal(
    raising: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising.setattr(sys, "argv", ["watchkeeper", "it"])
    raising.setattr(main, "run", lambda _: 1 // 0)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_output_that_nobody_reads_is_no_error() -> None:
    program = f"{sys.executable} -m monitor.cli.main topics list | head -1"
    shown = subprocess.run(
        ["bash", "-o", "pipefail", "-c", program], capture_output=True, text=True, check=False
    )
    assert (shown.returncode, shown.stderr) == (0, "")


def test_interrupting_is_130(raising: pytest.MonkeyPatch) -> None:
    assert _run_one_that(KeyboardInterrupt(), raising) == 130
