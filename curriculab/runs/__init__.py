"""Runs: the tables they leave behind, the folders they are kept in, and those that other programs trained."""

from curriculab.runs.others import import_runs, join
from curriculab.runs.store import Store, digest_of, digest_of_table, load_record, load_runs
from curriculab.runs.tables import COLUMNS, KEYS, SIGNAL, SO_FAR, Record, Runs

__all__ = [
    "COLUMNS",
    "KEYS",
    "SIGNAL",
    "SO_FAR",
    "Record",
    "Runs",
    "Store",
    "digest_of",
    "digest_of_table",
    "import_runs",
    "join",
    "load_record",
    "load_runs",
]
