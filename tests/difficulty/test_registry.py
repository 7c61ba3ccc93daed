"""The registry of measures, and the table that lists them."""

from __future__ import annotations

import curriculab as cl


def test_the_catalogue_has_a_plain_sentence_for_every_measure():
    table = cl.difficulty.catalogue()
    assert sorted(table.index) == sorted(cl.difficulty.MEASURES) and len(table) >= 33
    for sentence in table["what it does"]:
        assert sentence[0].isupper() and sentence.endswith(".") and not set("`*") & set(sentence), sentence


def test_the_catalogue_begins_with_what_needs_nothing_and_ends_with_what_needs_runs():
    table = cl.difficulty.catalogue()
    assert table.loc["word_count", "reads"] == "the rows alone"
    assert table.loc["token_length", "reads"] == "rows in the model's tokens"
    assert table.loc["answer_loss", "reads"] == "what a model answers"
    assert table.loc["forgetting_events", "reads"] == "recorded runs"
    order = ["the rows alone", "rows in the model's tokens", "what a model answers", "recorded runs"]
    assert table.reads.drop_duplicates().tolist() == order
