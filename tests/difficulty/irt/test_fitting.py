"""Fits against published estimates, planted values and the human matrix."""

from __future__ import annotations

import time
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from curriculab.difficulty import irt
from tests.difficulty.irt.made import lsat, of, planted

HUMAN = "snli_responses_4.csv"  # 976 people x 90 items, Lalor et al. 2016


def test_the_lsat_table_is_the_published_one():
    x = lsat()
    assert len(x) == 1000 and x.mean().tolist() == [0.924, 0.709, 0.553, 0.763, 0.87]
    # people with 0 ... 5 right, as Stata tabulates them: philender.com/courses/categorical/notes2/rasch.html
    assert x.sum(axis=1).value_counts().sort_index().tolist() == [3, 20, 85, 237, 357, 298]


def test_1pl_of_lsat_is_that_of_ltm():
    # Rizopoulos 2006, J Stat Softw 17(5), pp. 10-11: rasch(LSAT); mirt has the same log-likelihood
    fit = irt.fit(lsat(), scale="standard")
    assert fit.log_likelihood == pytest.approx(-2466.938, abs=6e-4)
    assert (fit.aic, fit.bic) == (pytest.approx(4945.875, abs=1e-3), pytest.approx(4975.322, abs=1e-3))
    assert fit.items.difficulty.to_numpy() == pytest.approx([-3.6153, -1.3224, -0.3176, -1.7301, -2.7802], abs=4e-4)
    assert fit.items.se_difficulty.to_numpy() == pytest.approx([0.3266, 0.1422, 0.0977, 0.1691, 0.2510], abs=6e-5)
    assert fit.items.discrimination.to_numpy() == pytest.approx(np.full(5, 0.7551), abs=2e-4)
    assert fit.items.se_discrimination.to_numpy() == pytest.approx(np.full(5, 0.0694), abs=6e-5)


def test_the_rasch_scale_is_the_same_model_in_logits():
    fit, standard = irt.fit(lsat()), irt.fit(lsat(), scale="standard")
    sd = standard.items.discrimination.iloc[0]
    assert fit.log_likelihood == standard.log_likelihood and (fit.items.discrimination == 1).all()
    assert fit.ability_sd == sd and fit.se_ability_sd == standard.items.se_discrimination.iloc[0]
    assert fit.items.difficulty.to_numpy() == pytest.approx(standard.items.difficulty.to_numpy() * sd)
    for column in ("ability", "se_ability"):
        assert fit.people[column].to_numpy() == pytest.approx(standard.people[column].to_numpy() * sd, abs=1e-12)


def test_2pl_of_lsat_is_that_of_ltm():
    # ltm(LSAT ~ z1), 21 Gauss-Hermite nodes, stopped at a gradient of 0.024; factor.scores() for three patterns
    fit = irt.fit(lsat(), "2pl")
    assert fit.log_likelihood == pytest.approx(-2466.653, abs=6e-4)
    assert fit.items.difficulty.to_numpy() == pytest.approx([-3.3597, -1.3696, -0.2799, -1.8659, -3.1236], abs=3e-3)
    assert fit.items.discrimination.to_numpy() == pytest.approx([0.8254, 0.7229, 0.8905, 0.6886, 0.6575], abs=1e-3)
    assert fit.items.se_difficulty.to_numpy() == pytest.approx([0.8669, 0.3073, 0.0997, 0.4341, 0.8700], rel=2e-3)
    assert fit.items.se_discrimination.to_numpy() == pytest.approx([0.2581, 0.1867, 0.2326, 0.1852, 0.2100], rel=2e-3)
    scores = fit.ability(np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 1], [1, 1, 1, 1, 1]]), method="map")
    assert scores.ability.to_numpy() == pytest.approx([-1.895, 0.023, 0.606], abs=1e-3)
    assert scores.se_ability.to_numpy() == pytest.approx([0.795, 0.828, 0.855], abs=1e-3)


