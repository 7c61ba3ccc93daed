"""Data sources by name: `SOURCES["ladder"]`, and the decorator that enters one.

@source("riddles")                       # a file in data/sources, a notebook, or another package
def riddles(name: str, *, topics: str | None = None) -> pd.DataFrame:
    ...
"""

from __future__ import annotations

from curriculab.data.validation import PoolError
from curriculab.registry.registry import Registry

SOURCES = Registry("source", "curriculab.data.sources", error=PoolError)
source = SOURCES.register
