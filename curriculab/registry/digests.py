"""Digests of values and of tables: equal for what is equal to the bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np
import pandas as pd


def digest_of(decides: Mapping[str, object]) -> str:
    """Digest (16 hex digits) of everything that decides a run.

    Parameters
    ----------
    decides : mapping
        Plain values; in whatever order.

    Examples
    --------
    >>> cl.runs.digest_of({"method": "random_order", "seed": 0})
    '0844b2cd234e5550'
    """
    text = json.dumps(decides, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def digest_of_table(table: pd.DataFrame) -> str:
    """Digest of a pool (32 hex digits): ids, columns and every value, in order.

    Parameters
    ----------
    table : DataFrame
        Of any columns.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> cl.runs.digest_of_table(pool) == cl.runs.digest_of_table(pool[::-1])
    False
    """
    h = hashlib.blake2b("\x1f".join(map(str, table.columns)).encode(), digest_size=16)
    h.update("\x1f".join(map(str, table.index)).encode())
    for column in table.columns:
        values = (v.tolist() if isinstance(v, np.ndarray) else v for v in table[column].tolist())
        h.update("\x1f".join(map(repr, values)).encode())
    return h.hexdigest()