def test_2pl_of_lsat_is_that_of_girth():
    # girth 0.8.0, twopl_mml with quadrature_n=61, quadrature_bounds=(-6, 6), max_iteration=500
    fit = irt.fit(lsat(), "2pl")
    assert fit.items.discrimination.to_numpy() == pytest.approx(
        [0.8256231, 0.72279944, 0.89082522, 0.68837329, 0.65686958], abs=3e-4
    )
    assert fit.items.difficulty.to_numpy() == pytest.approx(
        [-3.35900175, -1.3700745, -0.2797124, -1.86646102, -3.12603809], abs=1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize(("model", "least"), [("1pl", 0.93), ("2pl", 0.93), ("3pl", 0.90)])
def test_intervals_hold_planted_values_as_often_as_they_say(model: str, least: float):
    """Ten seeds of 1,000 people x 50 items. Over 100 seeds: 94.8% of 1PL difficulties, 95.3% of 2PL difficulties and
    discriminations; of the 3PL, with guessing drawn from its prior, 93.8%, 93.1% and 93.3% of guessing."""
    inside, of_people = [], []
    for seed in range(10):
        x, truth, able = planted(model, 1000, 50, seed)
        fit = irt.fit(x, model)
        assert fit.converged and fit.errors == "all items"
        for name in {"1pl": ["difficulty"], "2pl": ["difficulty", "discrimination"], "3pl": list(truth)}[model]:
            inside.append((fit.items[name] - truth[name]).abs() <= 1.96 * fit.items[f"se_{name}"])
        of_people.append(np.abs(fit.people.ability - able) <= 1.96 * fit.people.se_ability)
    assert least <= np.concatenate(inside).mean() <= 0.97
    assert 0.93 <= np.concatenate(of_people).mean() <= 0.97


def test_3pl_finds_planted_values():
    x, truth, _ = planted("3pl", 3000, 30, seed=0)
    fit = irt.fit(x, "3pl")
    for name, least in (("difficulty", 0.95), ("discrimination", 0.8), ("guessing", 0.4)):
        assert np.corrcoef(fit.items[name], truth[name])[0, 1] > least
    assert fit.log_likelihood > irt.fit(x, "2pl").log_likelihood + 30
    flat = irt.fit(x, "3pl", guessing_prior=(1, 1))
    assert flat.log_likelihood > fit.log_likelihood and flat.items.guessing.std() > fit.items.guessing.std()


def test_infit_and_outfit_tell_noise_and_steep_items():
    rng = np.random.default_rng(0)
    able, hard, slope = rng.normal(size=2000), rng.normal(size=20), np.ones(20)
    slope[:2] = 0.0, 3.0
    x = rng.random((2000, 20)) < 1 / (1 + np.exp(-slope * (able[:, None] - hard)))
    fit = irt.fit(x.astype(int)).item_fit
    assert fit.infit.idxmax() == 0 and fit.outfit.idxmax() == 0 and fit.infit[0] > 1.15
    assert fit.infit.idxmin() == 1 and fit.outfit.idxmin() == 1 and fit.infit[1] < 0.85
    good, _, _ = planted("2pl", 2000, 8, seed=0)  # short, and yet 1 is expected
    assert np.abs(irt.fit(good, "2pl").item_fit.to_numpy() - 1).max() < 0.05


def human(dataset) -> pd.DataFrame:
    return pd.read_csv(dataset(HUMAN), index_col=0)


@pytest.mark.needs(f"data:{HUMAN}")
def test_1pl_of_the_human_matrix(dataset):
    from scipy.stats import spearmanr

    x = human(dataset)
    seconds = []
    for _ in range(5):
        began = time.process_time()
        fit = irt.fit(x)
        seconds.append(time.process_time() - began)
    assert min(seconds) <= 0.1  # 0.03 measured
    assert fit.converged and not (fit.items.flag != "").any()
    assert spearmanr(fit.items.difficulty, x.mean())[0] <= -0.999
    assert spearmanr(fit.people.ability, x.mean(axis=1))[0] >= 0.999
    assert fit.log_likelihood == pytest.approx(-43_475.13, abs=0.01)
    standard = irt.fit(x, scale="standard")
    assert standard.log_likelihood == pytest.approx(of(standard, x.to_numpy(float)), abs=1e-6)


@pytest.mark.needs(f"data:{HUMAN}")
def test_2pl_of_the_human_matrix(dataset):
    """An independent optimiser, started from random slopes, ends within a nat; so do we, 2,400 nats above the best
    without negative discriminations, whose ability follows the number of right answers with 0.72, ours with 0.06."""
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit, logsumexp
    from scipy.stats import spearmanr

    frame = human(dataset)
    x, z = frame.to_numpy(float), np.linspace(-6, 6, 61)
    log_share = -(z**2) / 2 - logsumexp(-(z**2) / 2)

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        eta = np.outer(v[90:], z) + v[:90, None]
        joint = x @ log_expit(eta) + (1 - x) @ log_expit(-eta) + log_share
        each = logsumexp(joint, axis=1, keepdims=True)
        p = np.exp(joint - each)
        miss = x.T @ p - p.sum(0) * expit(eta)
        return -float(each.sum()), -np.concatenate([miss.sum(1), miss @ z])

    start = np.concatenate([np.zeros(90), np.random.default_rng(0).normal(size=90)])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    began = time.process_time()
    fit = irt.fit(frame, "2pl")
    assert time.process_time() - began <= 2  # 0.11 measured
    assert fit.converged and fit.errors == "all items" and fit.nodes == 61
    assert fit.log_likelihood == pytest.approx(of(fit, x), abs=1e-6)
    assert abs(fit.log_likelihood + best.fun) < 0.1
    assert fit.log_likelihood == pytest.approx(-39_206.70, abs=0.01)
    assert (fit.items.discrimination < 0).sum() == 40
    assert spearmanr(fit.people.ability, x.mean(axis=1))[0] == pytest.approx(0.06, abs=0.02)
    positive = irt.fit(frame, "2pl", negative=False)
    assert positive.log_likelihood == pytest.approx(-41_607.62, abs=0.01)
    assert (positive.items.flag == "at bound").sum() == (positive.items.discrimination == 0.05).sum() == 30
    assert spearmanr(positive.people.ability, x.mean(axis=1))[0] == pytest.approx(0.72, abs=0.01)


def test_curves_information_prediction_and_wright_map():
    fit = irt.fit(lsat(), "2pl")
    a, b = fit.items.loc["item 3", ["discrimination", "difficulty"]]
    curve = fit.curve("item 3", [b, b + 1 / a])
    assert curve.probability.tolist() == pytest.approx([0.5, 1 / (1 + np.exp(-1))])
    assert curve.information.iloc[0] == pytest.approx(a**2 / 4)
    assert fit.probability(0.0).shape == (1, 5) and fit.information([0, 1]).columns.tolist() == list(lsat().columns)
    assert fit.predict().shape == (1000, 5) and fit.predict().index.equals(fit.people.index)
    assert fit.predict().mean().to_numpy() == pytest.approx(lsat().mean().to_numpy(), abs=0.02)
    for theta in (-2.0, 0.3):  # information of a 3PL by its definition: P'^2 / (P (1 - P))
        three = irt.fit(lsat(), "3pl")
        low, mid, high = (three.probability(theta + h).iloc[0] for h in (-1e-4, 0, 1e-4))
        expected = ((high - low) / 2e-4) ** 2 / (mid * (1 - mid))
        assert three.information(theta).iloc[0].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-5)
    both = irt.wright(fit)
    assert both.columns.tolist() == ["kind", "name", "position", "se"]
    assert both.kind.value_counts().to_dict() == {"person": 1000, "item": 5}
    assert both.position.is_monotonic_decreasing and both.loc[both.kind == "item", "name"].iloc[0] == "item 3"


