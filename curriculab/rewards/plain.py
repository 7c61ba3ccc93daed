"""LaTeX, Markdown and Unicode as plain characters.  `plain(r"\\text{so }\\$10\\,000") -> "so  $10 000"`, a thin space.

What stays is read as numbers (quantities.py), as words (`words`), or by the mathematical judge (`latex`).
"""

from __future__ import annotations

import re

THIN = "\u2009"  # stands for every space that may group digits: \\, \\; ~ and Unicode's own

SIGNS = {
    "\u2212": "-",  # minus
    "\u2013": "-",  # en dash
    "\u2014": " - ",  # em dash, which parts clauses
    "\u2010": "-",
    "\u2011": "-",
    "\ufe63": "-",
    "\u00a0": THIN,
    "\u202f": THIN,
    "\u2007": THIN,
    "\u2002": " ",
    "\u2003": " ",
    "\u3000": " ",
    "\u2044": "/",
    "\u2215": "/",
    "\u00f7": "/",
    "\u3002": ". ",
    "\u2032": "'",
    "\u2019": "'",
    "\u2018": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u3001": ", ",
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u00ad\u202a\u202c\u202e\u2061\u2062", ""),
    **{chr(0xFF01 + i): chr(0x21 + i) for i in range(94)},  # full-width forms
}
FRACTIONS = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8", "⅐": "1/7", "⅑": "1/9", "⅒": "1/10",
}  # fmt: skip
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n", strict=True))
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))

TABLE = str.maketrans(SIGNS)
ONE_FRACTION = re.compile("[" + "".join(FRACTIONS) + "]")
RAISED_RUN = re.compile("[" + "".join(RAISED) + "]+")
LOWERED_RUN = re.compile("[" + "".join(LOWERED) + "]+")
DECIMAL_DIGIT = re.compile(r"[^\x00-\x7f]")

WRAPPED = re.compile(
    r"\\(?:text|textbf|textit|textrm|texttt|textsf|mathrm|mathbf|mathit|mathsf|mathtt|bm|boldsymbol|emph|underline|"
    r"operatorname|mbox|hbox|fbox|boxed)\s*\{([^{}]*)\}"
)
NOTHING = re.compile(
    r"\\(?:left|right|displaystyle|textstyle|limits|bigg?|Bigg?|big|Big|bf|rm|it|tt)(?![A-Za-z])|\\[()\[\]!]|\$"
)
THIN_SPACE = re.compile(r"\\[,;: ]|~|\\(?:quad|qquad|thinspace|enspace)(?![A-Za-z])")
PRODUCT = re.compile(r"\\(?:times|cdot|ast)(?![A-Za-z])")
DEGREES = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])")
FRACTION = re.compile(
    r"\\[dtc]?frac\s*(?:\{\s*([-+]?)\s*(\d{1,400})\s*\}|(\d))\s*(?:\{\s*([-+]?)\s*(\d{1,400})\s*\}|(\d))"
)
GROUP_COMMA = re.compile(r"\{,\}|,\s?\\!\s*")
RAISED_WORD = re.compile(r"\^\s*\{?\s*(st|nd|rd|th)\b\s*\}?")
UNIT_POWER = re.compile(
    r"(?<![A-Za-z])(mm|cm|km|m|in|ft|yd|mi|feet|inches|meters|metres|miles|units?)\s?\^\s?\{?([23])\}?"
)
BRACED = re.compile(r"(?<![\^_A-Za-z}])\{([^{}]*)\}")


def ascii_signs(text: str) -> str:
    """Unicode forms of digits, signs, spaces and fractions as the plain ones; nothing that is ASCII changes."""
    if text.isascii():
        return text
    text = text.translate(TABLE)
    text = ONE_FRACTION.sub(lambda m: _beside(m, FRACTIONS[m[0]]), text)
    text = RAISED_RUN.sub(lambda m: "^{" + "".join(RAISED[c] for c in m[0]) + "}", text)
    text = LOWERED_RUN.sub(lambda m: "_{" + "".join(LOWERED[c] for c in m[0]) + "}", text)
    text = text.replace("°", r"^\circ ").replace("×", r"\times ").replace("·", r"\cdot ")
    return DECIMAL_DIGIT.sub(_decimal_digit, text)


