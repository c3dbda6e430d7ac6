"""What a model's measurement is made of, against definitions written out: draws, paths, orders and acceptances."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pandas as pd
import pytest
import torch
from torch import Tensor

from synthetic.measuring import estimates, paths, scores
from synthetic.measuring.scores import COLUMNS, Plan
from synthetic.measuring.sequences import sequences
from theory.denoisers import Denoiser, TableDenoiser
from theory.errors import InvalidInput
from theory.unmasking import likelihood
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, TopK
from theory.worlds import TableWorld, markov_chain, states

N, D = 4, 3


def model(seed: int = 0, spread: float = 1.0) -> TableDenoiser:
    """Return conditionals that belong to no law: every row drawn by itself."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((D + 1) ** N, N, D, generator=generator, dtype=torch.float64)
    return TableDenoiser((spread * logits).log_softmax(-1))


def rows_of(denoiser: Denoiser, x: Tensor, plan: Plan, given: Tensor | None = None) -> pd.DataFrame:
    shown = torch.zeros_like(x, dtype=torch.bool) if given is None else given
    return pd.DataFrame(scores.score(denoiser, x, shown, list(range(len(x))), plan), columns=list(COLUMNS))


def surprise(denoiser: Denoiser, x: Tensor, masked: set[int], position: int) -> float:
    """Return -ln p(x_i | what is not masked), a single state at a time."""
    z = torch.tensor([[D if i in masked else int(x[i]) for i in range(len(x))]])
    return -float(denoiser(z)[0, position, x[position]])


def nelbo(denoiser: Denoiser, x: Tensor, free: list[int]) -> float:
    """Return the mean over all orders of the free positions of minus the log-likelihood along the order."""
    orders = list(itertools.permutations(free))
    return sum(
        surprise(denoiser, x, set(order[k:]), order[k]) for order in orders for k in range(len(order))
    ) / len(orders)  # fmt: skip


def samples(count: int = 3) -> Tensor:
    return torch.randint(D, (count, N), generator=torch.Generator().manual_seed(1))


def test_the_mean_over_many_draws_is_the_nelbo() -> None:
    """2,000 independent estimates of each NELBO; their means are within 4.5 standard errors (6 means: 4e-5).

    With 16 masks each, 4.5 errors are less than one percent of the NELBO: a mean that is one percent off is noticed.
    """
    x, denoiser, repeats = samples(3), model(spread=0.2), 2000
    for given in (torch.zeros(3, N, dtype=torch.bool), torch.tensor([[True] + [False] * 3]).expand(3, N)):
        repeated, shown = x.repeat(repeats, 1), given.repeat(repeats, 1)
        values = estimates.nelbo(rows_of(denoiser, repeated, Plan(draws=16, scored=0, windows=0), shown))
        for r, own in enumerate(torch.tensor(values).reshape(repeats, 3).T):
            truth = nelbo(denoiser, x[r], (~given[r]).nonzero()[:, 0].tolist())
            error = float(own.std()) / math.sqrt(repeats)
            assert abs(float(own.mean()) - truth) < 4.5 * error < 0.005 * truth
            assert abs(1.01 * float(own.mean()) - truth) > 4.5 * error


def test_the_weights_of_all_draws_together_count_every_level_once() -> None:
    """The weights' mean at count k, times how often it is drawn, is 1 for every k: so any f(k) is summed right."""
    plan = Plan(draws=64, scored=0, windows=0)
    x = torch.zeros(400, 9, dtype=torch.long)
    drawn = estimates.draws_of(rows_of(markov_chain([[0.5, 0.5], [0.5, 0.5]], 9), x, plan))
    by_count = drawn.groupby("parameter").share.sum() / len(x)
    assert by_count.index.tolist() == [float(k) for k in range(1, 10)]
    assert (by_count - 1).abs().max() < 0.02


def test_a_single_free_token_needs_no_draws() -> None:
    x, given = samples(2), torch.tensor([[True, True, False, True]] * 2)
    rows = rows_of(model(), x, Plan(draws=4, scored=2, windows=1, sizes=(2,), budgets=(0.5,)), given)
    assert not (rows.kind == "draw").any()
    assert estimates.nelbo(rows) == pytest.approx([nelbo(model(), row, [2]) for row in x], rel=1e-8)
    assert set(rows[rows.kind == "accepted"].value) == {1.0}


def test_paths_are_those_of_the_likelihood_engine() -> None:
    x, denoiser = samples(5), model(2)
    given = torch.tensor([[False, True, False, False]]).expand(5, N)
    start = torch.where(given, x, D)
    for rule in (TopK(2, "confidence"), LeftToRight(2), EntropyBounded(0.7)):
        path = paths.follow(rule, denoiser, x, given)
        engine = likelihood.log_likelihood(rule, denoiser, x, start)
        assert path.log_likelihood.tolist() == pytest.approx(engine.log_likelihood.tolist(), abs=1e-12)
        assert path.calls.tolist() == engine.calls.tolist()
        assert [row[0] for row in path.order.tolist()] == [1] * 5


def test_the_bound_of_a_path_is_its_entropies_but_the_largest_of_each_step() -> None:
    x, denoiser, rule = samples(4), model(3), EntropyBounded(0.9)
    path = paths.follow(rule, denoiser, x, torch.zeros(4, N, dtype=torch.bool))
    for r in range(4):
        z, bound = torch.full((1, N), D), 0.0
        while bool((z == D).any()):
            log_p = denoiser(z)
            block = rule.select(log_p, z == D)[0]
            entropies = [-float((row.exp() * row).sum()) for row in log_p[0][block]]
            bound += sum(entropies) - max(entropies)
            z[0, block] = x[r, block]
        assert float(path.bound[r]) == pytest.approx(bound, abs=1e-12)