def test_answers_that_are_missing_change_no_scale():
    x, truth, _ = planted("2pl", 3000, 20, seed=5)
    x[np.random.default_rng(0).random(x.shape) < 0.4] = np.nan
    x[0] = np.nan
    fit = irt.fit(x, "2pl")
    assert np.corrcoef(fit.items.difficulty, truth.difficulty)[0, 1] > 0.98
    assert (fit.items.difficulty - truth.difficulty).abs().max() < 0.5
    nobody = fit.people.iloc[0]
    assert (nobody.ability, nobody.se_ability, nobody.answers) == (pytest.approx(0), pytest.approx(1), 0)
    assert np.isnan(nobody.share_correct)


@pytest.mark.parametrize("model", irt.MODELS)
def test_items_that_everybody_or_nobody_solved(model: str):
    x, _, _ = planted(model, 200, 8, seed=0)
    wide = np.hstack([x, np.ones((200, 1)), np.zeros((200, 1))])
    fit, inner = irt.fit(wide, model), irt.fit(x, model)
    assert fit.items.flag.tolist()[-2:] == ["all right", "all wrong"]
    assert fit.log_likelihood == inner.log_likelihood and fit.parameters == inner.parameters
    pd.testing.assert_frame_equal(fit.items.iloc[:8], inner.items)
    easy, hard = fit.items.iloc[8], fit.items.iloc[9]
    assert easy.difficulty < inner.items.difficulty.min() and hard.difficulty > inner.items.difficulty.max()
    assert np.isnan([easy.se_difficulty, hard.se_difficulty, *fit.item_fit.iloc[8:].to_numpy().ravel()]).all()
    # half an answer of the other kind is expected of 200 people
    z = np.linspace(-6, 6, 6001)
    density = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    wrong = 1 - 1 / (1 + np.exp(-easy.discrimination * (fit.ability_sd * z - easy.difficulty)))
    assert 200 * (wrong @ density) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("model", irt.MODELS)
