"""How one thing may be named.  `pattern("Johann Sebastian Bach")` finds "J. S. Bach" and "Bach", not "Christian Bach".

Accents, hyphens and case do not count; a surname stands for its bearer; "Mount", "River" and such may be left out.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from curriculab.rewards.plain import words

# What NFKD does not part into a letter and its accent.
LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ı": "i", "æ": "ae", "Æ": "Ae"})
INDEX = re.compile(r"(?<=[A-Za-z)])_\{?(\d+)\}?")  # of a chemical formula
APART = str.maketrans({"-": " ", "‐": " ", "‑": " ", "’": "'", "´": "'", "`": "'"})
# Given names, by which two or three words are known as a person's, whose surname may stand alone. Ours: the bearers of
# Nobel prizes, heads of state, writers, painters and composers whom quizzes ask for.
GIVEN = frozenset(
    """
    abraham ada adam adolf agatha akira alan albert aldous alessandro alexander alexandre alfred alice amadeo amelia
    amerigo anders andre andrew andy angela anna anne anthony antoine anton antonin antonio aretha arthur astrid
    audrey august auguste barack benjamin bertrand bill billie blaise bob boris bram bruce bruno buzz camille carl
    carlos caroline charles charlotte chen chinua chris christian christopher clara claude claudio claus cristiano
    daniel dante david denis denzel desmond diego dmitri donald dorothy douglas dwight edgar edith edmund edouard
    eduard edvard edward edwin eleanor elizabeth ella elon elvis emile emily emma emmanuel emmy enid enrico ernest
    ernst erwin eugene evangelista ferdinand fidel florence francis francisco frank franklin franz freddie frederic
    frida friedrich fyodor gabriel galileo georg george georges gerald gerhardus gertrude giacomo gianni giovanni
    giuseppe golda gottfried grace gregor guglielmo gustav gustave hans harper harriet harry haruki heinrich helen
    henri henrik henry herbert herman hermann homer honore howard hugo ian igor immanuel indira isaac isabel ivan
    jackson jacob jacques james jan jane jawaharlal jean jeff jesse jimmy joan joe johann johannes john jonas jonathan
    jorge jose josef joseph jules julia julius justin karen karl kate katherine kim kofi kurt leo leon leonard
    leonardo leonhard lev lewis lionel lise louis louisa louise lucy ludwig luigi luis lyndon mahatma malala marc
    marcel marco margaret maria marie marilyn mario mark martin mary mathias maurice max maya michael michelangelo
    miguel mikhail miles mohandas mozart muhammad napoleon neil nelson niccolo nicholas nicola nicolaus niels nikita
    nikola nikolai noam octavia oliver oscar otto pablo patrick paul pedro percy peter philip pierre pieter pyotr
    rabindranath rachel ralph ray rembrandt rene richard ringo roald robert roger roland ronald rosa rosalind rudolf
    rudyard ruth sally salvador samuel sandro sergei sigmund simone sofia sofonisba sophie srinivasa stan stephen
    steve steven stevie subrahmanyan susan sylvia theodore thomas tim tom toni tycho umberto usain valentina vasco
    victor vincent virginia vladimir walt walter werner wilhelm willem william winston wolfgang woodrow yukio yuri
    """.split()
)
PARTICLES = ("van der", "van den", "van", "von", "de la", "de", "da", "del", "della", "di", "du", "la", "le", "al")
TITLES = r"(?:(?:sir|lord|lady|dr\.?|professor|king|queen|emperor|president|captain|saint|st\.?|mr\.?|mrs\.?)\s+)?"
BEFORE = r"(?:mount|mt\.?|lake|river|city of)"  # may stand before a name or be left out
AFTER_NAME = r"(?:river|ocean|desert|mountains?|city|islands?)"


def folded(text: str) -> str:
    """A text without accents, its hyphens as blanks; case stays."""
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text.translate(LETTERS))
        text = "".join(c for c in apart if not unicodedata.combining(c))
    return " ".join(INDEX.sub(r"\1", text.translate(APART)).split())


@lru_cache(maxsize=4096)  # right answers come again with every text
def pattern(answer: str) -> str:
    """A regular expression of the ways to name a right answer, for folded text, without its borders."""
    target = folded(words(answer))
    found = [re.escape(target)]
    if re.match(rf"{BEFORE} \w", target):
        found.append(re.escape(re.sub(rf"\A{BEFORE} ", "", target)))
    elif re.search(rf"\w {AFTER_NAME}\Z", target) and not re.search(r" (?:city|islands?)\Z", target):
        found.append(re.escape(re.sub(rf" {AFTER_NAME}\Z", "", target)))
    found += _person(folded(answer.strip(" .*_\"'$")))
    one = "|".join(sorted(dict.fromkeys(found), key=len, reverse=True))
    return f"(?:{one})" if found[1:] else f"(?:{BEFORE} )?{one}(?: {AFTER_NAME})?"


@lru_cache(maxsize=4096)
def whole(answer: str) -> re.Pattern[str]:
    """What a text that names the right answer and nothing else looks like, folded."""
    return re.compile(rf"(?:the\s+)?{TITLES}{pattern(answer)}", re.IGNORECASE)


def _person(answer: str) -> list[str]:
    """Ways to name a person of two to four names, none for anything else."""
    parts = answer.split()
    capital = [p[:1].isupper() or p in " ".join(PARTICLES).split() for p in parts]
    if not 2 <= len(parts) <= 5 or not all(capital) or not parts[-1][:1].isupper():
        return []
    first = parts[0].strip(".").lower()
    if first not in GIVEN and not re.fullmatch(r"(?:[A-Z]\.){1,3}|[A-Z]", parts[0]):
        return []
    at = next((i for i, p in enumerate(parts) if i and not p[:1].isupper()), len(parts) - 1)
    middle = [re.escape(p.strip(".")) for p in parts[1:at]]
    last = re.escape(parts[-1])
    particle = " ".join(map(re.escape, parts[at:-1]))
    surname = f"(?:{particle} )?{last}" if particle else last
    given = rf"(?:{re.escape(parts[0].strip('.'))}\.?|{re.escape(parts[0][0])}\.)"
    if middle:
        between = "".join(rf"(?: ?(?:{name}\.?|{name[0]}\.?))?" for name in middle)
    else:  # names of which the right answer says nothing
        between = r"(?: [A-Za-z][a-z]*\.?){0,2}?"
    return [surname, rf"{given}{between} {surname}"]
