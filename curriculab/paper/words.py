"""Texts as LaTeX and as Markdown print them: "50% of answer_loss" is `50\\% of answer\\_loss`."""

from __future__ import annotations

import re
import unicodedata

MATH = {
    "†": r"\dagger",
    "‡": r"\ddagger",
    "§": r"\mathsection",
    "¶": r"\mathparagraph",
    "‖": r"\parallel",
    "◇": r"\diamond",
}

SPECIAL = {  # by symbols that LaTeX's first encoding has: others would come as bitmaps, in a font of Type 3
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"$\mathdollar$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\`{}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "ß": r"\ss{}",
    "\u00a0": "~",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "µ": r"$\mu$",
    "°": r"$^\circ$",
    **{mark: f"${math}$" for mark, math in MATH.items()},
}

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi _ pi rho varsigma sigma tau upsilon phi "
    "chi psi omega"
).split()

SPECIAL |= {chr(0x3B1 + i): f"$\\{name}$" for i, name in enumerate(GREEK) if name != "_"}

ACCENTS = {chr(0x300 + i) for i in (0, 1, 2, 3, 4, 6, 7, 8, 10, 11, 12, 39)}  # those that LaTeX's first encoding has


def latex_text(text: object) -> str:
    r"""Write a text so that LaTeX prints it as it stands; what its fonts lack becomes its number, such as [U+4E2D].

    Examples
    --------
    >>> cl.paper.tables.latex_text("50% of answer_loss")
    '50\\% of answer\\_loss'
    """
    plain = " ".join(str(text).split())
    return "".join(SPECIAL.get(c) or (c if _known(c) else f"[U+{ord(c):04X}]") for c in plain)


def _known(character: str) -> bool:
    base, *accents = unicodedata.normalize("NFD", character) if character < "\u0180" else "\0"
    return " " <= base <= "~" and len(accents) <= 1 and set(accents) <= ACCENTS


def markdown_text(text: object) -> str:
    r"""Write a text so that Markdown prints it as it stands, also inside a table.

    Examples
    --------
    >>> print(cl.paper.tables.markdown_text("a|b *c*"))
    a\|b \*c\*
    """
    return re.sub(r"([\\|`*_<>\[\]#])", r"\\\1", " ".join(str(text).split()))
