"""The pieces of a paper, from recorded runs: tables, a methods paragraph, a folder that compiles, reproductions.

cl.tables.comparison(result).latex
cl.report.write(runs, "paper/")
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
