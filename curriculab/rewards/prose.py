"""What ordinary prose states.  `states("You might think of Toronto, but the capital is Ottawa.", "Ottawa") -> True`.

The first statement of a text counts: a sentence whose subject or predicate is the answer ("Ottawa is ...", "... is
Ottawa.", "... was written by Orwell."). A later one takes its place where the text turns ("But", "Actually, no.") or
concludes ("So", "Therefore"). What others think, what is denied, left open or only listed states nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

from curriculab.rewards.clauses import DENIAL, MOST, OPENER, UNSTATED, WITHDRAWN, parts_of
from curriculab.rewards.names import AFTER_NAME, TITLES, folded, pattern, whole
from curriculab.rewards.plain import words

ARTICLE = (
    r"(?:(?:the|an?|its|his|her|their|your|our|"
    r"simply|actually|indeed|definitely|just|in fact|really|clearly|probably|now|still)\s+){0,3}"
)
ROLE = (
    r"(?:(?:[a-z]+\s+){0,1}?[A-Za-z]*\s?(?:author|writer|novelist|poet|playwright|dramatist|painter|artist|sculptor|"
    r"composer|"
    r"musician|singer|scientist|physicist|chemist|biologist|mathematician|astronomer|philosopher|explorer|navigator|"
    r"inventor|"
    r"engineer|architect|astronaut|cosmonaut|president|king|queen|emperor|general|leader|actor|actress|director|"
    r"player|city|"
    r"town|state|country|nation|island|continent|river|mountain|mount|lake|ocean|sea|desert|planet|moon|star|"
    r"element|metal|gas|"
    r"compound|process|organ|gland|vitamin|protein|hormone|animal|bird|language|currency|battle|word|term|number|"
    r"year|letter|"
    r"movie|film|novel|book|play|name)(?:\s+of)?,?\s+)?"
)
OWNER = r"(?-i:[A-Z])[\w]*'s\s+"
FROM = r"(?-i:[A-Z])[a-z]+(?:an|ish|ese|ch|ic)\s+"  # "the Mexican peso"
TOWN = r"(?-i:[A-Z])\w+,\s+"  # "in Bonn, Germany"
COPULA = r"(?:is|was|are|were|be|been|'s|becomes?|became|remains?|equals|means|called|named|termed|dubbed|known as)"
DOES = (
    r"(?:speaks?|uses?|used|absorbs?|produces?|produced|releases?|contains?|needs?|requires?|eats?|won|wrote|"
    r"painted|composed|"
    r"invented|discovered|comes|came|leaves?(?: us)?(?: with)?(?: only)?|choose|pick|say|has|have|had|becomes|"
    r"appears?|looks?|turns?|gets?|"
    r"visited|reached|gives?|forms?|makes?)"
)
PREPOSITION = (
    r"(?:by|in|at|on|through|as|named after|(?:is|was|are|were|'s) from|with the (?:name|help) of|(?:belong\w*|"
    r"refers?|go(?:es)?|went|granted|given|awarded|"
    r"attributed|credited) to|(?:comes?|came|made|derived|"
    r"originat\w+) from|(?:stands?|stood|symbol|short) for|(?:turns?|turned|changes?|changed|converted) into)"
)
OF = (
    r"(?:(?:capital|city|state|country|president|king|queen|made|consists?(?: mostly| mainly)?|composed|currency|"
    r"language|flag|"
    r"republic|town|"
    r"process|battle|university|island|element|coast)\s+of)"
)
PASSING = re.compile(
    r"\b(?:followed|preceded|succeeded|joined|accompanied|helped|assisted|inspired|influenced|taught|replaced|"
    r"confused|compared|"
    r"surrounded|beaten|beats?|next|close|similar|equal|opposite|contrast|addition|according|thanks|relation|"
    r"relative|nearer|"
    r"closer|second|prior|due|superior|inferior)\s+(?:\w+\s+)?(?:by|with|to|in|for)\s+(?:\w+\s+){0,2}\Z",
    re.IGNORECASE,
)
ANOTHER = re.compile(
    r"\b(?:other|another|second|third|next|opposite|reverse|previous|former|rivals?|runner|alternative|crewmate|"
    r"similar|"
    r"pupils?|students?|teacher|friend|brother|sister|son|daughter|wife|husband|contemporary|predecessor|successor|"
    r"neighbou?r\w*|"
    r"with (?:him|her|it|them)|special case|example|counterpart|only)\b",
    re.IGNORECASE,
)
NOT_BEFORE = re.compile(
    r"(?:\bnot|n't|\bnever|\bnor|\bneither|\brather than|\binstead of|\bunlike|\bthan|\bno)\s+(?:\w+\s+){0,2}\Z",
    re.IGNORECASE,
)
NOT_AFTER = re.compile(
    r"\s*(?:,\s*)?(?:is|was|are|were|does|did|has|had|would|can)\s*(?:n't|\s?not\b|\s(?:wrong|incorrect|false|"
    r"ruled)\b)|\s+(?:is|was|are)\s+"
    r"(?:\w+\s+)?(?:not|wrong|incorrect|false)\b",
    re.IGNORECASE,
)
VERB = (
    r"(?:is|was|are|were|has|had|have|did|does|became|becomes|wrote|painted|composed|won|led|built|made|makes|"
    r"holds?|keeps?|causes?|helps?|pulls?|pumps?|carries|produces?|absorbs?|contains?|controls?|covers?|"
    r"protects?|converts?|means|measures?|moves?|flows?|grows?|lives?|occurs?|happens?|hosts?|borders?|uses?|"
    r"plays?|hangs?|lies|lay|"
    r"sits|stands|serves|ranks|comes|came|takes|took|gives|gave|sang|drew|ruled|founded|found|began|fits|remains|"
    r"belongs|orbits|"
    r"[a-z]{3,}ed|it is|it was)"
)
# Behind the answer: the end, a pause, or what goes on with other things than the name itself.
END = (
    rf"(?:\s+{AFTER_NAME}|\s+(?-i:[IVX]+)\b)?(?=[\"')\]]*(?:\s*\Z|\s*[,.;!(\[]|\s+(?:in|on|at|from|with|for|as|by|"
    rf"during|of|who|which|"
    rf"that|where|when|"
    r"after|before|because|since|to|into|through|near|between|and (?:it|he|she|they|the|this|its|his|her|was|is|has|"
    r"first|later|published|"
    r"releases?|gives?)\b)))"
)
LISTED = re.compile(
    r"\s*(?:/\s*\w|,?\s*\b(?:or|and/or|nor)\b|\s+and\s+(?!it\b|first\b|later\b|he\b|she\b|they\b|the\b|this\b|"
    r"its\b|his\b|her\b|"
    r"was\b|is\b|has\b|published\b|release|give)"
    r"|,\s*(?:[A-Z]\w+(?:\s[A-Z]\w+)?),?\s*(?:,|and\b|or\b))"
)
LISTED_BEFORE = re.compile(
    r"(?:\bor|\band/or|\beither|,\s*and|[A-Z][\w']+\s+and|"
    r"(?<!\bin )(?<!\bat )(?<!\bfrom )\b[A-Z][\w']+,)\s+(?:the\s+)?\Z"
)
NO_NAME = r"(?!(?:The|A|An|It|This|That|These|He|She|They|In|On|At|If|When|There|I|We|You|As|And|But|So|Not|No|Yes)\b)"
OTHER = re.compile(
    rf"\b(?:is|was|are|were|'s|called|named|known as|written by|painted by|invented by|composed by|discovered by|"
    rf"won by)\s+{ARTICLE}"
    rf"(?:[a-z]+\s+){{0,2}}?{NO_NAME}[A-Z][\w'.]*"
)
BARE = re.compile(rf"\s*{NO_NAME}[A-Z][\w'.]*(?:\s+(?:[A-Z][\w'.]*|of|the)){{0,3}}\s*\Z")
SUBJECT = re.compile(
    rf"\s*(?:(?:but|however|yet),?\s+)?(?:The\s+)?{NO_NAME}[A-Z][\w']*(?:\s+[A-Z][\w']*){{0,3}}\s+(?:(?P<the>(?:is|"
    rf"was)\s+the)|[a-z]{{3,}}ed|wrote|won|made|led)\b"
)
VERBAL = re.compile(r"\s+(?!who\b|that\b|which\b)[a-z]")
SURE = re.compile(
    r"[^,]*?(?:\b(?:is|was|are|were|became|has|have|had)|'s)\s+(?:\w+ly\s+)?(?:the|its|his|her|an?)\b", re.IGNORECASE
)
CALLED = re.compile(r"\b(?:called|known as|named|termed)\s+(?:the\s+)?[\w]+")
FOLLOWS_ON = re.compile(r"\s*(?:it|he|she|they|its|his|her|their|this|that)\b", re.IGNORECASE)


@lru_cache(maxsize=1024)
def _frames(answer: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Three patterns: the answer as a subject, as a predicate, and anywhere."""
    name = rf"{TITLES}(?P<name>{pattern(answer)})(?![\w']|\.\d)"
    loose = re.IGNORECASE
    subject = re.compile(
        rf"\s*{OPENER}(?:the\s+|an?\s+|your\s+|our\s+|{OWNER})?{ROLE}{name}(?:{END}|\s+(?:\w+ly\s+)?{VERB}\b|\s*\Z)",
        loose,
    )
    place = rf"(?:(?P<copula>{COPULA})|{DOES}|{PREPOSITION}|{OF})"
    predicate = re.compile(
        rf"(?:\b|(?<=\w)(?='s)){place}(?:,[a-z ]{{2,20}},|[:,])?\s+{ARTICLE}(?:{OWNER}|{FROM}|"
        rf"{TOWN})?{ROLE}{name}{END}",
        loose,
    )
    return subject, predicate, re.compile(rf"(?<![\w]){name}", loose)


