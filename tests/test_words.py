"""Plain words of the field: expressions that only this project used stay out of code and prose."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What was written, and what to write instead.
WORDS = {
    r"in your hands": "you can pause, stop, change or fork a variant while it trains",
    r"without hands": "replays the recorded interventions",
    r"to the bit": "bit-identical",
    r"taken up together": "resume the same set of runs",
    r"made good": "retrained",
    r"liars?": "permuted feedback",
    r"deceived?": "permuted feedback",
    r"curricul(um|a) that listens?": "an adaptive (online) curriculum",
    r"_Nobody": "NoModel",
    r"Untrue": "SanityCheckError",
    r"Heard": "Trace",
    r"TRAVELS": "HASHED_COLUMNS",
    r"DECIDES": "HASHED_MODULES",
    r"MATTERS": "HASHED_PACKAGES",
    r"BEHIND": "MAX_CONTINUATION_TOKENS",
}
# How often they stand somewhere still; these numbers may only shrink.
STILL = Counter(
    {
        "to the bit": 1,
        r"curricul(um|a) that listens?": 1,  # the question of a recorded experiment
    }
)

# Identifiers that only this project used, and what to write instead.
IDENTIFIERS = {
    "exam": "evaluation",
    "exams": "evaluations",
    "sat": "evaluations_done",
    "hand_in": "finish",
    "born": "new_ids",
    "idle": "idle_turns",
    "Ticket": "Ask",
    "ticket": "ask",
    "Asked": "RunSet",
    "train_held": "train_locked",
    "Drive": "TrainingSession",
    "Live": "BackgroundRun",
    "truthful": "true_columns",
    "heat": "temperature",
    "SO_FAR": "CUMULATIVE",
    "READ": "SAMPLES_KEPT",
    "Cast": "ModelRoles",
    "Together": "BatchedMeasures",
    "Shared": "SharedRequest",
    "_witness": "Trace",
}

# Names that say nothing of what they hold, in the packages that a paper's reader looks into, and what to write instead.
VAGUE = {
    "said": "caption, sentence, text",
    "told": "caption, info, hover",
    "asked": "setup, variants, arguments",
}
WITHOUT_VAGUE_NAMES = ("statistics", "figures", "paper")

# Arguments and settings of public functions and classes, and what to write instead.
ARGUMENTS = {
    "others": "reference_models",
    "gold": "with_answers",
    "work": "max_total_tokens",
    "longest": "max_completion_length, where it is the length of an answer",
}
# Where they mean something else.
MEANT = {
    "widgets/debounce.py: Debounced(work=)",  # what is to be done
    "methods/order/spaced_repetition.py: spaced_repetition(longest=)",  # a delay
    "methods/online/gain_rl.py: gain_rl(longest=)",  # a step
    "methods/reward/vl_cogito.py: vl_cogito(longest=)",  # a target of the reward
    "methods/reward/vl_cogito.py: length_reward(longest=)",
    "paper/reproduce.py: Experiment(longest=)",  # rows that are taken
}
# How former names of arguments and functions are written where they are used.
FORMER = [
    r"\bBudget\([^()]*\bwork=",
    r"\bUse\([^()]*\bgold=",
    r"\b(Bench|backend)\([^()]*\bothers=",
    r"\bScheduler\([^()]*\blongest=",
    r"\bcl\.(after|steps)\b",
]


def texts() -> list[str]:
    files = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "Makefile", *(ROOT / "curriculab").rglob("*.py")]
    files += [*(ROOT / "docs").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    return [path.read_text() for path in files]


def occurrences(written: list[str]) -> Counter[str]:
    """How often each of the words stands in these texts."""
    return +Counter({word: sum(len(re.findall(rf"\b{word}\b", text)) for text in written) for word in WORDS})


def test_private_words_are_not_written() -> None:
    found = occurrences(texts()) - STILL
    assert found == Counter(), {word: WORDS[word] for word in found}


@pytest.mark.parametrize("text", ["training stays in your hands", "class Untrue(Error):", "equal to the bit."])
def test_a_private_word_is_found(text: str) -> None:
    assert occurrences([text]).total() == 1


def identifiers(text: str) -> set[str]:
    """The names in a module's code, not those in its texts and comments."""
    return {
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.NAME
    }


def test_private_names_are_not_written() -> None:
    found = {}
    for path in sorted((ROOT / "curriculab").rglob("*.py")):
        for name in identifiers(path.read_text()) & IDENTIFIERS.keys():
            found[f"{path.relative_to(ROOT)}: {name}"] = IDENTIFIERS[name]
    assert found == {}


def test_a_private_name_is_found() -> None:
    assert identifiers("def hand_in(exam): return 'heat'  # idle") & IDENTIFIERS.keys() == {"hand_in", "exam"}


def names_and_columns(text: str) -> set[str]:
    """Variables, parameters, functions and attributes of a module, and texts of one word, such as names of columns."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        for field in ("id", "arg", "attr", "name", "value"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                found.add(value.strip("_"))
    return found


def test_vague_names_are_not_written() -> None:
    found = {}
    for package in WITHOUT_VAGUE_NAMES:
        for path in sorted((ROOT / "curriculab" / package).rglob("*.py")):
            for name in names_and_columns(path.read_text()) & VAGUE.keys():
                found[f"{path.relative_to(ROOT)}: {name}"] = VAGUE[name]
    assert found == {}


@pytest.mark.parametrize(
    "code",
    ["said = 1", "f'{told}'", "def _asked(): ...", "table['asked']", "row.said", "draw(told=1)", "lambda said: 1"],
)
def test_a_vague_name_is_found(code: str) -> None:
    assert names_and_columns(code) & VAGUE.keys()


def arguments(text: str) -> set[str]:
    """Arguments of public functions, and fields of public classes: ``name(argument=)``."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        name = getattr(node, "name", None)
        if not isinstance(name, str) or name.startswith("_"):
            continue
        if isinstance(node, ast.FunctionDef):
            found |= {f"{name}({a.arg}=)" for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
        elif isinstance(node, ast.ClassDef):
            fields = [part.target for part in node.body if isinstance(part, ast.AnnAssign)]
            made = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
            given = [a.arg for part in made for a in (*part.args.args, *part.args.kwonlyargs)]
            found |= {f"{name}({argument}=)" for argument in (*given, *(f.id for f in fields))}
    return found


def test_former_arguments_are_not_written() -> None:
    found = {}
    for path in sorted((ROOT / "curriculab").rglob("*.py")):
        for argument in arguments(path.read_text()):
            name, place = argument.partition("(")[2][:-2], f"{path.relative_to(ROOT / 'curriculab')}: {argument}"
            if name in ARGUMENTS and place not in MEANT:
                found[place] = ARGUMENTS[name]
    assert found == {}


def test_former_names_are_not_used() -> None:
    written = [text for text in texts() if not text.startswith("# Changelog")]  # which says what was renamed
    found = [match[0] for text in written for pattern in FORMER for match in re.finditer(pattern, text)]
    assert found == []


@pytest.mark.parametrize(
    "code", ["def f(a, *, others=None): ...", "class C:\n    gold: bool", "class C:\n    def __init__(self, work): ..."]
)
def test_a_former_argument_is_found(code: str) -> None:
    assert {a.partition("(")[2][:-2] for a in arguments(code)} & ARGUMENTS.keys()
