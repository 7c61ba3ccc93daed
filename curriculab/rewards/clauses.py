"""Ordinary prose in sentences and clauses.  `parts_of("So it is A, but not B.")` gives "So it is A" and "but not B".

Each comes with what it does: it turns the text ("But ..."), concludes ("So ..."), or stands beside ("because ...").
Also here: what leaves a thing open or has only others think it, and whether a text answers yes or no.
"""

from __future__ import annotations

import re

from curriculab.rewards.names import INDEX, folded
from curriculab.rewards.plain import plain

MOST = 1024  # characters at either end of a text that are read
MOST_PARTS = 40  # sentences and clauses of it

ABBREVIATED = "".join(
    rf"(?<!\b{name}\.)" for name in ("Mt", "St", "Dr", "Mr", "Mrs", "approx", "ca", "vs", "No", "[A-Z]")
)
BORDER = re.compile(  # a full stop behind a capital is that of an initial, unless a new sentence follows it
    r"(?:\.(?=\s+(?:It|Its|He|She|They|This|The|That|So|But|However|Therefore)\b)"
    rf"|\.{ABBREVIATED}|[!?](?=[\"')\]\s]*(?:\s|\Z)))[\"')\]]*(?=\s|\Z)|\n"
)
QUESTION = re.compile(r"[^.!?\n]*\?[\"')\]]*(?=\s|\Z)")
ITEM = re.compile(r"\s*(?:[-*•+]|\(?\d{1,2}[.)]|[a-z]\))\s+")
MARKDOWN = re.compile(
    r"\*{1,3}(?=\S)|(?<=\S)\*{1,3}|(?<!\w)_{1,2}(?=\w)|(?<=[\w.!?])_{1,2}(?!\w)|`|^[ \t]*(?:#+|>)[ \t]*", re.M
)
POLITE = re.compile(
    r"\s*(?:great|good|excellent|interesting)\s+question|\s*(?:sure|certainly|of course|hello|hi|okay|ok|"
    r"absolutely)\b"
    r"[^.,]{0,20}\Z|\s*(?:let me know|feel free|i hope|hope this|if you (?:have|want|need|would)|here (?:is|are)|"
    r"would you)\b",
    re.IGNORECASE,
)
CLAUSES = re.compile(
    r"[,;]?\s+(?=(?:but|however|yet|although|though|even though|while|whereas|because|"
    r"since(?!\s+(?:\d|then\b)))\b)|,\s+(?=so\b(?!\s+that))|"
    r";\s+|\s+-{1,2}\s+|:\s+",
    re.IGNORECASE,
)
BESIDE = re.compile(
    r"\s*(?:although|though|even though|while|whereas|because|since(?!\s+(?:\d|then\b))|if|unlike|contrary to)\b",
    re.IGNORECASE,
)
LABEL = re.compile(  # "Sweden: Stockholm"
    r"(?<!\byes)(?<!\bno)(?<!\btrue)(?<!\bfalse)(?:\s*(?:→|=>|->)\s*|:\s+)(?=[^.:!?]{1,60}\Z)(?!(?:so|it|it's|he|she|they|this|that|there|we|you|i|in|"
    r"because|is)\b)",
    re.IGNORECASE,
)
IF = re.compile(r"\s*if\b", re.IGNORECASE)
TURN = re.compile(
    r"\s*(?:but|however|yet|actually|in (?:fact|reality|truth)|rather|instead|today|now|nowadays|the (?:correct|"
    r"right|actual|true|real)\b)",
    re.IGNORECASE,
)
CONCLUSION = re.compile(
    r"\s*(?:so|thus|therefore|hence|consequently|accordingly|in (?:conclusion|summary|short)|overall|finally|"
    r"all in all|"
    r"(?:that|this|which) (?:leaves|means)|my (?:final )?answer|the (?:final )?answer)\b",
    re.IGNORECASE,
)
WITHDRAWN = re.compile(
    r"\b(?:wait|hold on|scratch that|i was wrong|i meant|i misspoke|my mistake|correction|on second thought|"
    r"let me correct|"
    r"i (?:made|have made) (?:a|an) (?:mistake|error)|actually,? no)\b|\A\s*(?:hmm[, ]+)?(?:no,? wait|"
    r"no, actually)\b",
    re.IGNORECASE,
)
DENIAL = re.compile(
    r"\b(?:it|that|this|which|he|she)\s?(?:is|was|would be|'s)?\s?(?:n't|not\b|wrong|incorrect|false|a (?:myth|"
    r"mistake|"
    r"misconception)|mistaken)",
    re.IGNORECASE,
)
ATTRIBUTED = re.compile(
    r"\b(?:people|many|most|some|others|everyone|students|you|one|they|sources)\b[^.;]{0,40}?\b(?:think|thinks|"
    r"thought|say|"
    r"said|believes?|assumes?|guess|answer|claim|confuse|mistake|expect|suppose|name)\b|\b(?:my|the|your|"
    r"an?) (?:first|initial)"
    r" (?:thought|guess|idea)|\btempt|\bmyth\b|\bmisconception\b|\b(?:often|commonly|sometimes|easily) (?:mistaken|"
    r"confused|"
    r"believed|thought|mentioned|cited)\b|\byou (?:might|may|could)\b",
    re.IGNORECASE,
)
OPEN = re.compile(
    r"\b(?:either|perhaps|possibl[ey]|maybe|(?:could|might|may)\s+(?:also\s+)?(?:be|have)|candidates?|one of|among|"
    r"not sure|unsure|uncertain|(?:do|does|did)(?:n't| not) (?:know|think|believe)|(?:can|could)(?:n't|not| not)|"
    r"cannot|hard to say|"
    r"would (?:be|have been)\b(?=[^.]*\bif\b)|include[sd]?|such as|for example|e\.g\.)(?!\w)",
    re.IGNORECASE,
)
OPENER = (
    r"(?:(?:so|thus|therefore|hence|well|sure|yes|right|okay|ok|oh|hmm|of course|actually|in fact|clearly|"
    r"definitely|certainly|"
    r"probably|most likely|i think(?: that)?|i believe(?: that)?|i would say|i'd say|i guess|it is|it's|it was|"
    r"that is|that's|"
    r"that was|that would be|that must be|this is|this was|they are|but|and|the answer is|answer|"
    r"absolutely|only)[,:!]?\s+|(?:in|on|at|after|by|from|of)\s(?:(?!\b(?:is|was|are|were)\b)[^,.]){1,40},\s+){0,4}"
)
UNSTATED = re.compile(f"(?:{ATTRIBUTED.pattern})|(?:{OPEN.pattern})", re.IGNORECASE)