def says(clause: str, answer: str, *, first: bool) -> str:
    """What a clause says of an answer: "no" denies it, "other" states another, "weak" may do so, "" says nothing.

    It is stated by "yes" (the predicate of a clause), "subject", or "place" (behind a verb or a preposition).
    """
    subject, predicate, anywhere = _frames(answer)
    named = anywhere.search(clause)
    other = _other(clause, answer)
    if named is None:
        return other
    if _refused(clause, named):
        return "no" if NOT_BEFORE.search(clause[: named.start()]) or NOT_AFTER.match(clause, named.end()) else other
    opened = subject.match(clause)
    if opened and _alone(clause, opened):
        if not VERBAL.match(clause, opened.end("name")):
            return "yes"  # "Oslo", "It is Oslo"
        return "subject" if SUBJECT.match(clause) or not first else "bare"
    for found in predicate.finditer(clause):
        start, end = found.span("name")
        behind = PASSING.search(clause[:start]) or NOT_BEFORE.search(clause[:start])
        if behind or not _alone(clause, found) or (not first and ANOTHER.search(clause[: found.start()])):
            continue
        before = OTHER.search(clause[:start])
        if before is not None and before.end() <= found.start() and answer[:1].isupper():
            return "other"
        return "yes" if found["copula"] else "place"
    return other


