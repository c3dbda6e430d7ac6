"""What the claims on training are checked on: tables of losses, per-position weights, laws of a few points."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from jaxtyping import Float
from torch import Tensor

from theory.denoisers import TableDenoiser
from theory.ledger import EPSILON, Instance, strategies
from theory.training.loss_table import LossTable, masked_sets
from theory.unmasking.likelihood import order_terms
from theory.worlds import TableWorld, states

ORDERS = "Garg, Kohli, Sarawagi, arXiv 2511.19152"
DECOMPOSITION = "Jia, Zhou, Liu, Jiang, Jiang, arXiv 2511.18159"
VRPO = "Zhu et al., VRPO (LLaDA 1.5), arXiv 2505.19223"
OURS = "ours, see docs/derivations.md"
NONE = Fraction(0)
Weights = Sequence[Fraction]
UNEQUAL: Weights = [Fraction(1, 2), Fraction(2), Fraction(7, 10)]
"""Three weights, none like another."""
NEGLECTED = 2.0**-44
"""Share of a loss that quadrature in t leaves out below 2^-240, for weights from 1/5, and rounds: see the tolerances."""
QUADRATURE = (
    "2^-44 times the largest sum of losses: below t = 2^-240 there is less than 2^-48 of any probability, Gauss rules of "
    "16 nodes err by less than rounding on panels that halve, and the sums round in some thousand terms"
)
ROUNDED = "rounding of sums over masks, ledger.rounding of their number and size"


def terms_of(denoiser: TableDenoiser | TableWorld) -> Float[Tensor, "cells sets n"]:
    """Return ln q(x_l | x outside s) of all sequences."""
    return order_terms(denoiser, states.all_sequences(denoiser.n, denoiser.d))


def rounding_of(terms: Tensor) -> float:
    """Return the tolerance of sums of losses: see QUADRATURE."""
    return NEGLECTED * max(1.0, float(terms.abs().sum(-1).amax()) * terms.shape[-1])


def whole_table(values: Sequence[Sequence[int]], weights: Sequence[int]) -> tuple[LossTable, dict[int, Fraction]]:
    """Return a loss table of whole numbers with a rational law, and the law: one row of losses a sequence."""
    n = (len(values[0]) + 1).bit_length() - 1
    law = {c: Fraction(w, sum(weights)) for c, w in enumerate(weights)}
    losses = torch.tensor([[0, *row] for row in values], dtype=torch.float64).T
    return LossTable(n, losses, torch.tensor([float(q) for q in law.values()], dtype=torch.float64)), law


def exact_losses(values: Sequence[Sequence[int]]) -> dict[int, dict[frozenset[int], Fraction]]:
    """Return the same losses by masked set, as fractions."""
    n = (len(values[0]) + 1).bit_length() - 1
    rows = [frozenset(s.nonzero()[:, 0].tolist()) for s in masked_sets(n)]
    return {c: dict(zip(rows, [Fraction(0), *map(Fraction, row)], strict=True)) for c, row in enumerate(values)}


def rounding_sums(terms: int, scale: float) -> float:
    """Return 64 eps times the number of terms and their scale: sums of products of a few rounded factors."""
    return 64 * EPSILON * terms * max(1.0, scale)


@st.composite
def loss_tables(draw: DrawFn, n: tuple[int, int] = (2, 3)) -> Instance:
    """Draw whole losses of every nonempty masked set for a few sequences, and whole weights of the sequences."""
    length, cells = draw(st.integers(*n)), draw(st.integers(1, 3))
    row = st.lists(st.integers(0, 12), min_size=2**length - 1, max_size=2**length - 1)
    values = draw(st.lists(row, min_size=cells, max_size=cells))
    return {"values": values, "weights": draw(st.lists(st.integers(1, 9), min_size=cells, max_size=cells))}


@st.composite
def weighted_denoisers(draw: DrawFn, law: bool = False, n: tuple[int, int] = (2, 4)) -> Instance:
    """Draw an inconsistent denoiser with per-position weights in tenths from 1/5 to 5, and a law where asked."""
    length = draw(st.integers(*n))
    d = draw(st.integers(2, 3 if length < 4 else 2))
    found: dict[str, Any] = {
        "denoiser": draw(strategies.denoisers((length, d))),
        "w": draw(weight_lists(n=(length, length))),
    }
    if law:
        found["world"] = draw(strategies.worlds(n=(length, length), d=(d, d)))
    return found


@st.composite
def scaled_denoisers(draw: DrawFn) -> Instance:
    """Draw the same with a factor for all weights that keeps them within 1/5 and 10."""
    found = dict(draw(weighted_denoisers()))
    return {**found, "scale": draw(st.sampled_from([Fraction(3, 2), Fraction(2)]))}


@st.composite
def weighted_worlds(draw: DrawFn) -> Instance:
    """Draw a law with per-position weights."""
    world = draw(strategies.worlds(n=(2, 3), cells=27))
    return {"world": world, "w": draw(weight_lists(n=(world.n, world.n)))}


@st.composite
def weight_lists(draw: DrawFn, n: tuple[int, int] = (2, 4), whole: bool = False) -> list[Fraction]:
    """Draw per-position weights: tenths from 1/5 to 5, or whole numbers from 1 to 5."""
    length = draw(st.integers(*n))
    one = st.integers(1, 5).map(Fraction) if whole else st.integers(2, 50).map(lambda k: Fraction(k, 10))
    return draw(st.lists(one, min_size=length, max_size=length))


@st.composite
def level_steps(draw: DrawFn) -> Instance:
    """Draw roots of mean squared losses at levels in equal steps, and chances of the levels."""
    steps = draw(st.integers(1, 6))
    roots = draw(st.lists(st.integers(1, 9), min_size=steps, max_size=steps))
    return {"roots": roots, "chances": draw(st.lists(st.integers(1, 9), min_size=steps, max_size=steps))}


@st.composite
def pair_inputs(draw: DrawFn) -> Instance:
    """Draw whole losses of masked sets and a level."""
    return {"values": draw(loss_tables())["values"], "t": draw(level_fractions())}


def level_fractions() -> st.SearchStrategy[Fraction]:
    """Draw a level inside (0, 1), in twelfths."""
    return st.integers(1, 11).map(lambda k: Fraction(k, 12))


def token_losses() -> st.SearchStrategy[list[int]]:
    """Draw a loss for each of two to four tokens."""
    return st.lists(st.integers(0, 9), min_size=2, max_size=4)


def set_steps() -> st.SearchStrategy[list[int]]:
    """Draw what each of the sets of two or three positions adds to the largest loss of its subsets."""
    return st.sampled_from((2, 3)).flatmap(lambda n: st.lists(st.integers(0, 5), min_size=2**n, max_size=2**n))


def token_tables() -> st.SearchStrategy[list[list[int]]]:
    """Draw the loss of each token for each masked set, of two or three positions."""

    def tables(n: int) -> st.SearchStrategy[list[list[int]]]:
        row = st.lists(st.integers(0, 9), min_size=2**n, max_size=2**n)
        return st.lists(row, min_size=n, max_size=n)

    return st.sampled_from((2, 3)).flatmap(tables)


def shifts() -> st.SearchStrategy[float]:
    """Draw by how much a masking rate is raised: twentieths up to a half."""
    return st.integers(1, 10).map(lambda k: k / 20)


def slopes() -> st.SearchStrategy[int]:
    """Draw the slope of a control variate."""
    return st.integers(1, 9)


@st.composite
def stratified(draw: DrawFn) -> Instance:
    """Draw a polynomial by its coefficients, a number of strata and how many draws each gets."""
    curve = draw(st.lists(st.integers(-5, 5), min_size=2, max_size=4))
    return {"curve": curve, "parts": draw(st.integers(1, 5)), "each": draw(st.integers(1, 3))}


def seeds() -> st.SearchStrategy[int]:
    """Draw the seed of a sample."""
    return st.integers(0, 2**31)


@st.composite
def points(draw: DrawFn, vectors: int = 0) -> Instance:
    """Draw a law of a few points for a score, in eighths, with vectors of the unit ball beside each where asked."""
    count = draw(st.integers(2, 5))
    eighth = st.integers(-80, 80).map(lambda k: Fraction(k, 8))
    found: dict[str, Any] = {
        "values": draw(st.lists(eighth, min_size=count, max_size=count)),
        "weights": draw(st.lists(st.integers(1, 40), min_size=count, max_size=count)),
    }
    if vectors:
        entry = st.lists(st.integers(-9, 9), min_size=vectors, max_size=vectors)
        found["gradients"] = draw(st.lists(entry, min_size=count, max_size=count))
    return found


def uneven(n: int, d: int) -> TableWorld:
    """Return a fixed law without symmetry."""
    return TableWorld.from_weights([(5 * k + 3) % 11 + 1 for k in range(d**n)], n, d)
