"""How much the entropy of each token counts in the bonus of `Grpo(entropy=)`.

Three tokens of advantages 1, 1 and -2 and log-probabilities -1, -3 and -2: (A - mean A)(logp - mean logp) is 1, -1 and
0, whose softmax is .67, .09 and .24; ten times that, at most 5, are the weights 5, .90 and 2.45.

Source of the weights by covariance: Light-IF (2025), arXiv 2508.03178, "token-wise entropy-adaptive" reinforcement
learning; there the softmax is over the tokens of a micro-batch and not detached, here over those of the step, and fixed
before it.
"""

from __future__ import annotations

import numpy as np

MODES = ("tokens", "covariance")
SHARE, MOST = 10.0, 5.0  # weight of a token: SHARE times its share of the softmax, at most MOST; of the released code


def entropy_weights(advantage: np.ndarray, logp: np.ndarray, by: str) -> np.ndarray:
    """Weight of each token's entropy.

    Parameters
    ----------
    advantage, logp : np.ndarray
        Of each learned token of the step, (tokens,); logp: the log-probability it was sampled with, in nats, NaN where
        that is unknown, which counts as the mean.
    by : str
        "tokens": 1 for every token; "covariance": more where a likely token has a high advantage or an unlikely one a
        low one, since these are the tokens whose training takes entropy away.

    Examples
    --------
    >>> entropy_weights(np.array([1.0, 1.0, -2.0]), np.array([-1.0, -3.0, -2.0]), "covariance").round(2)
    array([5.  , 0.9 , 2.45])
    """
    if by == "tokens" or not len(advantage):
        return np.ones(len(advantage))
    known = ~np.isnan(logp)
    middle = logp[known].mean() if known.any() else 0.0
    covariance = (advantage - advantage.mean()) * np.where(known, logp - middle, 0.0)
    share = np.exp(covariance - covariance.max())
    return np.minimum(SHARE * share / share.sum(), MOST)


def entropy_slope(p: np.ndarray) -> np.ndarray:
    """How the entropy of an answer that is right with probability p rises with its log-odds: p (1 - p) log((1 - p)/p).

    Examples
    --------
    >>> entropy_slope(np.array([0.5, 0.9])).round(3)
    array([ 0.   , -0.198])
    """
    return p * (1 - p) * np.log((1 - p) / p)
