"""CITATION.cff: what version 1.2.0 of the format asks for, and the same facts as pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
# Of the schema of Citation File Format 1.2.0: what must be there, and what may.
REQUIRED = {"cff-version", "message", "title", "authors"}
KNOWN = REQUIRED | {
    "abstract",
    "commit",
    "contact",
    "date-released",
    "doi",
    "identifiers",
    "keywords",
    "license",
    "license-url",
    "preferred-citation",
    "references",
    "repository",
    "repository-artifact",
    "repository-code",
    "type",
    "url",
    "version",
}
ENTITY = {"name", "address", "alias", "city", "country", "email", "orcid", "region", "website"}


def test_it_is_a_valid_citation_file() -> None:
    assert set(CITATION) >= REQUIRED and set(CITATION) <= KNOWN
    assert CITATION["cff-version"] == "1.2.0" and CITATION["type"] in ("software", "dataset")
    assert CITATION["authors"] and all("name" in author and set(author) <= ENTITY for author in CITATION["authors"])
    assert len(set(CITATION["keywords"])) == len(CITATION["keywords"]) > 0
    texts = ("message", "title", "abstract", "version", "license")
    assert all(isinstance(CITATION[key], str) and CITATION[key].strip() for key in texts)


def test_it_says_what_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert CITATION["version"] == project["version"] and CITATION["license"] == project["license"]
    assert set(CITATION["keywords"]) == set(project["keywords"])
