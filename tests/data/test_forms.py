"""Forms of rows: 10,000 of each are checked by what their texts say, apart from the module that made them."""

from __future__ import annotations

import re
import time

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.data.forms import hint_for, masked, question_moved, sentences
from curriculab.rewards import verify_rows

FORMS = {
    "choice4": cl.data.to_choice,
    "binary": cl.data.to_binary,
    "cloze": cl.data.to_cloze,
    "restated": cl.data.restate,
    "hint": cl.data.hints,
}
GSM8K = {"prompt": "question", "answer": cl.text_after("answer", "####"), "solution": "answer"}


@pytest.fixture(scope="module")
def embedded() -> pd.DataFrame:
    """10,000 rows of all embedded tasks; those of the clinic have options of their own."""
    sizes = {"ladder": 6000, "clinic": 2000, "word_problems": 2000}
    return pd.concat([cl.load_pool(name, n=n, seed=1) for name, n in sizes.items()])


@pytest.fixture(scope="module")
def choices(embedded: pd.DataFrame) -> pd.DataFrame:
    return cl.data.to_choice(embedded, 4, seed=2)


def at_most(k: int, n: int) -> float:
    """1/k and three standard errors."""
    return 1 / k + 3 * np.sqrt((1 - 1 / k) / k / n)


