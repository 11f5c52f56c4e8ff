"""Each planted mistake applies, runs, and is the mistake that it says it is."""

import itertools

import numpy as np
import pytest
from diagnosis.catalogue import MISTAKES, source_with
from diagnosis.outcomes import BIAS, WEIGHT, again, are_as, is_as, parts, problems, right_outcomes, run, wrong_parts
from diagnosis.right import RIGHT, caller

PLANTED = [(mistake, name) for mistake in MISTAKES for name in mistake.planted]
by_mistake = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake.equation}-{mistake.slug}")


def common_factor(right, got):
    """k, where every gradient is k times the right one; else None."""
    right, got = parts(right), parts(got)
    if any(right[key].shape != got[key].shape for key in right):
        return None
    a, b = (np.concatenate([p[key].ravel() for key in sorted(right)]) for p in (right, got))
    k = (a @ b) / (a @ a)
    return k if is_as(k * a, b) else None


def is_a_convention(factor, n, m):
    """Whether somebody could mean gradients of `factor` times ours: who owns 1/n, ½, 1/m and the sign."""
    means = [of_batch * of_half * of_outputs for of_batch in (1, n) for of_half in (1, 2) for of_outputs in (1, 1 / m)]
    return any(np.isclose(abs(factor), mean) for mean in means)


def test_the_catalogue_is_large_and_each_answer_stands_once():
    assert sum(bool(mistake.seen_in) for mistake in MISTAKES) >= 40
    assert len({(mistake.equation, mistake.slug) for mistake in MISTAKES}) == len(MISTAKES)
    assert {mistake.equation for mistake in MISTAKES} == {"BP1", "BP2", "BP3", "BP4", "forward", "cost", "state"}
    assert {name for _, name in PLANTED} == set(RIGHT)


def test_what_cannot_be_told_apart_names_answers_that_exist():
    answers = {(mistake.equation, mistake.slug) for mistake in MISTAKES}
    assert {other for mistake in MISTAKES for other in mistake.same_as} <= answers
    assert all(set(mistake.seen_if) <= {*mistake.planted, "*"} for mistake in MISTAKES)


def is_what_it_says(mistake, name):
    """On every problem: the first wrong quantity, in backward order, belongs to the equation named."""
    source, needs = source_with(mistake, name), mistake.needs(name)
    where = needs if "square" in needs else ""
    for problem, (right, right_again) in zip(problems(name, where), right_outcomes(name, where), strict=True):
        np.random.seed(5)  # noqa: NPY002 - students' own random numbers
        call = caller(name, source)
        first, second = run(call, problem), run(call, again(problem))
        wrong = wrong_parts(right, first)
        kinds, layers = {kind for kind, _ in wrong}, {layer for _, layer in wrong}
        cost_wrong = right.cost is not None and not np.isclose(right.cost, first.cost, rtol=1e-9)
        L = len(problem.weights)
        match mistake.equation:
            case "BP1":
                seen = (WEIGHT, L) in wrong and not cost_wrong
            case "BP2":
                seen = bool(wrong) and L not in layers and not cost_wrong
            case "BP3":
                seen = kinds == {BIAS} and not cost_wrong
            case "BP4":  # in form 8 the biases are a column of the weights
                seen = WEIGHT in kinds and (RIGHT[name].form == 8 or BIAS not in kinds) and not cost_wrong
            case "forward":
                seen = bool(wrong)
            case "cost":
                seen = cost_wrong and not wrong
            case "state":
                seen = bool(wrong or wrong_parts(right_again, second) or first.changed)
        if not seen:
            return False
    return True


@by_mistake
def test_it_runs_and_is_the_mistake_that_it_says(mistake):
    names = [name for name in mistake.planted if mistake.needs(name) != "raises"]
    assert [name for name in names if not is_what_it_says(mistake, name)] == []


@by_mistake
def test_one_width_hides_what_distinct_widths_give_away(mistake):
    for name in mistake.planted:
        if mistake.needs(name) in {"square", "square batch", "raises"}:
            for problem in problems(name):
                with pytest.raises((ValueError, IndexError)):
                    run(caller(name, source_with(mistake, name)), problem)


def is_a_convention_elsewhere(mistake, name):
    """Whether all its gradients have a common factor that somebody could mean."""
    source = source_with(mistake, name)
    for problem, (right, _) in zip(problems(name), right_outcomes(name), strict=True):
        k = common_factor(right, run(caller(name, source), problem))
        n, m = problem.y.shape
        if k is None or not is_a_convention(k * RIGHT[name].factor(n, m), n, m):
            return False
    return True


@by_mistake
def test_no_mistake_is_a_convention_unless_the_cost_shows_it(mistake):
    names = [name for name in mistake.planted if mistake.needs(name) in {"", "cost"}]
    if mistake.equation not in {"state", "cost"}:
        only_by_cost = [name for name in names if mistake.needs(name) == "cost"]
        assert [name for name in names if is_a_convention_elsewhere(mistake, name)] == only_by_cost


@pytest.mark.parametrize("name", RIGHT)
def test_two_mistakes_with_the_same_numbers_say_so(name):
    found, unsaid = [], []
    for mistake, where in PLANTED:
        if where == name and mistake.needs(name) in {"", "cost"} and mistake.equation != "state":
            source = source_with(mistake, name)
            found.append((mistake, [run(caller(name, source), problem) for problem in problems(name)]))
    for (one, outcomes), (other, others) in itertools.combinations(found, 2):
        said = (other.equation, other.slug) in one.same_as or (one.equation, one.slug) in other.same_as
        if not said and all(map(are_as, outcomes, others)):
            unsaid.append(f"{one.equation} {one.slug} = {other.equation} {other.slug}")
    assert not unsaid
