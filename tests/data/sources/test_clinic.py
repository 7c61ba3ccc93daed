"""The clinic exam: solved from the textbook's sentences alone, balanced, and closed to shortcuts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from curriculab.data import clinic_world
from curriculab.data.files import data_path
from curriculab.data.sources import clinic
from curriculab.data.validation import PoolError
from tools import make_clinic

# Written by hand, not taken from the generator: how a reader understands the book's sentences (s: subject, o: object).
READING = {
    "field": "The field of S is O | In O one treats S | As for S, it belongs to O | A patient with S is sent to O",
    "chief": "The chief sign of S is O | First of all S shows O | Mostly one knows S by O "
    "| A patient with S has O above all",
    "sign": "A sign of S is O | Besides S shows O | Among the signs of S is O | A patient with S may also have O",
    "drug": "The drug for S is O | Against S one gives O | For S the first drug is O | A patient with S takes O",
    "sequel": "The sequel of S is O | After S follows O | In time S leads to O | A patient with S may later get O",
    "blocks": "What S blocks is O | Once had S blocks O | Never does O come after S "
    "| A patient once ill with S is safe from O",
    "mimics": "What S mimics is O | Often S is taken for O | At first S looks like O "
    "| A patient with S seems to have O",
    "class": "The class of S is O | By class S is a O | Like others S counts as a O | A patient on S takes a O",
    "bar": "What bars S is O | Never give S with O | When there is O one must not give S "
    "| A patient with O must not take S",
    "antidote": "The antidote to S is O | Too much S is undone by O | Against an excess of S helps O "
    "| A patient with too much S needs O",
}


def pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\b([SO])\b", lambda m: f"(?P<{m[1]}>[a-z]+)", text.strip()) + r"\.")


PATTERNS = {relation: [pattern(text) for text in texts.split("|")] for relation, texts in READING.items()}
Facts = dict[str, set[tuple[str, str]]]  # relation -> pairs of subject and object


def read(sentences: Iterable[str]) -> tuple[Facts, Counter[tuple[str, int]]]:
    """Facts of the sentences, and how many stand in each wording; every sentence reads in exactly one way."""
    facts, wordings = defaultdict(set), Counter()
    for sentence in sentences:
        found = [
            (relation, i, m["S"], m["O"])
            for relation, patterns in PATTERNS.items()
            for i, p in enumerate(patterns)
            if (m := p.fullmatch(sentence))
        ]
        assert len(found) == 1, (sentence, found)
        relation, i, subject, value = found[0]
        facts[relation].add((subject, value))
        wordings[relation, i] += 1
    return dict(facts), wordings


@cache
def book() -> pd.DataFrame:
    return clinic_world.textbook()


@cache
def exam() -> pd.DataFrame:
    return clinic.load()


@cache
def known() -> Facts:
    return read(book()["answer"])[0]


# ---- the solver: knows the words of questions, and nothing of the world but what it read

OF = {
    "the field of ": "field",
    "the chief sign of ": "chief",
    "a sign of ": "sign",
    "the drug for ": "drug",
    "the sequel of ": "sequel",
    "the class of ": "class",
    "what bars ": "bar",
    "the antidote to ": "antidote",
}
ONE = {  # relation, and whether its subject (0) or its object (1) is meant
    "the one blocking another": ("blocks", 0),
    "the one another blocks": ("blocks", 1),
    "the one mimicking another": ("mimics", 0),
    "the one another mimics": ("mimics", 1),
}


class Solver:
    """Answers a prompt with the set of all names that fit, and counts the facts it looked up."""

    def __init__(self, facts: Facts) -> None:
        self.of = {r: defaultdict(set) for r in facts}
        for relation, pairs in facts.items():
            for s, o in pairs:
                self.of[relation][s].add(o)
        self.facts, self.used = facts, 0

    def solve(self, prompt: str) -> set[str]:
        self.used = 0
        *context, question = prompt.removesuffix(".").split(". ")
        return self.denoted(question.split(" ", 1)[1], context[0] if context else "")

    def denoted(self, phrase: str, context: str) -> set[str]:
        """What a noun phrase stands for; the words before the innermost name are relations, outermost first."""
        for words, relation in OF.items():
            if phrase.startswith(words):
                return self.follow(relation, self.denoted(phrase.removeprefix(words), context))
        if m := re.fullmatch(r"what (\w+) (blocks|mimics)", phrase):
            return self.follow(m[2], self.denoted(m[1], context))
        if m := re.fullmatch(r"what leads to (\w+)", phrase):
            (value,) = self.denoted(m[1], context)
            self.used += 1
            return {s for s, o in self.facts["sequel"] if o == value}
        if phrase in ONE:
            return self.one_of_four(*ONE[phrase], context.split(", "))
        return self.patient(context) if phrase in ("it", "the disease") else {phrase}

    def follow(self, relation: str, subjects: set[str]) -> set[str]:
        (subject,) = subjects
        self.used += 1
        return self.of[relation][subject]

    def one_of_four(self, relation: str, end: int, four: list[str]) -> set[str]:
        found = [(a, b) for a in four for b in four if b in self.of[relation][a]]
        assert len(four) == 4 and len(found) == 1
        self.used += 1
        return {found[0][end]}

    def patient(self, context: str) -> set[str]:
        """The disease or drug of a patient, or the only disease with both findings."""
        if m := re.fullmatch(r"(?:A (?:man|woman) of \d+ has|Case \d+:) (\w+) and (\w+)", context):
            self.used += 2
            return {d for d in self.of["chief"] if set(m.groups()) <= self.of["chief"][d] | self.of["sign"][d]}
        m = re.fullmatch(r"(?:A (?:man|woman) of \d+ (?:has|takes)|Case \d+:(?: on)?) (\w+)", context)
        return {m[1]}


def test_every_wording_of_the_book_states_every_fact():
    facts, wordings = read(book()["answer"])
    assert {relation: len(pairs) for relation, pairs in facts.items()} == {
        "field": 48,
        "chief": 48,
        "sign": 96,
        "drug": 48,
        "sequel": 48,
        "blocks": 48,
        "mimics": 48,
        "class": 28,
        "bar": 28,
        "antidote": 28,
    }
    assert wordings == {(relation, i): len(pairs) for relation, pairs in facts.items() for i in range(4)}
    assert len(book()) == 4 * 468 and book()["answer"].is_unique


def test_every_question_is_solved_from_the_sentences_of_the_book():
    solver = Solver(known())
    for row in exam().itertuples():
        fitting = solver.solve(row.prompt)
        assert fitting & set(row.options) == {row.answer}, row.prompt
        assert solver.used == row.level, row.prompt


def test_solutions_name_as_many_facts_of_the_book_as_the_level_says():
    sentences = set(book()["answer"])
    for row in exam().itertuples():
        *facts, end = re.findall(r"[^.]+\.", row.solution)
        facts = [f.strip() for f in facts]
        assert set(facts) <= sentences and len(set(facts)) == row.level
        assert end == f" So {row.answer}." and row.answer in facts[-1] + facts[0]


def test_topic_is_the_field_of_the_disease_and_bloom_grows_with_the_level():
    assert set(exam()["topic"]) == {o for _, o in known()["field"]}
    blooms = {level: set(rows) for level, rows in exam().groupby("level")["bloom"]}
    assert blooms == {
        1: {"remember", "understand"},
        2: {"understand", "apply"},
        3: {"understand", "apply", "analyse"},
        4: {"analyse"},
    }


# ---- shape


def test_rows_are_short_and_unique_and_each_has_four_options():
    rows = exam()
    assert rows.index.is_unique and rows["prompt"].is_unique
    assert rows["level"].value_counts().to_dict() == dict.fromkeys((1, 2, 3, 4), 5000)
    assert rows["prompt"].str.encode("utf-8").str.len().max() <= 110
    assert all(len(set(o)) == 4 and all(re.fullmatch("[a-z]{4,12}", x) for x in o) for o in rows["options"])
    assert all(a in o for a, o in zip(rows["answer"], rows["options"], strict=True))
    assert set(rows["task"]) == {"clinic"} and rows.index[0] == "clinic/1/00000"


def test_names_are_told_apart_by_their_first_three_letters():
    names = [name for group in clinic_world.world().names.values() for name in group]
    assert len({name[:3] for name in names}) == len(names) == 127
    assert all(4 <= len(name) <= 8 for name in names)


def test_a_tenth_is_held_out_by_hash_at_every_level():
    held = exam()["held_out"]
    assert (held == exam()["prompt"].map(make_clinic.is_held_out)).all()
    assert (held.groupby(exam()["level"]).sum() >= 400).all()
    assert held.mean() == pytest.approx(0.1, abs=0.01)


def test_facts_of_held_out_level_one_questions_stand_in_training_questions():
    rows = exam()[exam()["level"] == 1]
    asked = set(rows["solution"][~rows["held_out"]])
    assert rows["solution"][rows["held_out"]].isin(asked).mean() > 0.99


def test_common_diseases_are_asked_and_told_more_often():
    told = book().loc[book()["fact"].str.startswith("drug/")].groupby("fact")["frequency"].first()
    told = told.sort_values(ascending=False).tolist()
    assert told[:4] == [12, 7, 6, 5] and told[-1] == 1  # 12 * r ** -0.7: 12, 7.4, 5.6, 4.5
    diseases = clinic_world.world().names["disease"]
    rows = exam()[exam()["level"] == 1]
    asked = [rows["prompt"].str.contains(d).sum() for d in diseases]
    assert sum(asked[:8]) > 3 * sum(asked[-8:])


def test_every_word_of_the_book_has_a_class_and_no_other_word_has():
    words = {w for text in book()["answer"] for w in re.findall("[a-z]+", text.lower())}
    assert set(clinic_world.word_classes()) == words
    assert clinic_world.word_classes()["never"] == "adverb"
    assert Counter(clinic_world.word_classes().values())["disease"] == 48


# ---- no shortcuts


def accuracy(rows: pd.DataFrame, score: Callable[[str, str], float]) -> float:
    """Share of rows whose right option has the highest score of (prompt, option); ties count in part."""
    hits = []
    for row in rows.itertuples():
        scores = np.array([score(row.prompt, o) for o in row.options])
        best = scores == scores.max()
        hits.append(best[row.options.index(row.answer)] / best.sum())
    return float(np.mean(hits))


def options_only(train: pd.DataFrame, test: pd.DataFrame) -> float:
    """Naive Bayes on option texts: how often was this text right where it stood?"""
    stood, right = Counter(train["options"].explode()), Counter(train["answer"])
    return accuracy(test, lambda _, o: (right[o] + 1) / (stood[o] + 4))


@cache
def names() -> frozenset[str]:
    return frozenset(n for pairs in known().values() for pair in pairs for n in pair)


def named(text: str) -> list[str]:
    return [w for w in re.findall("[a-z]+", text) if w in names()]


def test_right_options_stand_at_all_places_equally_often():
    place = pd.Series([o.index(a) for o, a in zip(exam()["options"], exam()["answer"], strict=True)], exam().index)
    counts = place.groupby([exam()["level"], exam()["held_out"]]).value_counts().unstack()
    assert counts.shape == (8, 4) and (counts.max(axis=1) - counts.min(axis=1)).max() <= 1


@pytest.mark.parametrize("level", [1, 2, 3, 4, None])
def test_options_alone_do_not_tell(level: int | None):
    rows = exam() if level is None else exam()[exam()["level"] == level]
    train = np.random.default_rng([0, level or 0]).random(len(rows)) < 0.8
    assert options_only(rows[train], rows[~train]) < 0.30
    assert options_only(rows[~rows["held_out"]], rows[rows["held_out"]]) < 0.30


def test_each_text_is_right_in_a_quarter_of_its_appearances():
    rows = exam()[exam()["level"] <= 2]  # above, options of questions about four diseases belong to the four
    for _, part in rows.groupby(["level", "held_out"]):
        assert Counter(part["options"].explode()) == {text: 4 * n for text, n in Counter(part["answer"]).items()}


def together(levels: list[int]) -> Counter[tuple[str, str]]:
    """How often a name stood beside another in the book, or in a question before its answer."""
    pairs: Counter[tuple[str, str]] = Counter()
    for sentence, frequency in zip(book()["answer"], book()["frequency"], strict=True):
        a, b = named(sentence)
        pairs[a, b] += frequency
        pairs[b, a] += frequency
    rows = exam()[exam()["level"].isin(levels) & ~exam()["held_out"]]
    for prompt, answer in zip(rows["prompt"], rows["answer"], strict=True):
        pairs.update((name, answer) for name in named(prompt))
    return pairs


@pytest.mark.parametrize("join", [max, sum])
@pytest.mark.parametrize("relative", [False, True])
def test_no_single_name_gives_a_level_four_answer_away(join: Callable[..., float], relative: bool):
    pairs = together([1, 2, 3])
    total = Counter()
    for (_, option), n in pairs.items():
        total[option] += n

    def score(prompt: str, option: str) -> float:
        return join(pairs[name, option] / (total[option] + 1 if relative else 1) for name in named(prompt))

    rows = exam()
    assert accuracy(rows[rows["level"] == 4], score) <= 0.32
    assert accuracy(rows[(rows["level"] == 1) & rows["held_out"]], score) > 0.8  # where it is meant to work


def test_level_four_questions_do_not_give_each_other_away_by_single_names():
    rows = exam()[exam()["level"] == 4]
    train, test = rows[~rows["held_out"]], rows[rows["held_out"]]
    stood, right = Counter(), Counter()
    for row in train.itertuples():
        stood.update((name, o) for name in named(row.prompt) for o in row.options)
        right.update((name, row.answer) for name in named(row.prompt))
    assert accuracy(test, lambda p, o: sum(np.log((right[x, o] + 1) / (stood[x, o] + 4)) for x in named(p))) <= 0.32


# ---- generation and loading


@pytest.mark.slow
def test_shipped_table_is_what_the_command_writes(tmp_path, capsys):
    make_clinic.main(["--out", str(tmp_path / "exam.csv.xz")])
    pd.testing.assert_frame_equal(clinic._read(tmp_path / "exam.csv.xz"), exam())
    assert re.fullmatch(r"\S+exam\.csv\.xz: 20000 questions, \d+ held out, [\d,]+ bytes\n", capsys.readouterr().out)
    assert [p.name for p in tmp_path.iterdir()] == ["exam.csv.xz"]
    assert data_path(clinic.FILE).stat().st_size < 2_000_000


@pytest.mark.slow
def test_seeds_give_other_questions_about_the_same_world():
    first, second = make_clinic.generate(400, seed=0), make_clinic.generate(400, seed=1)
    assert second["prompt"].isin(first["prompt"]).mean() < 0.2
    pd.testing.assert_frame_equal(first, make_clinic.generate(400, seed=0))
    assert all(len(set(options)) == 4 for options in second["options"])
    solver = Solver(known())
    assert all(r.answer in solver.solve(r.prompt) for r in second.itertuples())


def test_load_balances_levels_and_holds_a_tenth_out():
    pool = clinic.load(n=1002, seed=3)
    assert pool.index.is_unique and len(pool) == 1002 and pool["held_out"].sum() == 100
    assert pool["level"].value_counts().sort_index().tolist() == [251, 251, 250, 250]
    assert pool["held_out"].groupby(pool["level"]).sum().tolist() == [25, 25, 25, 25]
    assert pool.equals(clinic.load(n=1002, seed=3)) and not pool.index.equals(clinic.load(n=1002, seed=4).index)


def test_load_keeps_to_levels_and_topics():
    topic = exam()["topic"].iloc[0]
    pool = clinic.load(levels=[2, 4], topics=[topic])
    assert set(pool["level"]) == {2, 4} and set(pool["topic"]) == {topic}
    assert len(clinic.load(n=50, levels=[1], topics=[topic])) == 50
    assert set(clinic.load(n=50, levels=1, topics=topic)["topic"]) == {topic}  # one of them needs no list


def test_textbook_is_a_pool_whose_order_follows_the_seed():
    other = clinic_world.textbook(seed=1)
    assert set(book()["prompt"]) == {""} and book().index.is_unique
    assert not other.index.equals(book().index) and other.sort_index().equals(book().sort_index())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"levels": [1, 5]}, "clinic: no level 5; there are 1, 2, 3, 4"),
        (
            {"topics": ["surgery"]},
            "clinic: no topic 'surgery'; there are badiatry, bodiatry, kosiatry, pibiatry, ruziatry, tariatry, "
            "tidiatry, turiatry",
        ),
        ({"n": 0}, "clinic: n is 0; expected a whole number of questions from 1 up, or None for all of them"),
        (
            {"n": 20_000, "levels": [1]},
            "clinic: level 1 has 511 held-out questions in the topics asked for, 2000 wanted; "
            "ask for a smaller n, for more levels or for more topics",
        ),
    ],
)
def test_errors_say_what_there_is(asked: dict, message: str):
    with pytest.raises(PoolError) as error:
        clinic.load(**asked)
    assert str(error.value) == message