def parts_of(text: str) -> list[tuple[str, str]]:
    """The sentences and clauses of a text, folded, each with what it does: "turn", "conclusion", "beside" or "".

    Items of lists, questions and what is only polite are left out.
    """
    if len(text) > 2 * MOST:
        text = text[:MOST] + "\n" + text[-MOST:]
    lines = [line for line in text.split("\n") if line.strip()]
    lines = [line for line in lines if not ITEM.match(line)] or [ITEM.sub("", line) for line in lines[:1]]
    cleaned = QUESTION.sub(
        " ", MARKDOWN.sub("", INDEX.sub(r"\1", plain("\n".join(lines))).replace(" and/or ", " or ").replace('"', ""))
    )
    found: list[tuple[str, str]] = []
    for sentence in BORDER.split(cleaned):
        sentence = folded_sentence(sentence)
        if not sentence or POLITE.match(sentence):
            continue
        for clause in _clauses(sentence):
            found.append((clause, _does(clause)))
        if len(found) >= MOST_PARTS:
            break
    return found


def _does(clause: str) -> str:
    for does, begins in (("beside", BESIDE), ("turn", TURN), ("conclusion", CONCLUSION)):
        if begins.match(clause):
            return does
    return ""


def folded_sentence(sentence: str) -> str:
    """A sentence without accents and white space around it; " - " stays, which parts clauses."""
    return " - ".join(folded(piece) for piece in re.split(r"\s-{1,2}\s", sentence)).strip(" \t,;:.\"'")


def _clauses(sentence: str) -> list[str]:
    """The clauses of a sentence; of "Although A, B" and "If A, B" the second is one of its own."""
    found = []
    for clause in CLAUSES.split(LABEL.sub(" is ", sentence)):
        if BESIDE.match(clause) and "," in clause:
            found += clause.split(",", maxsplit=1)[1:]
        elif IF.match(clause):
            found.append(IF.sub("", clause))
        else:
            found.append(clause)
    return [clause.strip(" ,") for clause in found if clause.strip(" ,")]


# -- yes and no -------------------------------------------------------------------------------------------------------
OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}
POLAR = re.compile(
    r"\s*(?:(?:so|thus|therefore|hence|well|hmm|okay|but|absolutely|definitely|certainly|i think|"
    r"the answer is|the answer|it is|that is|is|in short|overall|finally)[,:]?\s+){0,4}"
    r"(?P<word>yes|no|true|false)(?:\s*[,.!;:]|\s*\Z|\s+-|"
    r"\s+(?:because|since|as|it|this|that|they|he|she|there|you|we|indeed)\b)",
    re.IGNORECASE,
)
HELD = re.compile(
    r"\b(?:is|are|was|be|'s)\s?(?P<denied>n't\s+|not\s+)?(?:indeed\s+|always\s+|clearly\s+|"
    r"definitely\s+)?(?P<word>true|false)\b",
    re.IGNORECASE,
)


def polarity(text: str) -> str | None:
    """Whether a text answers "yes", "no", "true" or "false": its first word, or what it concludes; None for neither."""
    found: str | None = None
    for clause, does in parts_of(text):
        opened = POLAR.match(clause)
        held = HELD.search(clause) if opened is None and not UNSTATED.search(clause) else None
        if opened is None and (held is None or does == "beside"):
            continue
        said = (opened or held)["word"].lower()
        said = OPPOSITE[said] if held and held["denied"] else said
        if found is None or does in ("turn", "conclusion") or WITHDRAWN.search(clause):
            found = said
    return found
