"""The command `curriculab`: train a bench from its file, list and check methods, look after recorded runs.

curriculab run bench.json                   # train a bench without a notebook
curriculab methods show sec                 # a method with its equation; `methods check sec` tries its claim
curriculab runs                             # recorded runs and their size; show, prune, export
curriculab rewards corpus                   # how often verifiers err on answers with a known verdict
curriculab check                            # what this machine has of what is needed
curriculab reproduce online                 # the long form of a notebook
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

# command: the module whose `main(arguments)` answers it, and what it does
COMMANDS = {
    "run": ("curriculab.bench.command", "train a bench from its file"),
    "methods": ("curriculab.bench.checking", "list methods, show one, try its check"),
    "runs": ("curriculab.runs.commands", "list, show, prune and export recorded runs"),
    "rewards": ("curriculab.rewards.commands", "how often verifiers err on answers with a known verdict"),
    "check": ("curriculab.widgets.machine", "what this machine has of what is needed"),
    "reproduce": ("curriculab.paper.reproduce", "the long forms of notebooks"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Hand the arguments behind the command's name to the module that answers it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print(usage())
        return 0
    if given[0] not in COMMANDS:
        print(f"no command {given[0]!r}\n{usage()}", file=sys.stderr)
        return 2
    module, _ = COMMANDS[given[0]]
    return importlib.import_module(module).main(given[1:]) or 0


def usage() -> str:
    """One line a command."""
    lines = [f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(["usage: curriculab COMMAND ...", *lines, "curriculab COMMAND --help says more"])


if __name__ == "__main__":
    raise SystemExit(main())
