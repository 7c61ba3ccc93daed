"""The table of a bench in training: what its lines say, of points made by hand."""

from __future__ import annotations

import pytest

from curriculab.widgets.standing import Standing, method_in_words
from tests.widgets.made import Imagined, accuracy_at, by_hand, step


def standing_of(*points, **more):
    live = Imagined(variants=2, seeds=2, steps=12)
    live.points.extend(points)
    for name, value in more.items():
        setattr(live, name, value)
    found = Standing(live)
    found.read()
    return found


def row(standing, name="curriculum 1, level"):
    return next(r for r in standing.rows() if r["name"] == name)


def test_a_line_has_the_slowest_seed_s_step_and_the_mean_of_all_seeds():
    mine = "curriculum 1, level"
    steps = [step(mine, 0, n, loss=10.0 - n) for n in range(1, 9)] + [step(mine, 1, n, loss=1.0) for n in (1, 2)]
    tests = [accuracy_at(mine, s, n, a) for s, n, a in ((0, 0, 0.25), (1, 0, 0.25), (0, 4, 0.75), (1, 4, 0.50))]
    found = row(standing_of(*steps, *tests))
    # Seed 0: the last five losses are 6 to 2, the first five 9 to 5; seed 1 stands at 1.
    assert (found["step"], found["steps"]) == (4, 12)  # a test at step 4 was of a seed that had come so far
    assert found["loss"] == pytest.approx((4.0 + 1.0) / 2) and found["loss_change"] == pytest.approx(-3.0 / 2)
    assert found["accuracy"] == pytest.approx(0.625) and found["accuracy_change"] == pytest.approx(0.375)


def test_loss_is_there_before_any_accuracy_and_without_a_change_before_the_second_step():
    found = row(standing_of(step("random", 0, 1, loss=2.5)), "random")
    assert (found["loss"], found["loss_change"], found["accuracy"]) == (2.5, None, None)


def test_time_left_goes_by_what_a_variant_is_behind():
    points = [step("random", 0, 20, loss=1.0), step("curriculum 1, level", 0, 10, loss=1.0)]  # of 40
    found = standing_of(*points, left=60.0)
    assert row(found)["left"] == pytest.approx(60.0)  # the one furthest behind ends last
    assert row(found, "random")["left"] == pytest.approx(60.0 * 0.5 / 0.75)
    assert row(standing_of(*points))["left"] is None  # the pace is not known yet


def test_what_was_done_by_hand_is_a_line_under_its_variant_and_what_was_asked_too():
    to = {"method": "hard_to_easy", "knobs": {"by": "level", "span": None}}
    found = standing_of(step("random", 0, 8, loss=1.0), by_hand("swap", "random", 8, to=to), by_hand("pause", None, 9))
    found.live.monitor.waiting.append({"do": "stop", "variant": "random"})
    assert row(found, "random")["lines"] == [
        {"kind": "hand", "text": 'changed by hand at step 8, goes on with hard_to_easy(by="level")'},
        {"kind": "waiting", "text": "asked to stop; after the current call"},
    ]
    assert found.general() == [{"kind": "hand", "text": "paused by hand at step 9"}]
    assert [(m["variant"], m["event"], m["step"]) for m in found.marks()] == [("random", "swap", 8)]


def test_a_fork_is_a_line_of_its_own_from_its_first_point_on():
    fork = "random > hard_to_easy"
    points = [by_hand("fork", fork, 3, of="random", to={"lost": "mine"}), step(fork, 0, 3, loss=1.0)]
    found = standing_of(*points)
    assert [r["name"] for r in found.rows()] == ["random", "curriculum 1, level", fork]
    assert row(found, fork)["lines"][0]["text"] == "forked by hand from random at step 3, goes on with mine"


def test_ends_are_states_and_a_failure_is_told_once_for_all_seeds():
    def end(seed, why, name="random"):
        return {"variant": name, "seed": seed, "kind": "end", "step": 1, "why": why}

    assert row(standing_of(end(0, "budget of steps spent")), "random")["state"] == "done"
    assert row(standing_of(end(0, "stopped"), end(1, "stopped")), "random")["state"] == "stopped"
    half = standing_of(end(0, "failed: KeyError: 'levl'"), step("random", 1, 1, loss=1.0))
    assert row(half, "random")["state"] == "failed in 1 of 2 seeds"
    both = row(standing_of(end(0, "failed: no"), end(1, "failed: no")), "random")
    assert both["state"] == "failed" and both["lines"] == [{"kind": "alert", "text": "failed: no (in 2 of 2 seeds)"}]
    assert not both["open"]


def test_a_failure_shows_its_author_s_own_lines():
    why, own = "failed: KeyError: 'levl'", "cell 7, line 3, in mine:\n    pool['levl']"
    end = {"variant": "random", "seed": 0, "kind": "end", "step": 1, "why": why, "traceback": own}
    assert row(standing_of(end), "random")["lines"] == [{"kind": "alert", "text": f"{why}\n{own}"}]


def test_what_is_wrong_with_the_bench_is_told():
    wrong = [{"kind": "refused", "why": "no variant '<b>'"}, {"kind": "failed", "why": "OSError: disk"}]
    cut = {"variant": "random", "seed": 0, "kind": "event", "event": "verifier cut off", "counts": {}}
    found = standing_of(*wrong, {**cut, "event": "nothing of interest"})
    assert found.problems() == ["no variant '<b>'", "OSError: disk"]


def test_points_of_a_bench_that_another_process_finished_are_read_anew():
    found = standing_of(step("random", 0, 5, loss=1.0))
    found.live.points = [step("random", 0, 7, loss=3.0)]
    found.read()
    assert (row(found, "random")["step"], row(found, "random")["loss"]) == (7, 3.0)


def test_methods_are_told_as_they_are_written():
    assert method_in_words('{"method": "baby_steps", "knobs": {"buckets": 4}}') == "baby_steps(buckets=4)"
    assert method_in_words("") == ""
