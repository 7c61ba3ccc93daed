"""What ordinary prose states, and what it only mentions, denies or leaves open."""

from __future__ import annotations

import time

import pytest

from curriculab.rewards.prose import states


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Oslo", "Oslo is the capital of Norway."),
        ("Oslo", "The capital is **Oslo**, on a fjord. Bergen is the second largest city."),
        ("Oslo", "Bergen is larger, but the capital is Oslo."),
        ("Oslo", "Many would say Bergen. However, the capital is Oslo."),
        ("Oslo", "It's Oslo, although many think that it's Bergen."),
        ("Oslo", "The capital is Bergen. Wait, no. It is Oslo."),
        ("Oslo", "The prize is awarded in Oslo."),
        ("Henrik Ibsen", "The play was written by the Norwegian author Ibsen in 1879."),
        ("Henrik Ibsen", "In 1879, Ibsen wrote it."),
        ("Norway", "He was born in Skien, Norway."),
        ("Norway", "Skien: Norway"),
        ("Oslo", "Of the three, only Oslo is a capital."),
        ("krone", "The currency is the Norwegian krone."),
        ("iron", "Its red colour comes from iron."),
        ("iron", "The metal in it is called *iron*."),
        ("Anna", "Ben is older than Carl, and Carl is older than Anna. So Anna is the youngest."),
    ],
)
def test_stated(answer, text):
    assert states(text, answer)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Oslo", "Oslo is not the capital of Norway."),
        ("Oslo", "The capital is Bergen, not Oslo."),
        ("Oslo", "The capital is Bergen. The second largest city is Oslo."),
        ("Oslo", "Bergen is the capital of Norway. Oslo is the largest city."),
        ("Oslo", "Oslo is large, but Bergen is the capital."),
        ("Oslo", "It's either Oslo or Bergen."),
        ("Oslo", "Oslo, Bergen and Trondheim are cities in Norway."),
        ("Oslo", "Many think that it is Oslo."),
        ("Oslo", "The capital is Oslo. Wait, no. It is Bergen."),
        ("Oslo", "Cities in Norway:\n1. Oslo\n2. Bergen"),
        ("Henrik Ibsen", "The play was written by Strindberg, followed by Ibsen."),
        ("Henrik Ibsen", "The play was written by Lillebjørn Ibsen."),
        ("iron", "The metal in it is called copper. It is heavier than iron."),
        ("iron", "The hardest is steel. Iron is softer."),
        ("Paris", "Paris Hilton said so."),
        ("Anna", "Anna is older than Ben. So the younger is Ben."),
    ],
)
def test_not_stated(answer, text):
    assert not states(text, answer)


@pytest.mark.parametrize(
    "piece", ["the ", "is the the ", "Oslo, ", "is Oslo or ", "A. ", "but ", "'s ", "** ", "((", "in A, "]
)
def test_repeated_pieces_take_no_longer_than_their_length(piece):
    began = time.process_time()
    for n in (500, 100_000):
        states(piece * n, "Oslo")
        states(piece * n, "iron")
    assert time.process_time() - began < 2
