"""Item response theory: answers of many people (or models) to many items -> difficulties and abilities on one scale.

fit = irt.fit(responses)       # people x items: 1 right, 0 wrong, NaN not asked
fit.items.loc["item 3"]        # difficulty -0.24 logits, se 0.07, discrimination 1, guessing 0, share_correct 0.553

P(right) = guessing + (1 - guessing) / (1 + exp(-discrimination (ability - difficulty))). 1PL: one discrimination for
all items, no guessing; 2PL: every item its own discrimination, of either sign; 3PL: guessing too. Items are fitted by
marginal maximum likelihood (marginal.py), people on the items so found.

Scales. "standard": ability has mean 0 and standard deviation 1, as in ltm and mirt. "rasch" (1PL only, its default):
discrimination is 1 and the spread `ability_sd` is estimated, so that positions are logits, as in TAM and eRm, and as
those expect who write the 1PL as P = 1 / (1 + exp(difficulty - ability)). Both are one model with one likelihood.

Signs. An item with a negative discrimination is solved less often by the able. Near a discrimination of 0 the
difficulty is far away and its error huge: there, order items by `share_correct`, or fit with negative=False. Where many
items go against the rest, what the 2PL calls ability need not follow the number of right answers: on 976 people x 90
items of Lalor et al. 2016 the maximum has 40 negative items, is 2,400 nats above the best without any, and its ability
has a rank correlation of 0.06 with the number of right answers (0.72 without any). It is turned so that, averaged over
items and people, the able solve more.

Items that everybody or nobody solved have no finite estimate: maximum likelihood puts them at infinity, where they say
nothing about anybody. They stay out of the fit. Afterwards they get the difficulty at which half an answer of the other
kind is expected of those asked (the half of Haldane 1956), the discrimination that a 1PL gives all items, guessing 0,
no errors, and the flag "all right" or "all wrong". Estimates at a bound are flagged "at bound". People without any
answer get what is known without one: ability 0, and its spread as the error.
"""

from curriculab.difficulty.irt.abilities import ability
from curriculab.difficulty.irt.fitting import COLUMNS, GUESSING_PRIOR, MODELS, Fit, fit, wright
from curriculab.difficulty.irt.functioning import dif

__all__ = ["COLUMNS", "GUESSING_PRIOR", "MODELS", "Fit", "ability", "dif", "fit", "wright"]


def __dir__() -> list[str]:
    return __all__
