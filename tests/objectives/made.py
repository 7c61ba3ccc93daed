"""Three rows with every column that an objective reads."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curriculab.environments.turns import say

COUNTS = np.array([2, 3, 1])


def rows() -> pd.DataFrame:
    """Three rows with every column that an objective of the package reads."""
    table = pd.DataFrame({"prompt": ["1+1", "2+2", "3+3"], "answer": ["2", "4", "6"]}, index=["a", "b", "c"])
    table = say(table, ["2", "5", "6"])
    return table.assign(reward=[1.0, 0.0, 1.0], group=[0, 0, 0], prefer=[1, -1, 1])
