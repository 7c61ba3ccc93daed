"""Write the stub of curriculab.difficulty from the registry of measures: `python -m tools.make_stubs`.

Measures are found by name when they are used; editors, which run nothing, read their signatures from the stub.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from curriculab.difficulty import MEASURES

PATH = Path(__file__).parents[1] / "curriculab" / "difficulty" / "__init__.pyi"
HEAD = """# Written by `python -m tools.make_stubs` from the registry of measures, for editors and type checkers.

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..registry.registry import Registry
from ..runs import Runs
from . import atlas as atlas
from . import irt as irt
from .estimation import Cache
from .measures.judged import bradley_terry as bradley_terry
from .registry import catalogue as catalogue
from .roles import LanguageModel
from .survey import Survey as Survey
from .survey import measure as measure
from .survey import request_scores as request_scores
from .survey import survey as survey

Observed = str | pd.Series | None
MEASURES: Registry

"""


def stub() -> str:
    """The text of the stub: one signature a measure of curriculab's own."""
    own = [name for name, unit in MEASURES.units().items() if unit.module.startswith("curriculab.")]
    return HEAD + "\n".join(line(name) for name in sorted(own)) + "\n"


def line(name: str) -> str:
    """One measure as a stub has it; defaults are left out as `...`."""
    parts, star = [], False
    for parameter in inspect.signature(MEASURES[name]).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        default = "" if parameter.default is parameter.empty else " = ..."
        parts.append(f"{parameter.name}: {parameter.annotation}{default}")
    return f"def {name}({', '.join(parts)}) -> pd.Series: ..."


if __name__ == "__main__":
    PATH.write_text(stub())
    print(f"{PATH} is written; lay it out with: ruff format {PATH}")
