"""Claims 1-3: the information curve, the exact error of fixed-size unmasking, and what bounds what."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from torch import Tensor

from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, at_most, equal, rounding, shannon, strategies
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers
from theory.unmasking import curves, laws
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS, tolerance
from theory.worlds import TableWorld, even_parity, mds_code
from theory.worlds.table import table_of

SOURCE = "Chen, Cong, Li, arXiv 2511.04647"
FOUR_BITS = {"world": table_of(even_parity(4)), "sizes": [2, 2]}
ROUNDING = "rounding of a sum over the (d+1)^n states of products of n factors: ledger.rounding(n (d+1)^n, TC)"


def literal_curve(law: reference.Law, n: int) -> list[float]:
    """Return Z_j = E I(X_i; X_S) from its definition: every S of size j - 1, every i outside it."""
    h = {s: reference.subset_entropy(law, s) for m in range(n + 1) for s in itertools.combinations(range(n), m)}
    curve = []
    for j in range(1, n + 1):
        pairs = [(s, i) for s in itertools.combinations(range(n), j - 1) for i in range(n) if i not in s]
        shared = [h[(i,)] + h[s] - h[tuple(sorted((*s, i)))] for s, i in pairs]
        curve.append(math.fsum(shared) / len(pairs))
    return curve


def lemma_13(world: TableWorld, lag: int = 0) -> Iterator[Evidence]:
    """Compare H_1 + H_{j-1} - H_j from the marginal table with the average of I(X_i; X_S) over all pairs."""
    claimed = literal_curve(reference.floats(world), world.n)
    slack = tolerance(world)
    effective = max(claimed) > slack
    yield equal("enumeration", world.information_curve().roll(lag), claimed, slack, effective=effective)


def lemma_8(world: TableWorld, factor: float = 1.0, terms: int | None = None) -> Iterator[Evidence]:
    """Compare the areas under and over the curve with TC and DTC from single-site and leave-one-out marginals."""
    n, d, curve = world.n, world.d, world.information_curve()[:terms]
    total, dual = world.total_correlation(), world.dual_total_correlation()
    slack = tolerance(world, n * math.log(d))
    effective = float(total) > slack
    yield equal("enumeration", factor * curves.total(curve), total, slack, effective=effective, note="TC")
    dual_area = n * curve[-1] - curve.sum()
    yield equal("enumeration", factor * dual_area, dual, slack, effective=effective, note="DTC")
    law = reference.floats(world)
    single = [reference.subset_entropy(law, [i]) for i in range(n)]
    rest = [reference.subset_entropy(law, [j for j in range(n) if j != i]) for i in range(n)]
    mutual = math.fsum(single) + math.fsum(rest) - n * reference.entropy(law.values())
    yield equal("enumeration", total + dual, mutual, slack, effective=effective, note="TC + DTC = sum_i I(X_i; X_-i)")


def monotone_curve(world: TableWorld, sign: int = 1) -> Iterator[Evidence]:
    """Evaluate Z_{j+1} - Z_j and Z_1 on a law; prove the same for all laws of n variables from Shannon's inequalities."""
    n, curve = world.n, world.information_curve()
    effective = float(curve[-1]) > tolerance(world)
    yield equal("enumeration", curve[0], 0.0, tolerance(world), note="Z_1 = 0")
    yield at_least("enumeration", sign * curve.diff(), 0.0, tolerance(world), effective=effective)
    z = shannon.curve(n)
    for low, high in itertools.pairwise(z):
        yield shannon.certified(shannon.combine([(sign, high), (-sign, low)]), n)


def mds_curve(n: int, dimension: int, prime: int, shift: int = 0) -> Iterator[Evidence]:
    """Compare the curve of a Reed-Solomon code by row classes with the step, and its areas with Example 1."""
    curve = mds_code(n, dimension, prime).information_curve()
    step = torch.tensor([math.log(prime) * (j > dimension + shift) for j in range(1, n + 1)], dtype=torch.float64)
    slack = rounding(prime**dimension * n, n * math.log(prime))
    yield equal("enumeration", curve, step, slack)
    yield equal("enumeration", curves.total(curve), (n - dimension) * math.log(prime), slack, note="TC")
    yield equal("enumeration", curves.dual_total(curve), dimension * math.log(prime), slack, note="DTC")


def exact_error(world: TableWorld, sizes: Sequence[int], node: int = 0) -> Iterator[Evidence]:
    """Average KL(mu || nu_S) over every ordered partition, written out, against the curve and the state engine."""
    n, d, law, curve = world.n, world.d, reference.floats(world), world.information_curve()
    written_out = reference_samplers.fixed_size_error(law, reference.conditionals_of(law, d), sizes, n, d)
    starts = [min(n - 1, sum(sizes[:k]) + node) for k in range(len(sizes))]
    claimed = curve.sum() - sum(s * curve[a] for s, a in zip(sizes, starts, strict=True))
    slack = tolerance(world, n * math.log(d))
    effective = written_out > slack
    yield equal("enumeration", written_out, claimed, slack, effective=effective, note="partitions against curve")
    engine = laws.sampler_law(laws.fixed_size(sizes, n), world).path_divergence
    yield equal("enumeration", engine, claimed, slack, effective=effective, note="state engine against curve")


