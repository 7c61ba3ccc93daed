"""Which lines of a record are the learner's own: a method may train and ask other roles beside it.

of_learner(runs.metrics)["loss"]     # the loss curve of what is tested, without that of a critic or a student
"""

from __future__ import annotations

import pandas as pd

from curriculab.protocol.roles import LEARNER


def with_role(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `role`; lines without one, as of older records, are the learner's.

    >>> import pandas as pd
    >>> from curriculab.runs.roles import with_role
    >>> with_role(pd.DataFrame({"loss": [1.0]}))["role"].tolist()
    ['learner']
    """
    if "role" not in table:
        return table.assign(role=LEARNER)
    return table.assign(role=table["role"].fillna(LEARNER)) if table["role"].isna().any() else table


def of_learner(table: pd.DataFrame) -> pd.DataFrame:
    """The lines of a table of runs that are the learner's.

    >>> import pandas as pd
    >>> from curriculab.runs.roles import of_learner
    >>> of_learner(pd.DataFrame({"loss": [1.0, 2.0], "role": ["learner", "critic"]}))["loss"].tolist()
    [1.0]
    """
    if "role" not in table:
        return table
    roles = table["role"].to_numpy(object)
    own = (roles == LEARNER) | pd.isna(roles)
    return table if own.all() else table[own]
