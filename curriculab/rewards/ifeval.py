"""The rules of IFEval that plain text decides: 20 of its 25 instruction ids.

{"rule": "keywords:frequency", "keyword": "war", "frequency": 8, "relation": "at least"}

Zhou et al. 2023, "Instruction-Following Evaluation for Large Language Models", arXiv 2311.07911; what each id counts is
what google-research/instruction_following_eval counts. Three things differ. Key words, section marks and endings are
taken as they stand, where the released checkers read them as regular expressions. A "*" with nothing behind it in its
line is no bullet point. Thoughts before "</think>" and blanks around a text are cut before any check, the strict one
too, which there has the response as it is.
"""

from __future__ import annotations

import json
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

RELATIONS = {"less than": operator.lt, "at least": operator.ge}
OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")  # of "constrained_response"
POSTSCRIPTS = {"P.P.S": re.compile(r"p\.\s?p\.\s?s"), "P.S.": re.compile(r"p\.\s?s\.")}
WORD = re.compile(r"\w+")
FENCES = ("```json", "```Json", "```JSON", "```")


def _compared(count: int, relation: str, number: int) -> bool:
    if relation not in RELATIONS:
        raise ValueError(f"the relation {relation!r} is unknown; give {' or '.join(map(repr, RELATIONS))}")
    return RELATIONS[relation](count, number)


# -- keywords ---------------------------------------------------------------------------------------------------------
def existence(text: str, keywords: list) -> bool:
    low = text.lower()
    return all(str(word).lower() in low for word in keywords)


def frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    return _compared(text.lower().count(keyword.strip().lower()), relation, frequency)


def forbidden_words(text: str, forbidden_words: list) -> bool:
    return not any(re.search(rf"\b{re.escape(str(word))}\b", text, re.IGNORECASE) for word in forbidden_words)


def letter_frequency(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return _compared(Counter(text.lower())[letter.strip().lower()], let_relation, let_frequency)


# -- lengths ----------------------------------------------------------------------------------------------------------
def number_words(text: str, num_words: int, relation: str) -> bool:
    return _compared(len(WORD.findall(text)), relation, num_words)


def number_paragraphs(text: str, num_paragraphs: int) -> bool:
    """Between dividers "***"; an empty one is left out at either end, and wrong between others."""
    parts = [bool(part.strip()) for part in text.split("***")]
    return all(parts[1:-1]) and sum(parts) == num_paragraphs


def nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Between empty lines; the first word ends at a punctuation mark."""
    parts = text.split("\n\n")
    count = sum(bool(part.strip()) for part in parts)
    if count != num_paragraphs or not 1 <= nth_paragraph <= count or not parts[nth_paragraph - 1].strip():
        return False
    first = parts[nth_paragraph - 1].split(maxsplit=1)[0].lstrip("'").lstrip('"')
    return re.split(r"[.,?!'\"]", first, maxsplit=1)[0].lower() == first_word.lower()


# -- content and format -----------------------------------------------------------------------------------------------
def number_placeholders(text: str, num_placeholders: int) -> bool:
    """Square brackets that close in their line."""
    return sum(_brackets(line) for line in text.split("\n")) >= num_placeholders


def _brackets(line: str) -> int:
    found, start = 0, line.find("[")
    while start >= 0:
        close = line.find("]", start)
        if close < 0:
            break
        found, start = found + 1, line.find("[", close)
    return found


def postscript(text: str, postscript_marker: str) -> bool:
    marker, low = postscript_marker.strip(), text.lower()
    known = POSTSCRIPTS.get(marker)
    return bool(known.search(low)) if known else marker.lower() in low


def number_bullet_lists(text: str, num_bullets: int) -> bool:
    """Lines that begin with "-", or with one "*" and something behind it."""
    begun = [line.lstrip() for line in text.split("\n")]
    stars = sum(line.startswith("*") and len(line) > 1 and line[1] != "*" for line in begun)
    return stars + sum(line.startswith("-") for line in begun) == num_bullets


def constrained_response(text: str) -> bool:
    return any(option in text for option in OPTIONS)


def number_highlighted_sections(text: str, num_highlights: int) -> bool:
    """Stretches of a line between two "*", and those between two "**"; blank ones do not count."""
    return sum(_between(line, "*") + _between(line, "**") for line in text.split("\n")) >= num_highlights


def _between(line: str, mark: str) -> int:
    """Stretches without "*" between two marks, one after another."""
    found, start = 0, line.find(mark)
    while start >= 0:
        inside = start + len(mark)
        close = line.find("*", inside)
        if close < 0:
            break
        if line.startswith(mark, close):
            found, start = found + bool(line[inside:close].strip()), line.find(mark, close + len(mark))
        else:
            start = line.find(mark, start + 1)
    return found


def multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d+", text)) >= num_sections


def json_format(text: str) -> bool:
    """JSON, also between fences of Markdown."""
    inner = text.strip()
    for fence in FENCES:
        inner = inner.removeprefix(fence)
    try:
        json.loads(inner.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(text: str) -> bool:
    """A line with <<something>>."""
    return any(_titled(text))


def _titled(text: str) -> Iterator[bool]:
    for line in text.split("\n"):
        start, close = line.find("<<"), line.rfind(">>")
        if 0 <= start < close - 2:
            yield bool(line[start : close + 2].lstrip("<").rstrip(">").strip())


# -- combination, case, beginning and end -----------------------------------------------------------------------------
def two_responses(text: str) -> bool:
    """Two different ones with "******" between; an empty one is left out at either end, and wrong between others."""
    parts = [part.strip() for part in text.split("******")]
    said = [part for part in parts if part]
    return all(parts[1:-1]) and len(said) == 2 and said[0] != said[1]


def repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def end_checker(text: str, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def quotation(text: str) -> bool:
    said = text.strip()
    return len(said) > 1 and said[0] == said[-1] == '"'


def no_comma(text: str) -> bool:
    return "," not in text


GROUPS = {
    "keywords": (existence, frequency, forbidden_words, letter_frequency),
    "length_constraints": (number_words, number_paragraphs, nth_paragraph_first_word),
    "detectable_content": (number_placeholders, postscript),
    "detectable_format": (
        *(number_bullet_lists, constrained_response, number_highlighted_sections, multiple_sections),
        *(json_format, title),
    ),
    "combination": (two_responses, repeat_prompt),
    "startend": (end_checker, quotation),
    "punctuation": (no_comma,),
}
RULES: Mapping[str, Callable[..., bool]] = {
    f"{group}:{rule.__name__}": rule for group, rules in GROUPS.items() for rule in rules
}