def test_along_an_order_every_token_is_asked_about_once() -> None:
    x, denoiser = samples(3), model(4)
    order = torch.tensor([[2, 0, 3, 1], [1, 3, 0, 2], [3, 2, 1, 0]])
    value = paths.along(denoiser, x, torch.zeros(3, N, dtype=torch.bool), order)
    for r in range(3):
        listed = order[r].tolist()
        literal = -sum(surprise(denoiser, x[r], set(listed[k:]), listed[k]) for k in range(N))
        assert float(value[r]) == pytest.approx(literal, abs=1e-12)


def test_the_orders_of_a_true_law_agree_and_those_of_loose_conditionals_do_not() -> None:
    plan = Plan(draws=4, scored=4, sizes=(2,), budgets=(0.5,))
    weights = torch.rand(D**N, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    world = TableWorld(weights / weights.sum(), N, D)
    rows = rows_of(world, samples(4), plan)
    agree = estimates.spread(rows)
    assert agree is not None and float(agree.mean) < 1e-8
    assert estimates.orders(rows).gain.abs().max() < 1e-8
    differ = estimates.spread(rows_of(model(), samples(4), plan))
    assert differ is not None and float(differ.mean) > 0.1


def test_acceptance_is_the_overlap_of_draft_and_target() -> None:
    x, denoiser = samples(1), model(6)
    rows = rows_of(denoiser, x, Plan(draws=4, scored=0, windows=1, window=N))
    start = torch.full((1, N), D)
    draft = denoiser(start)[0].exp()
    for place, kept in zip(range(N), rows[rows.kind == "accepted"].value, strict=True):
        z = start.clone()
        z[0, :place] = x[0, :place]
        overlap = float(torch.minimum(draft[place], denoiser(z)[0, place].exp()).sum())
        assert kept == pytest.approx(overlap, rel=1e-8)


def test_eb_divided_costs_its_joint_dependence_on_average() -> None:
    """On a true law the mean over its sequences of divided minus together is the walk's joint dependence error."""
    from theory.unmasking import walks

    generator = torch.Generator().manual_seed(7)
    weights = torch.rand(2**N, generator=generator, dtype=torch.float64) ** 3
    world = TableWorld(weights / weights.sum(), N, 2)
    rule, x = EntropyBounded(0.6), states.all_sequences(N, 2)
    none = torch.zeros_like(x, dtype=torch.bool)
    path = paths.follow(rule, world, x, none)
    cost = paths.along(world, x, none, path.order) - path.log_likelihood
    walk = walks.walk(rule, world)
    assert float(walk.joint_dependence) > 0.01
    assert float(world.law() @ cost) == pytest.approx(float(walk.joint_dependence), abs=1e-10)
    assert float(world.law() @ path.bound) == pytest.approx(float(walk.bound), abs=1e-10)


def test_a_sequence_has_the_same_numbers_in_any_group() -> None:
    x, denoiser, plan = samples(4), model(), Plan(draws=4, scored=4, sizes=(2,), budgets=(0.5,))
    whole = rows_of(denoiser, x, plan).sort_values(["item", "kind", "name", "parameter"]).reset_index(drop=True)
    none = torch.zeros(1, N, dtype=torch.bool)
    single: list[scores.Row] = [
        row for item in range(4) for row in scores.score(denoiser, x[[item]], none, [item], plan)
    ]
    alone = pd.DataFrame(single, columns=list(COLUMNS)).sort_values(["item", "kind", "name", "parameter"])
    pd.testing.assert_frame_equal(whole, alone.reset_index(drop=True), check_exact=False, atol=1e-9)


def wrong_plans() -> Iterator[dict[str, object]]:
    yield {"draws": 3}
    yield {"draws": 2}
    yield {"sizes": (1,)}
    yield {"budgets": (-0.1,)}
    yield {"thresholds": (1.5,)}
    yield {"window": 0}
    yield {"scored": -1}
    yield {"thresholds": (1.0,)}
    yield {"budgets": (0.0,)}
    yield {"seed": 2**40}


@pytest.mark.parametrize("wrong", list(wrong_plans()))
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(wrong))} = .*; expected "):
        Plan(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_wrong_sequences_and_prompts_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no sequences"):
        sequences([], 3)
    with pytest.raises(InvalidInput, match="holds the mask"):
        sequences([[0, 1], [3, 0]], 3)
    with pytest.raises(InvalidInput, match="whole numbers"):
        sequences([[0.5, 1.0]], 3)
    with pytest.raises(InvalidInput, match="leaves none"):
        sequences([[0, 1]], 3, prompts=2)
    with pytest.raises(InvalidInput, match="prompts for 2 sequences"):
        sequences([[0, 1], [1, 1]], 3, prompts=[1])
    with pytest.raises(InvalidInput, match="expected a number of its first tokens"):
        sequences([[0, 1]], 3, prompts=[[True, False, False]])
    with pytest.raises(InvalidInput, match="chooses at random"):
        paths.follow(RandomOne(), model(), samples(1), torch.zeros(1, N, dtype=torch.bool))


def test_sequences_of_several_lengths_are_grouped_by_length() -> None:
    data = sequences([[0, 1], [2, 2, 2], [1, 0], [0, 0]], 3, prompts=[0, 1, 1, 0])
    assert list(data.groups(2)) == [[0, 2], [3], [1]]
    assert data.free == [2, 2, 1, 2]
    tokens, given = data.rows([0, 2])
    assert tokens.tolist() == [[0, 1], [1, 0]] and given.tolist() == [[False, False], [True, False]]
