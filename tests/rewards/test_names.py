"""How one thing may be named."""

from __future__ import annotations

import pytest

from curriculab.rewards.names import folded, whole


@pytest.mark.parametrize(
    ("answer", "same", "others"),
    [
        (
            "Johann Sebastian Bach",
            ["Bach", "J. S. Bach", "J.S. Bach", "Johann Bach"],
            ["Johann Christian Bach", "Johann"],
        ),
        ("Marie Curie", ["Curie", "Marie Skłodowska-Curie", "marie curie"], ["Pierre Curie", "Marie"]),
        ("Ludwig van Beethoven", ["Beethoven", "van Beethoven", "ludwig van beethoven"], ["van", "Ludwig"]),
        ("John F. Kennedy", ["Kennedy", "John Kennedy", "President Kennedy"], ["Robert Kennedy", "John R. Kennedy"]),
        ("South Korea", ["south korea"], ["Korea", "North Korea"]),
        ("Carbon dioxide", ["carbon dioxide"], ["dioxide"]),
        ("Mount Everest", ["Everest", "mount Everest"], ["Mount Kenya"]),
        ("Pacific Ocean", ["the Pacific", "pacific ocean"], ["Ocean"]),
        ("São Paulo", ["Sao Paulo"], ["Paulo"]),
        ("Red Sea", ["the Red Sea"], ["Red", "Sea"]),
    ],
)
def test_names_of_one_thing(answer, same, others):
    pattern = whole(answer)
    assert [s for s in same if not pattern.fullmatch(folded(s))] == []
    assert [o for o in others if pattern.fullmatch(folded(o))] == []


def test_accents_and_hyphens_are_folded_and_case_stays():
    assert folded("Łódź  Skłodowska-Curie, Ångström, H_{2}O") == "Lodz Sklodowska Curie, Angstrom, H2O"
