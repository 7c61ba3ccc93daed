"""Mathematical answers: as a number, else as LaTeX through math-verify, in a process of its own."""

from __future__ import annotations

import re
from functools import lru_cache

from curriculab.rewards.answers import LONGEST, marked_answer, nesting
from curriculab.rewards.cutoffs import DEEPEST, cut_off, judged
from curriculab.rewards.formulas import all_reals, formula_meant, intervals, right_side, typed, values
from curriculab.rewards.golds import kind_of
from curriculab.rewards.meaning import CLAUSE, DENIED, SENTENCE, coefficients, number_meant, plainly_same
from curriculab.rewards.plain import latex, plain
from curriculab.rewards.quantities import UNITS, quantity
from curriculab.rewards.registry import Reference, verifier
from curriculab.rewards.verifiers.words import same_text

FORMULA = re.compile(r"[\\^=_{!]|\$[^$]+\$|[-+*/]\s*\w|√|π|²|³")  # what math-verify may read as more than prose
DOTS = re.compile(r"\\[lc]?dots|…|\.\.\.")
SPACED = re.compile(r"\s|\\[,;:! ]|\\left(?![A-Za-z])|\\right(?![A-Za-z])|\\displaystyle|\$|~")
SPLIT_DIGITS = re.compile(r"(?<=\d)\s+(?=\d)")
DEGREES_OF = re.compile(r"\\(sin|cos|tan|cot|sec|csc)\s*[({]?\s*(\d+)\s*\^\s*\{?\s*\\circ\s*\}?\s*[)}]?")
IMAGINARY = re.compile(r"(?<=[\d)}])i(?![A-Za-z])")  # math-verify takes the i of "2i" for a variable
CLOCK = re.compile(r"(\d{1,2}):(\d\d)\s*(?:([ap])\.?\s?m\.?)?", re.IGNORECASE)
IN_BASE = re.compile(r"([0-9A-Za-z]+)_\{?(\d\d?)\}?")
UNIT = re.compile(  # behind a formula: "\\text{ cm}^2", or a word of more than one letter
    r"(?<=[\w})!\]])[ ~\\,;]*(?:\\(?:text|mathrm|textrm|mbox)\s*\{([~\s\\A-Za-z.]{2,30})\}|\s([A-Za-z]{2,12}))"
    r"\s*(?:\^\s*\{?([23])\}?)?[\s.$]*\Z"
)
REALS = re.compile(r"(?:[a-z]\s*\\in\s*)?(?:\\mathbb\s*\{?\s*R\s*\}?|ℝ|\\text\{\s*all real numbers\s*\})")
TUPLE = re.compile(r"(?:\\left)?\(.*,.*\)")
JOINED = re.compile(r"\b(?:or|and)\b")
PAIRED = re.compile(r"\$[^$]*[\\^_=+*/a-zA-Z{][^$]*\$|\$[^$\s]+\$|\\\(|\\\[")


@verifier("math")
def math(text: str, reference: Reference) -> float:
    """1 for the same value; numbers are compared here, exactly, everything else by math-verify."""
    gold = reference.plain
    said, mark = marked_answer(text)
    if mark == "" and len(said) > LONGEST:
        said, cut = said[-LONGEST:], quantity(gold) is None
    else:
        cut = False
    if said == gold:
        return 1.0
    if (same := plainly_same(said, mark, gold)) is not None:
        return float(same)
    if formula(said) == formula(gold):
        return 1.0
    if not said.strip() or (mark and DENIED.match(said)):
        return 0.0
    target = quantity(gold)
    if target is not None:
        meant = number_meant(said, mark)
        if meant is not None:
            return float(target.same(meant))
        if coefficients(said) or (mark != "box" and not FORMULA.search(said)):
            return 0.0
    elif kind_of(gold) == "text" and same_text(gold, said, mark):
        return 1.0
    hour, right_hour = clock_time(said), clock_time(gold)
    if hour and right_hour:
        return float(hour[:2] == right_hour[:2] and (hour[2] == right_hour[2] or "" in (hour[2], right_hour[2])))
    if in_base(gold) or in_base(said):
        return float(in_base(said) is not None and in_base(said) == in_base(gold))
    if DOTS.search(said) or DOTS.search(gold):  # math-verify reads what stands between them as nothing
        return 0.0
    if cut or max(len(gold), len(said)) > LONGEST:
        return cut_off("length")
    if target is None and mark != "box" and in_prose(said, gold):
        return 1.0
    if mark == "line" and not said.lstrip().startswith(("$", "\\")):
        said = CLAUSE.split(SENTENCE.split(said, maxsplit=1)[0], maxsplit=1)[0] if "$" not in said else said
    if max(nesting(said), nesting(gold)) > DEEPEST:
        return cut_off("nesting")
    (said, unit), (gold, wanted) = without_unit(said), without_unit(gold)
    if unit and wanted and unit != wanted:
        return 0.0
    return judged("math", said=for_judge(said), gold=for_judge(gold))