def guessers(options: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """Share of right answers, by length, place and frequency of options alone; options: (rows, k)."""
    length = np.char.str_len(options.astype(str))
    counts = pd.Series(options.ravel()).value_counts()
    common = counts.loc[options.ravel()].to_numpy().reshape(options.shape)
    places = {f"place {j}": np.full(len(options), j) for j in range(options.shape[1])}
    others = {"longest": length.argmax(1), "shortest": length.argmin(1)}
    others |= {"commonest": common.argmax(1), "rarest": common.argmin(1)}
    rows = np.arange(len(options))
    return {name: float((options[rows, at] == answers).mean()) for name, at in (places | others).items()}


def same(text: pd.Series, answer: pd.Series) -> np.ndarray:
    """Whether texts are the answers: of word problems as numbers, of all others to the letter."""
    numbers = pd.to_numeric(text, errors="coerce").to_numpy() == pd.to_numeric(answer, errors="coerce").to_numpy()
    word_problem = np.asarray(answer.index.str.startswith("word_problems"))
    return np.where(word_problem, numbers, text.to_numpy() == answer.to_numpy())


# Options


def test_one_of_four_options_is_right_and_the_verifier_refuses_the_others(embedded, choices):
    options = np.array(choices.options.tolist(), object)
    assert options.shape == (10_000, 4)
    right = np.array([same(pd.Series(options[:, j], embedded.index), embedded.answer) for j in range(4)]).T
    assert (right.sum(axis=1) == 1).all() and (choices.answer.to_numpy() == embedded.answer.to_numpy()).all()
    assert (options[right] == embedded.answer.to_numpy()).all()
    assert (pd.DataFrame(options).nunique(axis=1) == 4).all()
    assert (verify_rows(choices, choices.answer.tolist()) == 1).all()
    wrong = options[~right].reshape(-1, 3)
    bare = embedded.drop(columns="options")
    for j in range(3):
        assert (verify_rows(bare, wrong[:, j].tolist()) == 0).all()
        assert (verify_rows(choices, wrong[:, j].tolist()) == 0).all()


def test_guesses_by_length_place_and_frequency_are_right_in_one_of_k(embedded, choices):
    for made, k in ((choices, 4), (cl.data.to_choice(embedded.drop(columns="options"), 4, seed=3), 4)):
        for source in ("", "ladder/", "clinic/", "word_problems/"):
            part = made[made.index.str.startswith(source)]
            found = guessers(np.array(part.options.tolist(), object), part.answer.to_numpy())
            assert max(found.values()) <= at_most(k, len(part)), (source, found)
    places = [list(options).index(a) for options, a in zip(choices.options, choices.answer, strict=True)]
    assert np.bincount(places).tolist() == [2500] * 4


def test_options_of_a_row_stay_its_own(embedded, choices):
    own = embedded[embedded.options.notna()]
    made = choices.loc[own.index + "/choice4"]
    assert [set(a) == set(b) for a, b in zip(own.options, made.options, strict=True)] == [True] * len(own)
    three = cl.data.to_choice(own, 3, seed=0)
    assert [set(b) <= set(a) for a, b in zip(own.options, three.options, strict=True)] == [True] * len(own)


@pytest.mark.parametrize("k", [2, 10])
def test_other_numbers_of_options(k):
    pool = cl.load_pool("ladder", n=2000, seed=4)
    made = cl.data.to_choice(pool, k, seed=0)
    options = np.array(made.options.tolist(), object)
    assert options.shape == (2000, k) and ((options == pool.answer.to_numpy()[:, None]).sum(axis=1) == 1).all()
    assert max(guessers(options, pool.answer.to_numpy()).values()) <= at_most(k, 2000)


def test_rows_that_are_answered_alike_get_answers_that_are_changed():
    rows = pd.DataFrame({"prompt": "q", "answer": ["yes", "yes", "7", "7"]}, index=list("abcd"))
    made = cl.data.to_choice(rows, 4, seed=0)
    for options, answer in zip(made.options, made.answer, strict=True):
        assert len(set(options)) == 4 and answer in options and {len(o) for o in options} == {len(answer)}
    assert list(made.index) == ["a/choice4", "b/choice4", "c/choice4", "d/choice4"]


# Yes or no


def test_an_answer_is_shown_and_yes_is_right_where_it_is_the_rows(embedded):
    made = cl.data.to_binary(embedded, seed=5)
    found = made.prompt.str.extract(r"^(.*)\nSomebody answers: (.*)\nIs that right, yes or no\?\Z", flags=re.DOTALL)
    assert (found[0].to_numpy() == embedded.prompt.to_numpy()).all()
    right = same(found[1].set_axis(embedded.index), embedded.answer)
    assert (made.answer.to_numpy() == np.where(right, "yes", "no")).all()
    assert abs(right.mean() - 0.5) < 0.001
    assert (verify_rows(made, made.answer.tolist()) == 1).all()
    assert (verify_rows(made, np.where(right, "no", "yes").tolist()) == 0).all()
    length, count = found[1].str.len(), found[1].map(found[1].value_counts())
    for source in ("ladder", "clinic", "word_problems"):
        here = embedded.index.str.startswith(source)
        for value in (length, count):
            one = (value > value[here].median()).to_numpy()[here]
            assert max((one == right[here]).mean(), (one != right[here]).mean()) <= at_most(2, here.sum())


# A part of the answer


@pytest.mark.parametrize("share", [0.5, 0.65, 1.0])
def test_a_cloze_shows_the_rest_of_the_answer(embedded, share):
    made = cl.data.to_cloze(embedded, share, seed=6)
    shown = made.prompt.str.rsplit("hidden: ", n=1).str[1]
    assert (made.answer.to_numpy() == embedded.answer.to_numpy()).all() and "options" not in made
    assert (shown.str.len().to_numpy() == embedded.answer.str.len().to_numpy()).all()
    for text, answer in zip(shown, embedded.answer, strict=True):
        hidden = [b for a, b in zip(text, answer, strict=True) if a != b]
        letters = sum(b.isalnum() for b in answer)
        assert text.count("_") == len(hidden) and all(b.isalnum() for b in hidden)
        assert len(hidden) >= 1 and (share == 1 or len(hidden) < letters or letters == 1)
        assert abs(len(hidden) - share * letters) <= max(0.5, 1 - share)


def test_shares_of_a_mask():
    rng = np.random.default_rng(0)
    assert [masked("1234", share, rng).count("_") for share in (0.1, 0.5, 0.8, 0.99, 1)] == [1, 2, 3, 3, 4]
    two = pd.DataFrame({"prompt": "q", "answer": "1234"}, index=["a", "b"])
    assert cl.data.to_cloze(two, np.array([0.25, 0.75])).prompt.str.count("_").tolist() == [2, 4]  # one in the words
    assert masked("7", 0.5, rng) == "_" and masked("-1/2", 1, rng) == "-_/_"


# Other words


def test_restating_moves_the_question_and_nothing_else(embedded):
    made = cl.data.restate(embedded, seed=7)
    assert (made.answer.to_numpy() == embedded.answer.to_numpy()).all()
    prose = embedded.prompt.str.count(r"[a-z][.?!](?: |\Z)") > 1
    assert prose.sum() > 3000
    for now, before in zip(made.prompt[prose.to_numpy()], embedded.prompt[prose], strict=True):
        last = re.split(r"(?<=[.?!]) ", before)[-1]
        assert now == f"{last} {before[: -len(last)].strip()}"
    framed = made.prompt[~prose.to_numpy()]
    assert all(b in a and a != b for a, b in zip(framed, embedded.prompt[~prose], strict=True))


def test_what_counts_as_the_question():
    assert sentences("At 5 p.m. Mr. Ray had 2.5 l. He left.") == ["At 5 p.m. Mr. Ray had 2.5 l. ", "He left."]
    assert question_moved("How many are left? Bo had 3. He ate 1.") == "Bo had 3. He ate 1. How many are left?"
    assert question_moved("Bo had 3. How many now? He ate none.") == "How many now? Bo had 3. He ate none."
    assert question_moved("Is it 3? Is it 4?") is None and question_moved("add 3 + 4") is None
    assert question_moved("Bo has 3. Add 4.") == "Add 4. Bo has 3."


def test_the_time_for_sentences_grows_with_the_text():
    assert sentences("It is approx. 5. Reapprox. 6.") == ["It is approx. 5. ", "Reapprox. ", "6."]
    took = []
    for n in (500, 2000):
        start = time.process_time()
        sentences("A. " * n)
        took.append(time.process_time() - start)
    assert took[1] < 8 * took[0] + 0.1  # four times the text: 16 times the time if each was read from the start


# Hints


def test_a_hint_is_true_and_does_not_hold_the_answer(embedded):
    made = cl.data.hints(embedded, seed=8)
    assert (made.prompt == [f"{p}\nHint: {h}" for p, h in zip(embedded.prompt, made.hint, strict=True)]).all()
    kinds = set()
    for hint, answer in zip(made.hint, embedded.answer, strict=True):
        words = re.split(r"[ .]", hint.lower())
        assert answer.lower() not in words
        found = re.fullmatch(r"It (begins with|ends in) (.)(?: and is (\d+) characters long)?\.", hint)
        if found:
            assert (answer[0] if found[1] == "begins with" else answer[-1]) == found[2]
            assert found[3] is None or len(answer) == int(found[3])
        else:
            assert hint in ("It is short.", "Take care.") and len(answer) < 5
        kinds.add(found and found[1])
    assert {"begins with", "ends in"} <= kinds
    assert hint_for("3", True) == "It is short." and hint_for("it", False) == "Take care."


# What all of them share


@pytest.mark.parametrize("form", FORMS)
def test_a_form_names_its_parents_follows_its_seed_and_leaves_the_rows(form):
    pool = cl.load_pool("word_problems", n=60, seed=0)
    before = pool.copy()
    made = FORMS[form](pool, seed=3)
    pd.testing.assert_frame_equal(pool, before)
    assert list(made.index) == [f"{i}/{form}" for i in pool.index] and made.index.name == "id"
    assert made.parents.tolist() == [(i,) for i in pool.index]
    pd.testing.assert_frame_equal(made, FORMS[form](pool, seed=3))
    pd.testing.assert_frame_equal(made, FORMS[form](pool, seed=np.random.default_rng(3)))
    assert not made.astype(str).equals(FORMS[form](pool, seed=4).astype(str)) or form == "restated"  # all are prose
    assert made[["topic", "level"]].to_numpy().tolist() == pool[["topic", "level"]].to_numpy().tolist()
    cl.data.validate(made.assign(parents=made.parents.map(list)), "made", quiet=True)


@pytest.mark.parametrize("form", FORMS)
def test_rows_without_an_answer_are_refused(form):
    rows = pd.DataFrame({"prompt": ["1 + 1", "2 + 2"], "answer": ["2", None]}, index=["a", "b"])
    with pytest.raises(cl.PoolError, match=r": row 'b', column 'answer': found nothing, expected text$"):
        FORMS[form](rows)
    with pytest.raises(cl.PoolError, match=r": the rows have no column 'answer'; they have prompt$"):
        FORMS[form](rows[["prompt"]])


def test_settings_that_make_no_sense_are_refused():
    rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
    with pytest.raises(cl.PoolError, match=r"^to_choice\(k=1\): give a whole number of options from 2 to 26$"):
        cl.data.to_choice(rows, 1)
    with pytest.raises(
        cl.PoolError, match=r"^to_cloze\(share=0\): give the share of an answer that is hidden, above 0"
    ):
        cl.data.to_cloze(rows, 0)


def test_a_conversation_is_changed_in_its_last_message():
    prompt = "<|system|>\nBe brief.\n<|user|>\n1 + 1?"
    rows = pd.DataFrame({"prompt": [prompt], "answer": ["2"]}, index=["a"])
    assert cl.data.hints(rows).prompt.iloc[0] == f"{prompt}\nHint: It is short."
    assert cl.data.restate(rows).prompt.iloc[0].startswith("<|system|>\nBe brief.\n<|user|>\n")


@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_forms_of_gsm8k(dataset):
    pool = cl.load_pool(dataset("gsm8k_train.jsonl"), columns=GSM8K).iloc[:3000]
    gold = pool.answer.str.replace(",", "").astype(float).to_numpy()
    made = cl.data.to_choice(pool, 4, seed=0)
    numbers = np.array([[float(o.replace(",", "")) for o in options] for options in made.options.tolist()])
    assert ((numbers == gold[:, None]).sum(axis=1) == 1).all()
    options = np.array(made.options.tolist(), object)
    assert max(guessers(options, pool.answer.to_numpy()).values()) <= at_most(4, len(pool))
    binary = cl.data.to_binary(pool, seed=0)
    shown = binary.prompt.str.extract(r"\nSomebody answers: (.*)\nIs that")[0].str.replace(",", "").astype(float)
    assert ((shown.to_numpy() == gold) == (binary.answer == "yes").to_numpy()).all()
    restated = cl.data.restate(pool, seed=0)
    words = [sorted(re.findall(r"\S+", text)) for text in pool.prompt]
    framed = restated.prompt.str.contains(r"Work this out: |Here is a task: |\nWhat is the answer\?\Z")
    moved = ~framed.to_numpy()
    assert moved.mean() > 0.8
    now = [sorted(re.findall(r"\S+", text)) for text in restated.prompt]
    assert all(a == b for a, b, one in zip(now, words, moved, strict=True) if one)
    assert restated.prompt[moved].str.match(r"[^?]*\?").mean() > 0.95  # some ask by an imperative
