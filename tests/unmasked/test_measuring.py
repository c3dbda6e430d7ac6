"""`measure` and `evaluate` against the engines and against numbers known by hand; inputs of every form."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import unmasked as um
from theory.unmasking import walks

PAIR = [[0.5, 0.0], [0.0, 0.5]]


def test_two_copies_revealed_at_once_lose_ln_2() -> None:
    found = um.measure(um.TopK(2), PAIR)
    assert found.kl == pytest.approx(math.log(2), abs=1e-12)
    assert (found.path_kl, found.calls, found.bound) == pytest.approx((math.log(2), 1.0, math.log(2)))
    assert found.excess == 0.0
    assert all(isinstance(value, float) for value in (found.kl, found.path_kl, found.calls, found.bound, found.excess))
    assert found.output is not None
    assert found.output.law().tolist() == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("form", [PAIR, np.array(PAIR), torch.tensor(PAIR), um.world(PAIR), um.worlds.repetition(2)])
def test_a_law_may_have_any_form(form) -> None:
    assert um.measure(um.TopK(2), form).kl == pytest.approx(math.log(2))


def test_rule_and_law_may_be_swapped() -> None:
    assert um.measure(PAIR, um.TopK(2)).kl == um.measure(um.TopK(2), PAIR).kl


def test_a_function_of_conditionals_and_masks_is_a_rule() -> None:
    def everything(log_p, masked):
        return masked

    assert um.measure(everything, PAIR).kl == pytest.approx(math.log(2))


def test_a_start_conditions_the_data() -> None:
    world = um.worlds.even_parity(4)
    found = um.measure(um.TopK(2), world, start=[0, 2, 2, 2])
    assert found.kl == pytest.approx(0.0, abs=1e-12)
    assert found.calls == pytest.approx(2.0)
    expected = walks.walk(um.TopK(2), world.given([0, 2, 2, 2]))
    assert expected.divergence >= 0


def _three_bits() -> tuple[um.World, list[int]]:
    return um.world(np.array([3, 1, 2, 5, 1, 1, 4, 2]) / 19, d=2), [2, 0, 2]


def _random_rows(n: int) -> um.TableDenoiser:
    logits = torch.randn(3**n, n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return um.TableDenoiser(logits.log_softmax(-1))


@pytest.mark.parametrize("own", [False, True], ids=["exact", "denoiser"])
def test_excess_from_a_start_is_over_the_best_rule_from_there(own: bool) -> None:
    """Two masked bits: at two calls the best is the better order, or, under a wrong denoiser, both bits at once."""
    world, start = _three_bits()
    denoiser = _random_rows(3) if own else None
    found = {r: um.measure(r, world, denoiser, start) for r in (um.TopK(1), um.TopK(2), um.RandomOne())}
    orders = [um.measure(um.LeftToRight(1), world, denoiser, start).path_kl, _right_to_left(world, denoiser)]
    best = min(*orders, found[um.TopK(2)].path_kl)
    assert found[um.TopK(2)].excess == pytest.approx(0.0, abs=1e-12)
    assert found[um.TopK(1)].excess == pytest.approx(found[um.TopK(1)].path_kl - best, abs=1e-10)
    assert found[um.RandomOne()].excess == pytest.approx(found[um.RandomOne()].path_kl - best, abs=1e-10)
    p = um.prompted(world, start, denoiser)
    assert um.measure(um.TopK(1), p.world, p.denoiser).excess == pytest.approx(found[um.TopK(1)].excess, abs=1e-12)


def _right_to_left(world: um.World, denoiser: um.TableDenoiser | None) -> float:
    def last(log_p, masked):
        return masked & (masked.int().flip(-1).cumsum(-1).flip(-1) == 1)

    return um.measure(last, world, denoiser, [2, 0, 2]).path_kl


def test_a_start_that_masks_nothing_leaves_no_excess() -> None:
    world, _ = _three_bits()
    assert um.measure(um.TopK(2), world, start=[0, 0, 1]).excess == 0.0
    assert um.measure("linear", world, start=[0, 0, 1], steps=2).excess == 0.0


def test_schedules_are_compared_from_a_start() -> None:
    world, start = _three_bits()
    shared = float(um.prompted(world, start).world.total_correlation())
    found = um.compare("linear", world, 1, start=start)
    assert (found.error, found.excess) == pytest.approx((shared, 0.0), abs=1e-12)
    two = um.compare("squared sine", world, 2, start=start)
    assert um.measure("squared sine", world, start=start, steps=2).excess == pytest.approx(two.excess, abs=1e-12)
    assert um.measure("squared sine", world, start=start, steps=2).path_kl == pytest.approx(two.error, abs=1e-12)
    assert um.compare("linear", world, 1, curve=[0.0, 0.5], start=start).error == pytest.approx(0.5)


def test_rules_are_evaluated_from_a_start() -> None:
    world, start = _three_bits()
    report = um.evaluate(um.TopK(1), {"bits": world}, start=start)
    measured = um.measure(um.TopK(1), world, start=start)
    assert report.mine()[0].divergence == pytest.approx(measured.kl, abs=1e-12)
    assert report.mine()[0].excess == pytest.approx(measured.excess, abs=1e-12)
    denoiser = _random_rows(3)
    both = um.evaluate(um.TopK(1), {"a": world, "b": world}, denoiser, {"a": start, "b": [2, 2, 1]})
    assert [s.divergence for s in both.mine()] == pytest.approx(
        [um.measure(um.TopK(1), world, denoiser, s).kl for s in (start, [2, 2, 1])], abs=1e-12
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: um.compare("linear", PAIR, 1, start=[0, 0]), "masks nothing"),
        (lambda: um.compare("linear", PAIR, 1, start=[0, 2, 2]), "expected n = 2 positions"),
        (
            lambda: um.evaluate(um.TopK(1), {"pair": PAIR}, start={"other": [0, 2]}),
            "starts for other beside worlds pair",
        ),
        (lambda: um.evaluate(um.TopK(1), {"pair": PAIR}, start=[5, 2]), "renumber"),
        (lambda: um.measure(um.TopK(1), PAIR, start=[0, 1]), "probability zero"),
        (lambda: um.prompted(PAIR, [0, 2]), "list where a world belongs"),
    ],
)
def test_wrong_starts_are_said_in_one_line(call, message: str) -> None:
    with pytest.raises(um.InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_schedule_is_measured_at_a_number_of_steps() -> None:
    world = um.worlds.copied_pairs(2)
    found = um.measure("linear", world, steps=2)
    assert 0 < found.kl <= found.path_kl
    assert found.excess >= 0
    with pytest.raises(um.InvalidInput, match="give steps=K"):
        um.measure("linear", world)


def test_a_long_chain_is_sampled_with_standard_errors() -> None:
    chain = um.worlds.markov_chain([[0.9, 0.1], [0.4, 0.6]], n=60)
    found = um.measure(um.EntropyBounded(0.5), chain, samples=64)
    assert found.standard_errors["kl"] > 0
    assert 1 < found.calls < 60
    assert "+-" in repr(found)


def test_a_random_rule_on_a_long_chain_has_no_kl_but_that_of_its_paths() -> None:
    chain = um.worlds.markov_chain([[0.9, 0.1], [0.4, 0.6]], n=20)
    found = um.measure(um.RandomOne(), chain, samples=8)
    assert math.isnan(found.kl) and found.path_kl == pytest.approx(0.0, abs=1e-12)
    assert um.measure(um.TopK(1), chain, start=[0] * 18 + [2, 2], samples=8).calls == 2.0


def test_a_denoiser_with_the_mask_elsewhere() -> None:
    world = um.worlds.even_parity(3)

    def network(ids):
        z = torch.where(ids == 0, 2, ids - 1)
        logits = torch.full((*ids.shape, 3), -30.0, dtype=torch.float64)
        logits[..., 1:] = world(z).clamp(min=-50)
        return logits

    found = um.measure(um.TopK(1), world, denoiser=um.denoiser(network, mask_id=0, d=2))
    assert found.kl == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: um.measure(um.TopK(1), "linear"), "law"),
        (lambda: um.measure(um.TopK(1), [0.5, 0.5, 0.0, 0.1], None), "shape"),
        (lambda: um.measure(um.TopK(1), um.worlds.even_parity(3), um.worlds.even_parity(4)), "n = 4"),
        (lambda: um.measure(um.TopK(1), PAIR, steps=3), "leave steps out"),
        (lambda: um.measure(um.TopK(1), PAIR, start=[5, 2]), "renumber"),
        (lambda: um.world(np.ones(8) / 8, n=2, d=3), "swapped"),
        (lambda: um.measure(um.TopK(1), PAIR, denoiser=lambda z: torch.zeros(*z.shape, 2)), "log_softmax"),
        (lambda: um.measure(um.TopK(1), PAIR, denoiser=lambda z: torch.full((*z.shape, 2), 0.5)), "probabilities"),
        (lambda: um.measure("top2", PAIR), r"unknown schedule 'top2'; .*; rules are objects, as um\.TopK\(2\)"),
        (lambda: um.measure(um.TopK, PAIR), r"TopK is a class; give an object, as um\.TopK\(2\)"),
        (lambda: um.evaluate(um.TopK), "TopK is a class"),
        (lambda: um.explore.rules(PAIR, [um.TopK]), "TopK is a class"),
        (lambda: um.measure(um.TopK(1), np.ones(16) / 16), r"um\.world\(law, d=2\)"),
        (lambda: um.measure(um.TopK(1), np.ones((2, 2, 2))), "law sums to 8; expected 1 within 1e-9"),
        (lambda: um.measure(um.TopK(1), PAIR, denoiser=3), "3 is no denoiser"),
        (lambda: um.measure(um.TopK(1), PAIR, denoiser="model"), "'model' is no denoiser"),
        (lambda: um.measure(um.TopK(1), PAIR, denoiser=um.TableDenoiser), "TableDenoiser is a class"),
        (lambda: um.evaluate(um.TopK(1), {"pair": PAIR}, denoiser=3), "3 is no denoiser"),
        (lambda: um.explore.rules(PAIR, [um.TopK(1)], 3), "3 is no denoiser"),
        (lambda: um.denoiser("model", d=2), "'model' is no denoiser"),
        (lambda: um.compare("linear", "squared sine", 4), "law of type str"),
        (lambda: um.compare(um.TopK(2), PAIR, 4), "schedule of type TopK"),
    ],
)
def test_mistakes_are_said_in_one_line(call, message: str) -> None:
    with pytest.raises(um.InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_trained_run_is_a_denoiser_wherever_one_is_asked_for(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 2, (200, 1)).repeat(3, 1)
    run = um.fit(rows, d=2, steps=20, model="tiny", folder=tmp_path)
    law = um.worlds.repetition(3)
    assert um.denoiser(run) is run
    found = um.measure(um.TopK(1), law, denoiser=run)
    assert found.kl > 0 and found.kl == um.measure(um.TopK(1), law, denoiser=run.denoiser).kl
    assert um.measure("linear", law, denoiser=run, steps=2).kl > 0
    assert um.evaluate(um.TopK(1), {"bit": law}, denoiser=run).mine()[0].divergence == pytest.approx(found.kl)
    assert um.explore.rules(law, [um.TopK(1)], run)["KL"].iloc[0] == pytest.approx(found.kl)
    assert um.sampling.sample(um.TopK(1), run, 4, seed=0).tokens.shape == (4, 3)
    with pytest.raises(um.InvalidInput, match="n = 3 beside a world with n = 4"):
        um.measure(um.TopK(1), um.worlds.repetition(4), denoiser=run)
    with pytest.raises(um.InvalidInput, match="where a law belongs") as told:
        um.compare("linear", run, 4)
    assert "\n" not in str(told.value)


def test_arrays_are_compared_too() -> None:
    assert um.compare("linear", PAIR, steps=1).error == pytest.approx(math.log(2))


def increasing(t):
    return t**2


def test_own_functions_are_called_by_their_names() -> None:
    assert um.compare(increasing, PAIR, 2).name.startswith("increasing beside")
    assert um.compare(lambda t: t**2, PAIR, 2).name.startswith("custom beside")
    assert um.explore.errors(PAIR, increasing, 2).index[0] == "increasing"
    assert um.measure(lambda log_p, masked: masked, PAIR).name == "function"


def test_evaluate_never_calls_a_one_token_rule_optimal() -> None:
    report = um.evaluate(um.TopK(1), {"pairs": um.worlds.copied_pairs(2)})
    from theory.unmasking.evaluation import verdict

    assert "optimal" not in verdict(report).replace("not optimal", "")


def three_answers(z: torch.Tensor) -> torch.Tensor:
    return torch.zeros(*z.shape, 3).log_softmax(-1)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (three_answers, r"numbers of shape \(1, 2, 3\) about one state.*which id is its mask: um.denoiser"),
        (lambda z: (three_answers(z), None), "answers with tuple about one state"),
        (lambda z: z.nonsense, "fails on a state of masks .AttributeError"),
    ],
)
def test_a_bare_network_of_another_width_is_asked_which_id_is_its_mask(network, said: str) -> None:
    """A network with a column for its mask would be read with the mask as the last id, whatever it is."""
    pair = np.array([[0.9, 0.0], [0.0, 0.1]])
    for call in (
        lambda: um.measure(um.TopK(1), pair, denoiser=network),
        lambda: um.explore.rules(um.world(pair), [um.TopK(1)], network),
        lambda: um.explore.blocks(um.TopK(2), um.world(pair), network),
        lambda: um.explore.frontier(um.world(pair), network),
    ):
        with pytest.raises(um.InvalidInput, match=said):
            call()


def test_a_grid_has_its_own_number_of_steps() -> None:
    world = um.worlds.copied_pairs(2)
    assert um.compare([0, 0.5, 1], world).error == um.compare([0, 0.5, 1], world, steps=2).error
    with pytest.raises(um.InvalidInput, match="compared at a number of steps; give steps=K"):
        um.compare("linear", world)