def mixed_error(world: TableWorld, sizes: Sequence[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Compute KL(mu || nu-bar) from the engine's output law and literally; both at most E(s)."""
    n, d, law = world.n, world.d, reference.floats(world)
    error = float(curves.fixed_size_error(world.information_curve(), sizes))
    mixed = float(laws.mixed_divergence(world, laws.fixed_size(sizes, n)))
    slack = tolerance(world, n * math.log(d))
    effective = error > slack and len(sizes) > 1  # with one block there is one partition, and nothing is mixed
    yield at_most("enumeration", mixed, factor * error, slack, effective=effective)
    output = reference_samplers.fixed_size_law(reference.conditionals_of(law, d), sizes, n, d)
    yield equal("enumeration", mixed, reference.kullback_leibler(law, output), slack, note="engine against partitions")


def relative_room(world: TableWorld, sizes: Sequence[int]) -> Tensor:
    """Return 1 - KL(mu || nu-bar) / E(s), differentiable in the world's law."""
    error = curves.fixed_size_error(world.information_curve(), sizes)
    return torch.as_tensor(1 - laws.mixed_divergence(world, laws.fixed_size(sizes, world.n)) / error)


@st.composite
def worlds_and_sizes(draw: DrawFn, largest: int = 4) -> Instance:
    """Draw a world with a composition of its length."""
    world = draw(strategies.worlds(n=(2, largest), cells=27))
    return {"world": world, "sizes": draw(strategies.sizes(world.n))}


def any_world() -> SearchStrategy[Instance]:
    """Draw a world."""
    return strategies.paired(world=strategies.worlds())


CLAIMS = (
    Claim(
        id="schedules.1a",
        statement=(
            "The information curve Z_j, the mean mutual information between a token and j - 1 others, is H_1 + "
            "H_{j-1} - H_j, H_m the mean entropy of m of the n tokens."
        ),
        tex=r"Z_j = E\, I(X_i; X_S) = H_1 + H_{j-1} - H_j, \quad |S| = j - 1",
        assumptions="any law",
        source=f"{SOURCE}, Lemma 13",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=lemma_13,
        tolerance=ROUNDING,
        inputs=any_world,
        fixtures=({"world": COPIED_PAIRS},),
        variants={"curve shifted by one": partial(lemma_13, lag=1)},
    ),
    Claim(
        id="schedules.1b",
        statement=(
            "The total correlation TC is the area under the information curve and the dual total correlation DTC "
            "the area between it and its last value, so TC + DTC is the sum over i of I(X_i; all others)."
        ),
        tex=r"TC = \sum_j Z_j, \quad DTC = n Z_n - \sum_j Z_j, \quad TC + DTC = \sum_i I(X_i; X_{-i})",
        assumptions="any law",
        source=f"{SOURCE}, Lemma 8",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=lemma_8,
        tolerance=ROUNDING,
        inputs=any_world,
        fixtures=({"world": COPIED_PAIRS},),
        variants={"1 % more area": partial(lemma_8, factor=1.01), "last term dropped": partial(lemma_8, terms=-1)},
    ),
    Claim(
        id="schedules.1c",
        statement="The information curve starts at Z_1 = 0 and never falls.",
        assumptions="any law",
        source=f"{SOURCE}, section 3 (Han's inequality)",
        status="printed",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "certificate"),
        check=monotone_curve,
        tolerance=f"{ROUNDING}; certificates are exact",
        inputs=any_world,
        fixtures=({"world": COPIED_PAIRS}, {"world": TableWorld.from_weights([1] * 31 + [9], 5, 2)}),
        variants={"curve falling": partial(monotone_curve, sign=-1)},
    ),
    Claim(
        id="schedules.1d",
        statement=(
            "The uniform law on an MDS code of dimension k over q symbols has Z_j = ln q for j > k and 0 before, "
            "TC = (n - k) ln q and DTC = k ln q."
        ),
        source=f"{SOURCE}, Prop. 20 and Example 1",
        status="printed",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=mds_curve,
        tolerance="rounding of a sum over the code words and positions",
        fixtures=(
            {"n": 4, "dimension": 2, "prime": 5},
            {"n": 5, "dimension": 1, "prime": 7},
            {"n": 6, "dimension": 3, "prime": 7},
            {"n": 5, "dimension": 4, "prime": 5},
        ),
        variants={"step one later": partial(mds_curve, shift=1)},
    ),
    Claim(
        id="schedules.2",
        statement=(
            "Reveal n tokens in random blocks of sizes s_1, ..., s_K, N_k the tokens revealed by block k. The "
            "mean KL from the data law to the sampler's law given the partition is E(s) = TC - sum_k s_k "
            "Z_{N_{k-1}+1}."
        ),
        tex=r"E(s) = E_S KL(\mu \| \nu_S) = TC - \sum_k s_k Z_{N_{k-1}+1}",
        assumptions="exact conditionals; any law and sizes",
        source=f"{SOURCE}, Theorems 4 and 16",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=exact_error,
        tolerance=ROUNDING,
        inputs=worlds_and_sizes,
        fixtures=({"world": COPIED_PAIRS, "sizes": [2, 2]},),
        variants={"node N_{k-1}+2 instead of N_{k-1}+1": partial(exact_error, node=1)},
    ),
    Claim(
        id="schedules.3",
        statement=(
            "The KL from the data law to the sampler's output law, the mixture over all partitions, is at most "
            "E(s), the mean KL given the partition."
        ),
        tex=r"KL(\mu \| \bar\nu) \le E(s)",
        assumptions="exact conditionals; any law and sizes",
        source=f"{SOURCE}, Theorem 16 (convexity of KL)",
        status="printed",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=mixed_error,
        tolerance=ROUNDING,
        inputs=worlds_and_sizes,
        fixtures=({"world": COPIED_PAIRS, "sizes": [2, 2]}, FOUR_BITS),
        variants={"99 % of E(s)": partial(mixed_error, factor=0.99)},
        objective=relative_room,
        differentiable=("world",),
        sharp=Sharp(
            "1: for even parity all partitions into blocks of two give the same law, the uniform one", FOUR_BITS
        ),
    ),
)
