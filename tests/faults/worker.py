"""`watchkeeper worker CONFIG` for the fault tests: with patches, and never without its parent.

    python -m tests.faults.worker CONFIG STATE_DIR [PATCH ...]

Without patches the supervisor's child is the product's own command. It ends when its standard input
does, which the kernel closes however the tests end.
"""

import os
import sys
import threading
from pathlib import Path

from tests.faults import patches

PATCHED = "--patched"


def main(arguments: list[str]) -> int:
    if arguments[0] == PATCHED:
        given, product = arguments[1].split(), arguments[2:]
        patches.apply(given)
        from monitor.cli.main import run

        return run(product)
    from monitor.cli.worker import worker_child
    from monitor.stream.supervisor import Child, Supervisor

    config, state_dir, *given = arguments
    child = worker_child(Path(config), Path(state_dir))
    if given:
        python, _, _, *product = child.argv  # PYTHON -m monitor.cli.main worker ...
        argv = [python, "-m", "tests.faults.worker", PATCHED, " ".join(given), *product]
        child = Child(child.name, argv)
    supervisor = Supervisor([child])

    def follow() -> None:
        while os.read(0, 512):  # not sys.stdin: a thread that waits in it spoils the exit
            pass
        supervisor.stop()

    threading.Thread(target=follow, daemon=True).start()
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
