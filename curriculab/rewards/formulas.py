"""The formula that a sentence comes to.  `formula_meant("So d = 5*sqrt(2), or about 7.07.")` is "d = 5*sqrt(2)".

Also here: formulas as they are typed, as LaTeX; inequalities as intervals; "x = 2 and y = 5" as (2, 5).
"""

from __future__ import annotations

import re

from curriculab.rewards.plain import ascii_signs
from curriculab.rewards.unmarked import BOLD, NOTE, POLITE, SENTENCE

LONGEST = 512  # characters at the end of a text that are read
FUNCTIONS = frozenset(
    "sqrt sin cos tan cot sec csc ln log exp pi arcsin arccos arctan asin acos atan sinh cosh tanh inf infinity".split()
)
DISPLAYED = re.compile(r"\$\$[^$]{1,400}\$\$|\\\[[^\[\]]{1,400}\\\]")
SIGNS = re.compile(r"[\d=<>≤≥√π∞\\^]|\binfinity\b")
# What comes behind a formula and says it again, or what it holds for.
AGAIN = re.compile(
    r"(?:[,;]\s{0,3}|\s{1,3}(?=or\b|which\b|that\b))(?:or|which is|that is|i\.e\.|so)?[, ]{0,3}"
    r"(?:about|approximately|roughly|around|approx\.?)\s|,\s{0,3}(?:or|that is|i\.e\.|which is)\b[,\s]{1,3}(?=[\d≈~])"
    r"|\s{0,3}(?:≈|\\approx)|\s{1,3}\((?=about|approx|roughly|around|nearly|≈|~|or\s|i\.e|which|that|since|because|where|with|for\s|in\s)"
    r"|,?\s{1,3}(?:with|where|because|since|as|for (?:all|any|every|some))\s",
    re.IGNORECASE,
)
DENIES = re.compile(r"\b(?:not|never|either|neither|maybe|perhaps|possibly|unsure|cannot)\b|n't\b", re.IGNORECASE)
INLINE = re.compile(r"(?<!\\)\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
NO_UNIT = frozenset(
    "is are was be equals of not unknown the by to and or above below positive negative real even odd".split()
)
UNIT_WORD = re.compile(r"\(?[A-Za-z]{2,15}(?:[²³]|\^\{?[23]\}?)?\)?[.,;:!]*")


def formula_meant(said: str) -> str | None:
    """The formula at the end of the last sentence that has one; None where it is denied or left open, or none is."""
    text = DISPLAYED.sub(lambda m: " ".join(m[0].split()), said[-LONGEST:])
    for sentence in reversed([s for s in SENTENCE.split(text) if s.strip()]):
        if NOTE.match(sentence) or POLITE.match(sentence) or sentence.rstrip().endswith("?"):
            continue
        if SIGNS.search(sentence):
            return _of_sentence(BOLD.sub(r"\1\2", sentence))
    return None


def _of_sentence(sentence: str) -> str | None:
    again = AGAIN.search(sentence, 1)
    while again is not None and SIGNS.search(sentence[: again.start()]) is None:
        again = AGAIN.search(sentence, again.end())
    if again is not None:
        sentence = sentence[: again.start()]
    if DENIES.search(INLINE.sub(" ", sentence)):
        return None
    inline = [next(filter(None, m.groups())) for m in INLINE.finditer(sentence)]
    if not inline:
        return _typed(sentence)
    if len(inline) > 1 and re.fullmatch(r"\s*,?\s*(or|and)\s*", _between(sentence)):
        return f"{inline[-2]} {_between(sentence).strip(' ,')} {inline[-1]}"
    return inline[-1].strip()


def _between(sentence: str) -> str:
    """What stands between the last two formulas of a sentence."""
    found = list(INLINE.finditer(sentence))
    return sentence[found[-2].end() : found[-1].start()]


def _typed(sentence: str) -> str | None:
    """The run of a formula's signs at the end of a sentence, its units left out."""
    pieces = sentence.replace("`", "").split()
    for _ in range(3):
        if pieces and pieces[-1].strip(",.").lower() in NO_UNIT:
            return None
        if pieces and UNIT_WORD.fullmatch(pieces[-1]) and pieces[-1].strip("().,").lower() not in FUNCTIONS:
            pieces.pop()
    first = len(pieces)
    while first and _of_formula(pieces[first - 1]):
        first -= 1
    while first < len(pieces) and pieces[first].lower().strip(",") in ("a", "i", "or", "and", "=", ":", "-"):
        first += 1
    return " ".join(pieces[first:]).strip(" .,;:*$") or None


def _of_formula(piece: str) -> bool:
    words = [word.lower() for word in WORD.findall(piece)]
    return not piece.endswith(":") and all(word in FUNCTIONS or word in ("or", "and") for word in words)


ALL_REAL = re.compile(
    r"all real (?:numbers|values)(?: of [a-z])?"
    r"(?:,? (?:except|other than|but)(?: for)? (?:[a-z] ?= ?)?(?P<without>-?[\d./]+))?",
    re.IGNORECASE,
)


def all_reals(said: str) -> str | None:
    """The set that "all real numbers", perhaps "except 2", names at the end of a text; None where it names none."""
    found = next(reversed(list(ALL_REAL.finditer(said[-LONGEST:]))), None)
    if found is None or DENIES.search(said[-LONGEST:][: found.start()].rsplit(".", 1)[-1]):
        return None
    without = (found["without"] or "").rstrip(".")
    return rf"(-\infty,{without})\cup({without},\infty)" if without else r"(-\infty,\infty)"


def right_side(formula: str) -> str:
    """What stands behind the last "=" of a formula."""
    return formula.rsplit("=", 1)[1] if "=" in formula and not re.search(r"[<>!≤≥]=", formula) else formula


# -- as they are typed ------------------------------------------------------------------------------------------------
TYPED_ROOT = re.compile(r"(?<![\\A-Za-z])sqrt\s*(?:\(([^()]*)\)|(\d+|[a-z](?![a-z])))")
TYPED_NAME = re.compile(
    r"(?<![\\A-Za-z])(sin|cos|tan|cot|sec|csc|ln|log|"
    r"exp|arcsin|arccos|arctan|pi|infinity)(?![A-Za-z])"
)
TYPED_POWER = re.compile(r"\^\s*(?:(-?\d{1,6}|-[a-z])(?![}\d])|\(([^()]{1,40})\))")
TYPED_FRACTION = re.compile(r"(?<![\w.}])\(?(\d{1,9})/(\d{1,9})(?:\)\s*|\s+)(?=[a-z](?![a-z]))")
RELATION = (("<=", r"\le "), (">=", r"\ge "), ("!=", r"\ne "))


def typed(text: str) -> str:
    """A formula as it is typed, such as "5*sqrt(2)" or "x^-2", as LaTeX; what is LaTeX already stays."""
    if "sqrt" in text:
        text = TYPED_ROOT.sub(lambda m: r"\sqrt{" + (m[1] or m[2]) + "}", text)
    if "^" in text:
        text = TYPED_POWER.sub(lambda m: "^{" + (m[1] or m[2]) + "}", text)
    text = TYPED_NAME.sub(lambda m: "\\" + {"infinity": "infty"}.get(m[1], m[1]) + " ", text)
    text = TYPED_FRACTION.sub(r"\\frac{\1}{\2} ", text)
    for sign, command in RELATION:
        text = text.replace(sign, command)
    return re.sub(r"(?<=[\w)}])\s*\*\s*(?=[\w(\\])", r" \\cdot ", text)


# -- inequalities and values of several unknowns -----------------------------------------------------------------------
NUMBER = r"(?:[-+]?(?:[\d.]+|\\infty|\\pi|\\sqrt\{?\d+\}?|\\frac\{-?[^{}]*\}\{[^{}]*\}|[\d.]+/\d+|[\d.]*\\sqrt\{\d+\}))"
ATOM = re.compile(
    rf"(?:(?P<left>{NUMBER})(?P<first>[<>]=?))?(?P<name>[A-Za-z])(?:(?P<second>[<>]=?|!=)(?P<right>{NUMBER}))?"
)
TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
SIGN = {
    r"\leq": "<=", r"\le": "<=", r"\geq": ">=", r"\ge": ">=", r"\lt": "<", r"\gt": ">", r"\neq": "!=", r"\ne": "!=",
    "≤": "<=", "≥": ">=", "≠": "!=", "∞": r"\infty", "√": r"\sqrt", "π": r"\pi",
}  # fmt: skip
OR = re.compile(r",?\s*(?:\\(?:text|mathrm)\s*\{\s*or\s*\}|\bor\b|\\lor|∨|\\cup|∪)\s*", re.IGNORECASE)
AND = re.compile(r",?\s*(?:\\(?:text|mathrm)\s*\{\s*and\s*\}|\band\b|\\land|∧)\s*", re.IGNORECASE)
VALUE = re.compile(r"([A-Za-z])\s*=\s*([^=,;]+)")
NEXT_VALUE = re.compile(r"\s*(?:[,;]\s*(?:and\b)?|\band\b|\\text\{\s*and\s*\}|\\quad)\s*", re.IGNORECASE)


def intervals(text: str) -> str | None:
    """Inequalities for one unknown as a union of intervals in LaTeX; None for anything else.

    "x < -1 or x > 4" is (-\\infty,-1)\\cup(4,\\infty), and "x > 2 and x < 5" is (2,5).
    """
    if len(text) > LONGEST or not re.search(r"[<>≤≥≠]|\\[lgn]|!=", text):
        return None
    text = ascii_signs(text.replace("$", ""))
    for sign, plain in SIGN.items():
        text = text.replace(sign, plain)
    found: list[str] = []
    names: set[str] = set()
    for part in OR.split(text):
        part = _interval([p.replace(" ", "") for p in AND.split(part.strip(" .,;"))], names)
        if part is None:
            return None
        found.append(part)
    return r"\cup".join(found) if len(names) == 1 else None


def _interval(atoms: list[str], names: set[str]) -> str | None:
    low, high = (r"(-\infty", r"\infty)")
    for atom in atoms:
        found = ATOM.fullmatch(atom)
        if found is None or not (found["first"] or found["second"]):
            return None
        names.add(found["name"])
        if found["second"] == "!=":
            return rf"(-\infty,{found['right']})\cup({found['right']},\infty)" if len(atoms) == 1 else None
        bounds = [(TURNED[found["first"]], found["left"])] if found["first"] else []
        bounds += [(found["second"], found["right"])] if found["second"] else []
        for sign, value in bounds:
            if sign[0] == ">":
                low = ("[" if sign == ">=" else "(") + value
            else:
                high = value + ("]" if sign == "<=" else ")")
    return f"{low},{high}"


def values(text: str) -> str | None:
    """Values of several unknowns as a tuple, by the alphabet: "y = 5, x = 2" is (2,5); None for anything else."""
    pieces = [p for p in NEXT_VALUE.split(text.replace("$", "").strip(" .")) if p]
    found = [VALUE.fullmatch(p.strip()) for p in pieces]
    if len(found) < 2 or len(found) > 6 or None in found:
        return None
    known = {m[1]: m[2].strip() for m in found}
    return "(" + ",".join(known[name] for name in sorted(known)) + ")" if len(known) == len(found) else None
