"""What one test cost, by test row: tokens read and written to answer it, by whichever role.

Three votes of 4 tokens each behind a prompt of 20: 32 tokens of that row, 12 of them generated.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from curriculab.protocol import Answer, Request, Sample


@dataclass(eq=False)
class RowCosts:
    """Tokens that each test row cost one solver so far.

    Parameters
    ----------
    rows : pd.Index
        Ids of the test rows, (tests,).
    """

    rows: pd.Index
    tokens: np.ndarray = field(init=False)  # read and generated, (tests,)
    generated: np.ndarray = field(init=False)  # (tests,)

    def __post_init__(self) -> None:
        self.tokens, self.generated = np.zeros(len(self.rows)), np.zeros(len(self.rows))

    def note(self, request: Request, answer: Answer) -> None:
        """Add what an answer cost. A request about rows that are no test rows counts evenly for all test rows.

        Where a backend does not tell how much it read for each row, what it read is divided by the length of prompts.
        """
        read = answer.read
        if read is None:
            characters = request.rows["prompt"].map(lambda text: len(str(text)) + 1).to_numpy(float)
            read = (answer.tokens - answer.generated) * characters / characters.sum()
        self._add(self.tokens, request.rows.index, read)
        if isinstance(request, Sample):
            written = answer.reply["length"].to_numpy(float)
            self._add(self.tokens, answer.reply.index, written)
            self._add(self.generated, answer.reply.index, written)

    def _add(self, to: np.ndarray, ids: pd.Index, values: np.ndarray) -> None:
        at = self.rows.get_indexer(ids)
        np.add.at(to, at[at >= 0], values[at >= 0])
        to += values[at < 0].sum() / max(len(to), 1)
