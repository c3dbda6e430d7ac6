"""Samplers that remember the probability of each token when revealed: by walking every path with its history."""

from __future__ import annotations

import functools
import itertools
import math

import pytest
import torch
from torch import Generator

from theory.errors import InvalidInput
from theory.ledger import hoeffding_margin
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain, schedules
from theory.remasking.confident import confident_output, remembered
from theory.remasking.drafts import factorised
from theory.remasking.sampling import masked_batch, sample
from theory.schedules import LINEAR
from theory.worlds import TableWorld, copied_pairs, dirichlet
from theory.worlds.table import table_of

WORLDS = {
    "two bits": TableWorld.from_weights([5, 1, 2, 8], 2, 2),
    "three symbols": dirichlet(2, 3, 0.5, Generator().manual_seed(3)),
    "three bits": dirichlet(3, 2, 0.5, Generator().manual_seed(1)),
    "copied pairs": table_of(copied_pairs(2)),
}
CONF = {"kind": "confident", "sigma": schedules.rescale(0.8)}
Path = tuple[reference.State, tuple[float, ...]]


def gap(world: TableWorld, output: TableWorld, law: dict[reference.State, float]) -> float:
    cells = reference.sequences(world.n, world.d)
    return max(abs(law.get(x, 0.0) - p) for x, p in zip(cells, output.law().tolist(), strict=True))


def starred(
    world: TableWorld, triples: list[tuple[float, float, bool]], weight: float = 1.0
) -> dict[reference.State, float]:
    """Return confidence-star's output by all paths: each carries psi, and every order of drawing positions is summed.

    Steps are (alpha now, alpha next, whether the step is one of the star). `weight` multiplies psi in the exponent.
    """
    n, d = world.n, world.d
    ask = reference.conditionals_of(reference.floats(world), d)
    paths: dict[Path, float] = {((d,) * n, (math.inf,) * n): 1.0}
    for now, after, star in triples:
        moved: dict[Path, float] = {}
        for (z, psi), mass in paths.items():
            hidden = [i for i in range(n) if z[i] == d]
            for values in itertools.product(range(d), repeat=len(hidden)):
                y, known = list(z), list(psi)
                chance = mass
                for i, v in zip(hidden, values, strict=True):
                    y[i], known[i] = v, float(ask(z, i, v))
                    chance *= known[i]
                if not chance:
                    continue
                if star:
                    count = math.ceil((1 - after) * n - 1e-9)
                    drawn = reference_remasking.subset_law([math.exp(-weight * c) for c in known], count)
                else:
                    reveal = (after - now) / (1 - now)
                    drawn = {}
                    for flags in itertools.product((False, True), repeat=len(hidden)):
                        chosen = frozenset(i for i, flag in zip(hidden, flags, strict=True) if flag)
                        drawn[chosen] = math.prod(1 - reveal if flag else reveal for flag in flags)
                for subset, p in drawn.items():
                    state = tuple(d if i in subset else v for i, v in enumerate(y))
                    held = tuple(math.inf if i in subset else round(c, 12) for i, c in enumerate(known))
                    moved[state, held] = moved.get((state, held), 0.0) + chance * p
        paths = {path: p for path, p in moved.items() if p > 0}
    found: dict[reference.State, float] = {}
    for (z, _), mass in paths.items():
        found[z] = found.get(z, 0.0) + mass
    return found


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("steps", [1, 3, 4])
def test_conf_has_the_law_of_all_paths_with_their_history(name: str, steps: int) -> None:
    world = WORLDS[name]
    plan = schedules.plan(LINEAR.grid(steps), **CONF)
    triples = [(float(s.alpha_now), float(s.alpha_next), float(s.sigma)) for s in plan]
    conditional = reference.conditionals_of(reference.floats(world), world.d)
    law = reference_remasking.confident_law(conditional, triples, world.n, world.d)
    output = confident_output(remembered(world), plan)
    assert gap(world, output, law) < 1e-12
    if steps > 2 and name != "copied pairs":
        wrong = [(now, after, 1.01 * sigma) for now, after, sigma in triples]
        other = reference_remasking.confident_law(conditional, wrong, world.n, world.d)
        assert gap(world, output, other) > 1e-7, "one percent more sigma would be noticed"


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize(("steps", "window"), [(4, (0.0, 1.0)), (5, (0.5, 1.0))])
def test_confidence_star_has_the_law_of_all_orders_of_all_paths(
    name: str, steps: int, window: tuple[float, float]
) -> None:
    world = WORLDS[name]
    plan = schedules.counted(steps, window)
    triples = [(float(s.alpha_now), float(s.alpha_next), s.kind == "counted") for s in plan]
    output = confident_output(remembered(world), plan)
    assert gap(world, output, starred(world, triples)) < 1e-12
    assert gap(world, output, starred(world, triples, 1.01)) > 1e-8, "one percent more psi would be noticed"
    cold = confident_output(remembered(world), plan, temperature=0.5)
    assert gap(world, cold, starred(world, triples, 2.0)) < 1e-12


@pytest.mark.parametrize("name", WORLDS)
def test_without_confidence_the_memory_plays_no_part(name: str) -> None:
    world = WORLDS[name]
    for plan in (schedules.standard(3), schedules.star(4), schedules.plan(LINEAR.grid(5), schedules.cap(0.3))):
        output = confident_output(remembered(world), plan)
        assert (output.law() - chain.output_law(factorised(world), plan).law()).abs().max() < 1e-14
    hot = confident_output(remembered(world), schedules.counted(4), temperature=1e9)
    uniform = chain.output_law(factorised(world), schedules.counted(4))
    assert (hot.law() - uniform.law()).abs().max() < 1e-8


def test_batches_under_conf_have_the_exact_law() -> None:
    world, rows = WORLDS["three bits"], 40_000
    plan = schedules.plan(LINEAR.grid(5), **CONF)
    tokens = sample(world, plan, masked_batch(world, rows), generator=Generator().manual_seed(0)).tokens
    seen = torch.bincount(tokens @ torch.tensor([4, 2, 1]), minlength=8).double() / rows
    margin = hoeffding_margin(rows, 1.0)
    assert (seen - confident_output(remembered(world), plan).law()).abs().max() < margin


def test_wrong_arguments_are_named() -> None:
    world = WORLDS["two bits"]
    with pytest.raises(InvalidInput, match="ends with masks"):
        confident_output(remembered(world), schedules.standard(3)[:2])
    with pytest.raises(InvalidInput, match="expected one"):
        remembered(TableWorld(torch.full((2, 4), 0.25, dtype=torch.float64), 2, 2))


@functools.cache
def sizes(name: str) -> tuple[int, int]:
    memory = remembered(WORLDS[name])
    return len(memory.tokens), len(memory.source)


def test_labels_are_the_tokens_with_every_probability_they_can_be_revealed_with() -> None:
    """A copied bit is revealed with 1/2, or with 1 beside its copy: five labels, and 5^4 vectors."""
    assert sizes("copied pairs")[0] == 5**4
    assert sizes("two bits")[0] == (1 + 2 * 3) ** 2


def test_sets_are_all_subsets_of_positions() -> None:
    memory = remembered(WORLDS["three bits"])
    assert memory.sets.tolist() == [list(row) for row in itertools.product((False, True), repeat=3)]


def test_the_share_that_ends_with_masks_is_said() -> None:
    """After one step to alpha = 1/2 each of two positions is shown half of the time."""
    memory = remembered(WORLDS["two bits"])
    with pytest.raises(InvalidInput, match=r"a share 0\.75 of the paths ends with masks"):
        confident_output(memory, [schedules.Step(0.0, 0.5)])
