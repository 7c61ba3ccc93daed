"""Runs: the tables they leave behind, the folders they are kept in, and those that other programs trained."""

from curriculab.registry.digests import digest_of, digest_of_table
from curriculab.runs.importers import import_runs
from curriculab.runs.judging import cut_offs
from curriculab.runs.merging import join
from curriculab.runs.schema import COLUMNS, CUMULATIVE, KEYS, OF_TEST, SIGNAL, Record, Runs
from curriculab.runs.store import Store, load_record, load_runs

__all__ = [
    "COLUMNS",
    "KEYS",
    "SIGNAL",
    "CUMULATIVE",
    "OF_TEST",
    "Record",
    "Runs",
    "Store",
    "cut_offs",
    "digest_of",
    "digest_of_table",
    "import_runs",
    "join",
    "load_record",
    "load_runs",
]


def __dir__() -> list[str]:
    return __all__
