"""Walks from a partially masked start, against the paths written out in fractions; what a walk shows; its totals."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.unmasking.likelihood import log_likelihood
from theory.unmasking.long_walks import sample_walk
from theory.unmasking.rules.info_gain import InfoGain
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, TopK
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, copied_pairs, states
from theory.worlds.tree import sticky_chain

LITERAL = {
    RandomOne(): reference_paths.random_one,
    TopK(2): reference_paths.top_k(2),
    EntropyBounded(0.5): reference_paths.entropy_bounded(0.5),
}


@st.composite
def starts(draw: st.DrawFn) -> tuple[TableWorld, tuple[int, ...]]:
    """Draw a world and a partially masked state that it can reach."""
    n, d = draw(st.sampled_from([(2, 2), (3, 2), (2, 3), (3, 3)]))
    weights = draw(st.lists(st.integers(0, 9), min_size=d**n, max_size=d**n).filter(any))
    world = TableWorld.from_weights(weights, n, d)
    x = draw(st.sampled_from([x for x, w in zip(reference.sequences(n, d), weights, strict=True) if w]))
    shown = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return world, tuple(v if s else d for v, s in zip(x, shown, strict=True))


def followed(law: dict, denoiser: object, rule: object, start: tuple[int, ...], n: int, d: int) -> list:
    """Return all paths from a state: those of `reference.paths`, which start all masked, one state further on."""
    hidden = reference.masked(start, d)

    def whole(z: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(z[hidden.index(i)] if i in hidden else start[i] for i in range(n))

    inner = {tuple(x[i] for i in hidden): p for x, p in law.items()}
    named = lambda rows: [  # noqa: E731  # positions among the hidden ones, and back
        (w, tuple(hidden.index(i) for i in block)) for w, block in rule({hidden[j]: row for j, row in rows.items()})
    ]
    return [
        (whole(p.x), p)
        for p in reference_paths.paths(inner, lambda z, i, v: denoiser(whole(z), hidden[i], v), named, len(hidden), d)
    ]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(starts(), st.sampled_from(sorted(LITERAL, key=lambda rule: rule.name)), st.booleans())
def test_a_walk_from_a_start_is_all_its_paths_in_fractions(case: tuple, rule: object, true: bool) -> None:
    world, start = case
    n, d = world.n, world.d
    law = {x: q for x, q in reference.exact(world).items() if reference.agrees(x, start, d)}
    law = {x: q / sum(law.values()) for x, q in law.items()}
    assert reference.exact(world.given(start)).keys() == law.keys()
    other = {x: Fraction(1 + k, 1) for k, x in enumerate(reference.sequences(n, d))}
    exact = reference.conditionals_of(law if true else other, d)
    table = None if true else TableDenoiser(TableWorld.from_weights([*other.values()], n, d)(states.all_states(n, d)))
    found = walk(rule, world, table, start)
    paths = followed(law, exact, LITERAL[rule], start, n, d)
    written: dict = {}
    for x, path in paths:
        written[x] = written.get(x, 0) + path.sampler
    listed = [float(written.get(x, 0)) for x in reference.sequences(n, d)]
    assert found.output.law().tolist() == pytest.approx(listed, abs=1e-14)
    assert found.world.law().tolist() == pytest.approx([float(law.get(x, 0)) for x in reference.sequences(n, d)])
    calls = math.fsum(float(p.sampler) * len(p.partition) for _, p in paths)
    assert found.calls == pytest.approx(calls, abs=1e-13)
    assert found.calls_of_data == pytest.approx(
        math.fsum(float(p.data) * len(p.partition) for _, p in paths), abs=1e-13
    )
    assert found.path_divergence == pytest.approx(reference_paths.joint_divergence([p for _, p in paths]), abs=1e-12)
    assert found.divergence == pytest.approx(reference.kullback_leibler(law, written), abs=1e-12)
    bound = math.fsum(float(p.data) * b for x, p in paths if p.data > 0 for b in _bounds(law, exact, start, x, p, d))
    assert found.bound == pytest.approx(bound, abs=1e-12)


def _bounds(law: dict, denoiser: object, start: tuple[int, ...], x: tuple[int, ...], path: object, d: int) -> list:
    z, found, hidden = start, [], reference.masked(start, d)
    for part in path.partition:
        block = tuple(hidden[j] for j in part)
        found.append(reference_paths.node_errors(law, denoiser, z, block, d)[2])
        for i in block:
            z = reference.with_token(z, i, x[i])
    return found


def test_value_rules_start_anywhere_too() -> None:
    """From a start the walk is the part of the whole walk that passes through it, for a rule that passes through it."""
    world, start = copied_pairs(2), (1, 2, 2, 2)
    for rule in (Punt(0.0), InfoGain("mean", "drawn")):
        found = walk(rule, world, start=start)
        assert found.divergence == pytest.approx(0, abs=1e-12)
        assert set(found.output.law().nonzero()[:, 0].tolist()) == set(
            world.given(start).law().nonzero()[:, 0].tolist()
        )
        assert math.isnan(found.path_divergence) and math.isnan(found.calls_of_data)
    done = walk(TopK(1), world, start=(1, 1, 0, 0))
    assert (done.calls, done.divergence, done.bound) == (0.0, 0.0, 0.0)


def test_starts_agree_between_the_walk_the_likelihood_and_the_sampled_walk() -> None:
    world, start, rule = sticky_chain(6), torch.tensor([2, 1, 2, 2, 0, 2]), EntropyBounded(0.3)
    found = walk(rule, world, start=start)
    x = states.all_sequences(6, 2)
    inside = ((start == 2) | (x == start)).all(-1)
    score = log_likelihood(rule, world, x[inside], start)
    assert float((score.log_likelihood.exp() - found.output.law()[inside]).abs().max()) < 1e-14
    assert float(found.output.law()[inside] @ score.calls.double()) == pytest.approx(found.calls)
    drawn = sample_walk(rule, world, 2000, torch.Generator().manual_seed(0), start=start)
    for estimate, value in ((drawn.path_divergence, found.path_divergence), (drawn.calls, found.calls)):
        low, high = estimate.interval(1e-6)
        assert low - 1e-12 <= value <= high + 1e-12


def test_a_walk_shows_itself_as_a_short_table() -> None:
    found = walk(EntropyBounded(0.4), copied_pairs(2))
    assert "rule = EB 0.4, entropy" in repr(found) and "calls = 3" in repr(found) and len(repr(found)) < 300
    assert "<table>" in found._repr_html_()
    batch = walk(TopK(1), TableWorld(torch.full((3, 8), 0.125), 3, 2))
    assert "worlds = 3" in repr(batch) and len(repr(batch)) < 300
    assert "path KL" not in repr(walk(Punt(0.1), copied_pairs(2)))


def test_conditionals_rounded_to_single_precision_give_a_law() -> None:
    world = sticky_chain(5)
    found = walk(LeftToRight(2), world, lambda z: world(z).float())
    assert float(found.output.law().sum()) == pytest.approx(1, abs=1e-14)
    assert found.divergence == pytest.approx(walk(LeftToRight(2), world).divergence, abs=1e-6)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ((0, 2, 2), "expected n = 4 positions"),
        ((0, 2, 2, 3), r"expected 0\.\.1, or 2 for the mask"),
        ((-1, 2, 2, 2), r"expected 0\.\.1, or 2 for the mask"),
        (torch.full((4,), 2, dtype=torch.int32), r"expected torch\.int64"),
        ((0, 1, 2, 2), "probability zero"),
    ],
)
def test_a_bad_start_is_named(start: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        walk(TopK(1), copied_pairs(2), start=start)