def _refused(clause: str, named: re.Match[str]) -> bool:
    start, end = named.span()
    return NOT_BEFORE.search(clause[:start]) is not None or NOT_AFTER.match(clause, end) is not None


def _alone(clause: str, found: re.Match[str]) -> bool:
    """Whether no other stands beside the answer as in a list."""
    start, end = found.span("name")
    return LISTED.match(clause, end) is None and LISTED_BEFORE.search(clause[:start]) is None


def _other(clause: str, answer: str) -> str:
    """ "other" where a clause states something else of the kind, "weak" where it may, "" where it does not."""
    if answer[:1].isupper():
        found = OTHER.search(clause)
        if BARE.match(clause) or (found and not PASSING.search(clause[: found.end()].rsplit(" ", 1)[0] + " ")):
            return "other"
        return "weak" if SUBJECT.match(clause) else ""
    return "other" if CALLED.search(clause) else ""


def states(text: str, answer: str, besides: tuple[str, ...] = ()) -> bool:
    """Whether a text in ordinary prose states that something is the right answer, and nothing of `besides`."""
    verdict: bool | None = None
    weak = unsure = False  # whether another subject, or a subject that is not "the" anything, came before
    for at, (clause, does) in enumerate(parts_of(text)):
        if WITHDRAWN.search(clause):
            verdict, weak = None, False
        if does == "beside" or UNSTATED.search(clause):
            continue
        cue = does in ("turn", "conclusion")
        said = says(clause, answer, first=at == 0 or cue)
        if said == "place" and any(_frames(o)[2].search(clause) for o in besides if len(o) > 1):
            said = ""
        if said in ("", "weak", "other") and besides:
            stated = any(says(clause, o, first=at == 0 or cue) in STATED for o in besides if len(o) > 1)
            said = "other" if stated else ""
        if said == "subject" and at and not cue and not SURE.match(clause):
            said = ""
        if said in STATED:
            # behind "Sydney is the capital." only "The author is ..." and "It lies in ..." go on with something else
            if cue or (verdict is None and (not weak or said == "yes" or FOLLOWS_ON.match(clause))):
                verdict, unsure = True, said in ("subject", "bare") and not SURE.match(clause)
        elif said == "no" or (verdict and does == "turn" and DENIAL.search(clause)):
            verdict = False if said == "no" else None
        elif (said == "other" and (cue or verdict is None)) or (said == "weak" and does == "turn" and unsure):
            verdict = False
        weak = weak or said == "weak"
    return bool(verdict) if verdict is not None else _emphasised(text, answer)


STATED = ("yes", "subject", "bare", "place")
EMPHASIS = re.compile(r"\*\*([^*\n]{1,80})\*\*|(?<!\w)__([^_\n]{1,80})__(?!\w)")


def _emphasised(text: str, answer: str) -> bool:
    """Whether the right answer is the only phrase in bold, in a sentence that neither denies it nor leaves it open."""
    if "**" not in text and "__" not in text:
        return False
    found = [m for m in EMPHASIS.finditer(text[-2 * MOST :]) if not (m[1] or m[2]).rstrip().endswith(":")]
    phrases = {folded(words(m[1] or m[2])).casefold() for m in found}
    if len(phrases) != 1 or not whole(answer).fullmatch(phrases.pop()):
        return False
    holding = [clause for clause, _ in parts_of(text) if _frames(answer)[2].search(clause)]
    return bool(holding) and not any(UNSTATED.search(c) or says(c, answer, first=True) == "no" for c in holding)