def in_prose(said: str, answer: str) -> bool:
    """Whether the formula that a text in prose comes to is the right one."""
    every = all_reals(said)
    if every is not None:
        whole = r"(-\infty,\infty)" if REALS.fullmatch(answer.strip(" $")) else intervals(answer) or answer
        return every == whole.replace(" ", "")
    meant = formula_meant(said)
    if meant is None or not meant or len(meant) > LONGEST or nesting(meant) > DEEPEST:
        return False
    wanted = intervals(answer) or answer
    if (found := intervals(meant)) is not None:
        return bool(judged("math", said=found, gold=for_judge(wanted)))
    if (found := values(meant)) is not None and (values(answer) or TUPLE.fullmatch(answer.strip(" $"))):
        return bool(judged("math", said=for_judge(found), gold=for_judge(values(answer) or answer)))
    if JOINED.search(meant):
        return False
    meant = meant if "=" in answer else right_side(meant)
    (meant, unit), (answer, wanted) = without_unit(meant), without_unit(answer)
    if not meant.strip() or (unit and wanted and unit != wanted):
        return False
    return formula(meant) == formula(answer) or bool(judged("math", said=for_judge(meant), gold=for_judge(answer)))


@lru_cache(maxsize=4096)
def formula(text: str) -> str:
    """A formula without what does not change it: spaces, the size of brackets and fractions, a full stop behind it."""
    if len(text) > 2 * LONGEST:
        return text
    text = SPACED.sub("", SPLIT_DIGITS.sub("#", latex(text).replace("\\$", "")))
    return text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").rstrip(".,;:*").lstrip("*:")


def clock_time(text: str) -> tuple[int, int, str] | None:
    """Hour, minute and "a" or "p" of a time by the clock."""
    found = CLOCK.fullmatch(plain(text).strip(" \n$.*"))
    return (int(found[1]), int(found[2]), (found[3] or "").lower()) if found else None


@lru_cache(maxsize=4096)
def in_base(text: str) -> tuple[int, int] | None:
    """The value and the base of "1735_8"; None for anything else, and for digits that the base does not have."""
    found = IN_BASE.fullmatch(text.strip(" $."))
    try:
        return (int(found[1], int(found[2])), int(found[2])) if found else None
    except ValueError:
        return -1, int(found[2])


def without_unit(text: str) -> tuple[str, str | None]:
    """A formula without the unit behind it, and the unit's own name with its power, None where it is not known."""
    found = UNIT.search(text)
    if found is None:
        return text, None
    name = (found[1] or found[2]).strip(" ~\\").lower()
    unit = UNITS.get(name) or UNITS.get(name.removesuffix("s"))
    if found[2] and unit is None:
        return text, None
    return text[: found.start()].rstrip(" \\,;~"), unit and unit + (found[3] or "")


def for_judge(text: str) -> str:
    """LaTeX for math-verify: without the dollars of money, and of units that are spelled out."""
    text = (
        DEGREES_OF.sub(r"\\\1(\\frac{\2\\pi}{180})", IMAGINARY.sub(" i", typed(latex(text))))
        .strip()
        .rstrip(".,;")
        .removesuffix("\\\\")
        .strip()
    )
    if not PAIRED.search(text):
        text = text.replace("\\$", "").replace("$", "")
    number = quantity(text)
    if number is not None and not number.percent and number.unit is None:
        value = number.value
        return str(value.numerator) if value.denominator == 1 else plain(text)
    return text
