"""Finding the final answer in a worked text.  `final("5 * 12 = 60\\n#### 60") -> ("60", True)`.

One reading for all tasks. What is thought is left out: all before the last </think>, and all behind a <think> that is
not closed. A new line that begins with "Question:", "Problem:", "Q:" or a new turn ends the text.
Of <answer>, \\boxed{}, "####" and "answer is" or "answer:" the last counts, by its place in the whole text.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from curriculab.rewards.quantities import quantity

LONGEST = 512  # characters of an answer that are looked at, from its end where nothing marks it
NUMBER = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\Z")  # commas between thousands only

NEXT_PROBLEM = re.compile(  # what a model goes on with behind its answer: an example of the prompt's kind, or a turn
    r"\n[ \t]*(?:[#>*_]+[ \t]*)?(?:(?:Question|Problem|Exercise)(?:[ \t]+\d{1,4})?[*_]*[:：]|Q\d{0,3}[*_]*[:：]"
    r"|User[*_]*:|(?:Question|Problem|Exercise)[ \t]+\d{1,4}[*_]*[ \t]*(?:\n|\.[ \t]))"
)
THOUGHT = ("</think>", "</thinking>")
THOUGHT_OPENS = ("<think>", "<thinking>")
VERB = (
    r"(?:is|are|was|equals|(?:would|will|should|must|may|might)\s+be|comes?\s+(?:out\s+)?(?:as|to|at)|came\s+(?:out\s+)?"
    r"(?:as|to|at)|turns?\s+out\s+to\s+be|seems\s+to\s+be|appears\s+to\s+be|becomes)(?![A-Za-z'’])"
)
# Behind "answer": what makes it a mark. The words between are few, so that a search stays linear.
ANSWER = re.compile(
    r"(?:[*_`\"]|\s?\([^()\n]{1,30}\)(?=[^\n]{0,3}(?:is|:)))*"
    r"(?:\s+(?:to|of|for|in)\s[^.:：=\n]{0,80}?)??[*_]*\s*"
    rf"(?:\s*(?:is|was)(?=n['’]t\b)|,?\s*(?:therefore|thus|then|hence|so|finally)?,?\s*{VERB}\s*[:：]?|[:：=]|-{{1,2}}\s|(?=\([A-Za-z]\))|(?=[*_]*\s*\n))",
    re.IGNORECASE,
)
# "The answer is correct": what speaks of an answer and is none.
VERDICT = re.compile(
    r"[\s*_]*(?:also\s+|indeed\s+|therefore\s+|thus\s+|clearly\s+|not\s+)?(?:correct|right|wrong|incorrect|reasonable|"
    r"consistent|valid|sensible|plausible|confirmed|verified|checked|found|obtained|as\s+follows|given\s+(?:by|as|in)|"
    r"shown|above|below|unique)\b(?!\s*[:=]?\s*[\d$\\])",
    re.IGNORECASE,
)
CHECKED = re.compile(
    r"\b(?:check|verif|confirm|test)\w*\s+(?:that\s+|if\s+)?(?:our|the|my|this|your)?\s*(?:final\s+)?a?\Z",
    re.IGNORECASE,
)
HEADING = re.compile(r"[\s#*_>\-]*(?:(?:the|my|our|final|correct|so)\s+)*\Z", re.IGNORECASE)
CHINESE = re.compile(r"答案(?:是|为|為)?\s*[:：]?")
NO_ANSWER_HEAD = re.compile(
    r"[*_ ]*(?:steps?|explanation|solution|notes?|conclusion|summary|verification|check|reason\w*|(?:final )?answer|"
    r"question|problem|given|approach|calculation)\b",
    re.IGNORECASE,
)
FRAMES = re.compile(r"[\s*_`]*(?:\\\[|\$\$|```\w*|\\begin\{(?:align|equation|gather)\*?\})?[\s*_`]*\Z")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
BOX = re.compile(r"\s*(\{|[^\s{}$.,;]+)")
JOINED = re.compile(
    r"[\s$,;.]*(?:,|;|\bor\b|\band\b|\\text\{\s*(?:or|and)\s*\})[\s$,;]*(?:(?:or|and)\b)?[\s$]*"
    r"(?:[A-Za-z](?:_\{?\w\}?)?\s*=\s*)?[\s$]*\Z"
)
MOST_BOXES = 12  # that are read as one list
MOST_LINES = 20  # without an answer that may stand behind a mark, before its line
MARK_WORDS = 8  # earlier "answer"s that are tried when the last one marks nothing


def readable(text: str) -> str:
    """What of a text may hold its answer: no thoughts, and nothing of a next problem."""
    if "think" in text:
        closed = max(text.rfind(mark) + len(mark) if mark in text else 0 for mark in THOUGHT)
        if max(text.rfind(mark) for mark in THOUGHT_OPENS) >= closed:
            return ""
        text = text[closed:]
    if "\n" in text:
        found = NEXT_PROBLEM.search(text)
        while found is not None:
            if text[: found.start()].strip():
                return text[: found.start()]
            found = NEXT_PROBLEM.search(text, found.end())
    return text


def final(text: str) -> tuple[str, bool]:
    """Find the final answer of a worked text.

    Parameters
    ----------
    text : str
        What was written.

    Returns
    -------
    said : str
        What the last mark holds: <answer></answer>, a \\boxed{} (several joined by "or", "and" or a comma: all of
        them), or the line behind "####", "answer is" or "answer:", the next line where nothing stands there. Without a
        mark the whole text.
    marked : bool
        Whether something marks it as the answer.

    Examples
    --------
    >>> cl.rewards.final("5 * 12 = 60\\n#### 60")
    ('60', True)
    >>> cl.rewards.final("It makes 60.")
    ('It makes 60.', False)
    """
    said, mark = marked_answer(text)
    return said, mark != ""


def marked_answer(text: str) -> tuple[str, str]:
    """The final answer and what marks it: "tag", "box", "line", or "" for nothing."""
    if "think" in text or "\n" in text:
        text = readable(text)
    found = _last_mark(text)
    if found is None:
        return text, ""
    said, mark = found
    if mark == "line":
        return found
    inner = _last_mark(said) if len(said) > 5 else None
    if inner is not None and inner[0].strip(" $*_}."):
        return (_balanced(inner[0]), mark if inner[1] == "line" else inner[1])
    return said, mark


def _last_mark(text: str) -> tuple[str, str] | None:
    """The content of the last mark in a text, and its kind."""
    place, said, mark = -1, "", ""
    hashes = text.rfind("####") if "#" in text else -1
    while hashes >= 0 and NO_ANSWER_HEAD.match(text, hashes + 4):
        hashes = text.rfind("####", 0, hashes)
        if hashes < 0 or text.count("####", hashes) > MARK_WORDS:
            hashes = -1
    if hashes >= 0:
        place, said, mark = hashes, _line(text, hashes + 4), "line"
    if "nswer" in text or "NSWER" in text:
        tag = _tag(text)
        if tag is not None and tag[0] > place:
            place, said, mark = tag[0], tag[1], "tag"
        word = _word(text)
        if word is not None and word[0] > place:
            place, said, mark = word[0], _line(text, word[1]), "line"
    if not text.isascii() and "答案" in text:
        at = text.rfind("答案")
        if at > place:
            place, said, mark = at, _line(text, CHINESE.match(text, at).end()), "line"
    if "\\" in text and ("\\boxed" in text or "\\fbox" in text):
        box = _boxes(text)
        if box is not None and box[0] > place:
            place, said, mark = box[0], box[1], "box"
    return None if place < 0 else (said, mark)


def _tag(text: str) -> tuple[int, str] | None:
    if "answer>" not in text:  # found sooner than that a backward search ends
        return None
    closing = text.rfind("</answer>")
    opening = text.rfind("<answer>", 0, closing) if closing >= 0 else -1
    after = text.rfind("<answer>")
    if after > closing:  # not closed: the end of the text closes it
        return len(text), text[after + len("<answer>") :].strip()
    if closing < 0:
        return None
    return closing, text[opening + len("<answer>") if opening >= 0 else 0 : closing].strip()


def _word(text: str) -> tuple[int, int] | None:
    """The last "answer" that marks one: where it stands, and where what it marks begins."""
    end, capitals = len(text), "NSWER" in text
    for _ in range(MARK_WORDS):
        at = text.rfind("nswer", 0, end)
        if capitals:
            at = max(at, text.rfind("NSWER", 0, end))
        if at < 0:
            return None
        if text.startswith((" is ", ": "), at + 5):
            start = at + (9 if text[at + 5] == " " else 7)
            if text[start : start + 1].isdigit():  # the most common forms need no search
                return at, start
        found = ANSWER.match(text, at + 5)
        if found and (VERDICT.match(text, found.end()) or CHECKED.search(text[max(0, at - 40) : at])):
            found = None
        if found and text[at - 2 : at - 1] not in ("/", "<"):
            if (
                found[0].strip(' *_`"') == "" and text[found.end() : found.end() + 1] != "("
            ):  # a heading on its own line
                line = text.rfind("\n", 0, at) + 1
                if at - line < 40 and HEADING.match(text[line : at - 1]):
                    return at, found.end()
            else:
                return at, found.end()
        end = at
    return None


def _line(text: str, start: int) -> str:
    """The line from `start` on, or the next one that is not empty; of a displayed formula all lines."""
    at = start
    for _ in range(MOST_LINES):
        if at >= len(text):
            break
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        first = line.lstrip(" \t*_:#")[:1]
        if first and first not in "\\$`":
            return line.strip(" \t\r#")
        frame = FRAMES.match(line) if len(line) < 40 else None
        if frame is None:
            opened = line.lstrip(" *_:")[:2]
            closing = {"$$": "$$", "\\[": "\\]"}.get(opened)
            if closing and closing not in line[line.index(opened) + 2 :]:
                stop = text.find(closing, end)
                return text[at : stop if stop >= 0 else end].strip()
            return line.strip(" \t\r#")
        if "\\[" in line or "$$" in line:
            stop = text.find("\\]" if "\\[" in line else "$$", end)
            if stop >= 0 and stop - end <= LONGEST:
                return text[end:stop].strip()
        at = end + 1
    return ""


def _boxes(text: str) -> tuple[int, str] | None:
    """The end and the content of the last box, with those that are joined to it."""
    contents: list[str] = []
    place, last_start, end = -1, -1, len(text)
    for _ in range(MOST_BOXES):
        start = max(text.rfind("\\boxed", 0, end), text.rfind("\\fbox", 0, end))
        if start < 0:
            break
        found = BOX.match(text, start + (6 if text.startswith("\\boxed", start) else 5))
        end = start
        stop, content = _content(text, found) if found else (-1, "")
        if stop < 0:  # cut off by the end of the text
            continue
        if place < 0:
            place = stop
        elif stop > last_start or not JOINED.match(text[stop:last_start][:60]):
            break
        last_start = start
        contents.append(content)
    if place < 0:
        return None
    if len(contents) == 1:
        return place, contents[0]
    several: dict[object, str] = {}
    for content in reversed(contents):  # the same number written in two ways is one answer
        several.setdefault(quantity(content) or content.strip(), content.strip())
    return place, ", ".join(several.values())


def _content(text: str, found: re.Match[str]) -> tuple[int, str]:
    if found[1] != "{":
        return found.end(), found[1]
    depth = 1
    for brace in BRACE.finditer(text, found.end()):
        if brace[0] == "{":
            depth += 1
        elif brace[0] == "}":
            depth -= 1
            if depth == 0:
                return brace.end(), text[found.end() : brace.start()]
    return -1, ""


def _balanced(said: str) -> str:
    """A piece of a box without the braces at its ends that were opened or closed outside it."""
    said = said.strip()
    while said.startswith("}") or (said.endswith("}") and said.count("}") > said.count("{")):
        said = said[1:].strip() if said.startswith("}") else said[:-1].strip()
    return said


def number(text: str) -> Decimal | None:
    """Read a plain decimal number, thousands separators allowed.

    Parameters
    ----------
    text : str
        The number and nothing else.

    Returns
    -------
    Decimal or None
        None for anything but a number.

    Examples
    --------
    >>> cl.rewards.number("1,234.5"), cl.rewards.number("12 eggs")
    (Decimal('1234.5'), None)
    """
    if not NUMBER.match(text):
        return None
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def nesting(text: str) -> int:
    """How many brackets of any kind are open at the deepest place."""
    depth = deepest = 0
    for c in text:
        if c in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in ")]}" and depth:
            depth -= 1
    return deepest