def _decimal_digit(found: re.Match[str]) -> str:
    """Digits of other scripts, such as Arabic ones; int() reads them all."""
    return str(int(found[0])) if found[0].isdecimal() else found[0]


def _beside(found: re.Match[str], fraction: str) -> str:
    """A fraction that follows a digit makes a mixed number with it."""
    before = found.string[found.start() - 1 : found.start()]
    after = found.string[found.end() : found.end() + 1]
    return (" " if before.isdigit() else "") + fraction + (" " if after.isdigit() else "")


def plain(text: str) -> str:
    """Wrappers of LaTeX gone, its spaces, signs and fractions of whole numbers as plain characters.

    A command that is none of these keeps its backslash, by which a reader sees that there is more than a number.
    """
    text = ascii_signs(text)
    if "\\" in text or "$" in text or "{" in text or "~" in text:
        text = DEGREES.sub(" degrees ", GROUP_COMMA.sub(",", text.replace("\\$", "$").replace("\\%", "%")))
        text = text.replace("\\\\", " ") if text.rstrip(" }").endswith("\\\\") else text
        for _ in range(3):  # wrappers within wrappers; deeper ones are not plain
            if "{" not in text:
                break
            text = WRAPPED.sub(r" \1 ", text)
        text = THIN_SPACE.sub(THIN, text)
        text = PRODUCT.sub("×", text)
        text = text.replace("\\approx", "=").replace("\\equiv", "=")
        text = FRACTION.sub(_fraction, text)
        text = RAISED_WORD.sub(r"\1", NOTHING.sub("", text))
        for _ in range(3):
            if "{" not in text:
                break
            text = BRACED.sub(r"\1", text)
    if "^" in text:
        text = UNIT_POWER.sub(lambda m: m[1] + "²³"[int(m[2]) - 2], text)  # so that "cm^2" holds no number
    return text


def _fraction(found: re.Match[str]) -> str:
    """\\frac{-5}{6} as -5/6, parted by a blank from a digit before it, with which it makes a mixed number."""
    top, bottom = found[2] or found[3], found[5] or found[6]
    minus = (found[1] == "-") != (found[4] == "-")
    before = found.string[: found.start()].rstrip(" " + THIN)[-1:]
    return (" " if before.isdigit() else "") + ("-" if minus else "") + f"{top}/{bottom}"


FRAME = " \t\n\r.,;:!?*_`\"'$<>|~" + THIN
ARTICLE = re.compile(r"\A(?:the|an?)\s+(?=\S)")


def words(text: str) -> str:
    """An answer in words, without case, Markdown, LaTeX wrappers, punctuation around it and its article."""
    text = " ".join(plain(text).replace(THIN, " ").replace("**", "").split()).strip(FRAME)
    if text.startswith("(") and text.endswith(")") and text.count("(") == 1:
        text = text[1:-1].strip(FRAME)
    return ARTICLE.sub("", text.casefold(), count=1) if len(text) > 2 else text.casefold()


UNICODE_LATEX = {
    "π": r"\pi ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∪": r"\cup ", "∩": r"\cap ",
    "∈": r"\in ", "±": r"\pm ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "λ": r"\lambda ", "∅": r"\emptyset ",
    "ℝ": r"\mathbb{R}", "≈": r"\approx ", "−": "-", "∘": r"\circ ", "√": r"\sqrt ", "ℤ": r"\mathbb{Z}",
}  # fmt: skip
ROOT = re.compile(r"√\s*(?:\(([^()]*)\)|(\d+|[A-Za-zπ]))")
STUCK_ROOT = re.compile(r"\\sqrt\s*(\d{2,})")
UPRIGHT = re.compile(r"\\(?:mathrm|text|mathit)\s*\{\s*([A-Za-z])\s*\}")  # one letter is a constant or a variable


def latex(text: str) -> str:
    """Unicode's mathematical signs as LaTeX, for the mathematical judge."""
    if not text.isascii():
        text = ROOT.sub(lambda m: r"\sqrt{" + (m[1] or m[2]) + "}", text)
        text = ascii_signs(text)
        for sign, command in UNICODE_LATEX.items():
            text = text.replace(sign, command)
        text = text.replace(THIN, " ")
    text = UPRIGHT.sub(r" \1 ", text.replace(r"\displaystyle", "").replace(r"\varnothing", r"\emptyset"))
    return text.replace("\\!", "")
