"""Compare two tables column by column, without Kafka: has anything drifted?"""

import json
import sys

import click

from monitor.files.comparison import MIN_SAMPLES, compare, to_json
from monitor.files.tables import ENDINGS, read_table

HELP = f"""Judge every column that REFERENCE and CURRENT have in common, as the stream does.

The reference's own bins, categories and kinds decide. Files: {", ".join(ENDINGS)}, each also with
.gz; CSV with a header, JSON lines flat or as prediction events with `features`.

Exit code: 0 nothing drifted, 1 something did, 2 nothing could be compared or judged.
"""


@click.command(help=HELP)
@click.argument("reference")
@click.argument("current")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
@click.option(
    "--min-samples",
    type=click.IntRange(min=1),
    default=MIN_SAMPLES,
    show_default=True,
    help="Rows with a value that a column needs on both sides to be judged.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out columns, as in 'id*'; repeatable.",
)
def command(
    reference: str, current: str, as_json: bool, min_samples: int, exclude: tuple[str, ...]
) -> int:
    """Compare two files and return the exit code."""
    found = compare(read_table(reference), read_table(current), min_samples, exclude)
    if as_json:
        json.dump(to_json(found), sys.stdout, indent=2, allow_nan=False)
        click.echo()
    else:
        from monitor.cli._comparison import show
        from monitor.cli._terminal import terminal

        show(found, terminal())
    if not found.judged:
        click.echo(
            f"watchkeeper: no column has the {min_samples} values on both sides that a verdict "
            "needs; give more rows, or lower --min-samples",
            err=True,
        )
        return 2
    return 1 if found.drifted else 0