def test_perfect_order_and_pure_noise_end_at_bounds_that_are_told(model: str):
    perfect = (np.arange(20)[:, None] >= np.linspace(1, 19, 10)).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".* are few for ")  # of 20 people it is told elsewhere
        fit = irt.fit(perfect, model)
        noise = irt.fit(np.random.default_rng(0).integers(0, 2, (300, 20)), model)
    assert (fit.items.flag == "at bound").all() and (np.diff(fit.items.difficulty) > 0).all()
    assert (fit.ability_sd if model == "1pl" else fit.items.discrimination[0]) == 10
    assert fit.items.se_discrimination.isna().all() and np.isnan(fit.se_ability_sd)
    assert noise.converged and np.isfinite(noise.items.difficulty).all()


def test_a_crowd_of_eleven_models():
    x, truth, _ = planted("1pl", 11, 300, seed=0)
    fit = irt.fit(x)
    assert fit.converged and np.isfinite(fit.items.difficulty).all()
    # all that eleven complete lines tell about an item is how many were right
    assert fit.items.groupby("share_correct").difficulty.std().max() < 1e-6
    by_share = fit.items.groupby("share_correct").difficulty.first()
    assert all(harder > easier for harder, easier in pairwise(by_share))
    assert np.corrcoef(fit.items.difficulty, truth.difficulty)[0, 1] > 0.75


def test_tables_with_names_come_back_with_them():
    x = lsat().astype("boolean")
    x.index = pd.Index([f"p{i}" for i in range(1000)], name="person")
    x.iloc[3, 2] = pd.NA
    fit = irt.fit(x)
    assert fit.people.index.equals(x.index) and fit.items.index.tolist() == list(x.columns)
    assert fit.items.answers.tolist() == [1000, 1000, 999, 1000, 1000] and fit.people.answers.iloc[3] == 4
    assert fit.items.columns.tolist() == [*irt.COLUMNS, "share_correct", "answers", "flag"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: irt.fit(lsat(), "4pl"), "model='4pl': give '1pl' or '2pl' or '3pl'"),
        (lambda: irt.fit(lsat(), scale="logits"), "model='1pl', scale='logits': give 'rasch' or 'standard'"),
        (lambda: irt.fit(lsat(), "2pl", scale="rasch"), "model='2pl', scale='rasch': give 'standard'"),
        (lambda: irt.fit(lsat(), method="ml"), "method='ml': give 'eap' or 'map'"),
        (
            lambda: irt.fit(lsat(), "3pl", guessing_prior=(0.5, 3)),
            "guessing_prior=(0.5, 3): both of its numbers are at least 1; (1, 1) is flat",
        ),
        (
            lambda: irt.fit(lsat(), nodes=3),
            "nodes=3: a grid over 12 standard deviations has at least 11; 61 is the default",
        ),
    ],
)
def test_bad_input_is_refused_with_one_clear_line(call, message: str):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


def test_few_people_for_many_parameters_are_told_with_what_to_do():
    """Four systems and 60 items: a discrimination for each has four answers to go by."""
    x, _, _ = planted("2pl", 4, 60, seed=1)
    with pytest.warns(UserWarning) as caught:
        fit = irt.fit(x, "2pl")
    bound = int((fit.items["flag"] == "at bound").sum())
    varied = int((~fit.items["flag"].isin(["all right", "all wrong"])).sum())
    assert bound > 0 and str(caught[0].message) == (
        f"2pl: 4 people an item (median of {varied} items) are few for a discrimination of each; {bound} of "
        f"{varied} items lie at a bound; estimates are steady from about 200 on: fit model='1pl', or mind their "
        "errors"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        irt.fit(x, "1pl")
        irt.fit(lsat(), "2pl")
