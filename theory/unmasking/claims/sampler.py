"""Claims 8, 9, 12 and 17: the per-token sampler's law and error, learned denoisers, support and token error."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from scipy import integrate
from torch import Tensor

from theory.ledger import Claim, Evidence, Instance, at_most, equal, strategies
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers
from theory.unmasking import bounds, curves, laws
from theory.unmasking.claims.curve import COPIED_PAIRS, ROUNDING, laws_and_sizes, tolerance
from theory.worlds import information, mds_code, states

SECTION_7 = "schedules notes, 7"
CCL = "Chen, Cong, Li, arXiv 2511.04647"
FENG = "Feng et al., arXiv 2502.09622, by data processing (schedules notes, F)"
PARITY = {"n": 3, "d": 2, "weights": [1, 0, 0, 1, 0, 1, 1, 0]}
GRID = [0.0, 0.25, 0.625, 1.0]


def _rational_grid(grid: Sequence[float]) -> list[Fraction]:
    return [Fraction(a).limit_denominator(1000) for a in grid]


def _reveal(grid: Sequence[Fraction], late: int = 0) -> list[Fraction]:
    return [(b - a) / (1 - (b if late else a)) if b < 1 else Fraction(1) for a, b in itertools.pairwise(grid)]


def sampler_law(n: int, d: int, weights: Sequence[float], grid: Sequence[float], late: int = 0) -> Iterator[Evidence]:
    """Sweep the chain of states, and draw uniform reveal times, both in fractions; then the engine and the mixture."""
    exact = reference.rational_law(n, d, weights)
    denoiser, points = reference.conditionals_of(exact, d), _rational_grid(grid)
    chain = reference_samplers.chain_law(denoiser, _reveal(points, late), n, d)
    times = reference_samplers.uniform_times_law(denoiser, points, n, d)
    order = list(reference.sequences(n, d))
    effective = len(exact) > 1 and len(grid) > 2
    left, right = [Fraction(chain.get(x, 0)) for x in order], [Fraction(times.get(x, 0)) for x in order]
    worst = max(range(len(order)), key=lambda k: abs(left[k] - right[k]))
    yield equal("rational", left[worst], right[worst], Fraction(0), effective=effective, note="chain against U_i")
    q = states.normalised_law(weights, n, d)
    engine = laws.output_law(laws.table_kernel(q, n, d), laws.per_token([float(a) for a in points], n))
    slack = tolerance(n, d)
    yield equal(
        "enumeration",
        engine,
        [float(p) for p in right],
        slack,
        effective=effective,
        note="engine against U_i",
    )
    mixed = laws.multinomial_mixture(q, [float(a) for a in points], n, d)
    yield equal("enumeration", mixed, engine, slack, effective=effective, note="multinomial mixture")


def sampler_error(
    n: int, d: int, weights: Sequence[float], grid: Sequence[float], right: int = 0
) -> Iterator[Evidence]:
    """Compute the path KL over all paths, by block costs, as the mean of E(s), and as a Riemann gap of Z~."""
    law, q = reference.float_law(n, d, weights), states.normalised_law(weights, n, d)
    curve = information.curve_of(q, n, d)
    total = float(information.total_correlation(q, n, d))
    cells = list(itertools.pairwise(torch.tensor(grid, dtype=torch.float64)))
    kept = sum(float((b - a) * information.smoothed_curve(curve, b if right else a)) for a, b in cells)
    riemann = total - n * kept
    reveal = [float(r) for r in _reveal(_rational_grid(grid))]
    slack, effective = tolerance(n, d, n * math.log(d)), total > 1e-9
    paths = reference_samplers.path_divergence(law, reference.conditionals_of(law, d), reveal, n, d)
    yield equal("enumeration", paths, riemann, slack, effective=effective, note="all paths against Riemann gap")
    costs = laws.block_costs(laws.table_kernel(q, n, d), states.marginal_table(q, n, d))
    engine = laws.path_divergence(costs, laws.per_token(grid, n))
    yield equal("enumeration", engine, riemann, slack, effective=effective, note="block costs against Riemann gap")
    widths = [float(b - a) for a, b in cells]
    mean = math.fsum(
        math.factorial(n) / math.prod(map(math.factorial, s)) * math.prod(w**m for w, m in zip(widths, s, strict=True))
        * float(curves.fixed_size_error(curve, s))
        for s in laws.compositions(n, len(widths))
    )  # fmt: skip
    yield equal("closed form", mean, riemann, slack, effective=effective, note="multinomial mean of E(s)")
    output = laws.output_law(laws.table_kernel(q, n, d), laws.per_token(grid, n))
    mixed = information.kullback_leibler(q, output)
    yield at_most("enumeration", mixed, riemann, slack, effective=effective, note="KL(mu || nu-bar) <= E_iid")


def smoothed_areas(n: int, d: int, weights: Sequence[float], alpha: float, power: int = 2) -> Iterator[Evidence]:
    """Integrate Z~ and alpha Z~', and compare n alpha^2 Z~' with pairwise informations of masked states, literally."""
    q = states.normalised_law(weights, n, d)
    curve = information.curve_of(q, n, d)
    total, dual = information.total_correlation(q, n, d), information.dual_total_correlation(q, n, d)
    slack, effective = tolerance(n, d, n * math.log(d)), float(total) > 1e-9

    def area(f: object, weight: bool) -> float:
        def at(a: float) -> float:
            t = torch.tensor(a, dtype=torch.float64)
            return float(f(curve, t)) * (a if weight else 1.0)  # type: ignore[operator]  # a curve function

        return float(integrate.quad(at, 0, 1, epsabs=1e-13)[0])

    smooth = area(information.smoothed_curve, False)
    yield equal("quadrature", n * smooth, total, slack + 1e-11, effective=effective, note="n int Z~ = TC")
    slope = area(information.smoothed_curve_derivative, True)
    yield equal("quadrature", n * slope, dual, slack + 1e-11, effective=effective, note="n int alpha Z~' = DTC")
    rate = (
        n * alpha**power * float(information.smoothed_curve_derivative(curve, torch.tensor(alpha, dtype=torch.float64)))
    )
    informed = pairwise_information(reference.float_law(n, d, weights), n, d, alpha)
    yield equal("enumeration", rate, informed, slack * n, effective=effective, note="I(t) = n alpha^2 Z~'(alpha)")


def pairwise_information(law: reference.Law, n: int, d: int, alpha: float) -> float:
    """Return sum over i != j of I(z_i; z_j | z_-ij) of the masked state z at revealed fraction alpha."""
    masked_law = {}
    for z in reference.states(n, d):
        hidden = len(reference.masked(z, d))
        masked_law[z] = alpha ** (n - hidden) * (1 - alpha) ** hidden * reference.marginal(law, z, d)
    h = {s: reference.subset_entropy(masked_law, s) for m in range(n + 1) for s in itertools.combinations(range(n), m)}
    full = tuple(range(n))
    total = 0.0
    for i, j in itertools.permutations(range(n), 2):
        rest = tuple(k for k in full if k not in (i, j))
        total += h[tuple(sorted((*rest, i)))] + h[tuple(sorted((*rest, j)))] - h[full] - h[rest]
    return total


def learned(
    n: int, d: int, weights: Sequence[float], model: Sequence[float], sizes: Sequence[int], sign: int = 1
) -> Iterator[Evidence]:
    """Run the sampler with conditionals of another law: partitions written out, cross-entropies, block costs."""
    law, other = reference.float_law(n, d, weights), reference.float_law(n, d, model)
    q, m = states.normalised_law(weights, n, d), states.normalised_law(model, n, d)
    written_out = reference_samplers.fixed_size_error(law, reference.conditionals_of(other, d), sizes, n, d)
    oracle_error = reference_samplers.fixed_size_error(law, reference.conditionals_of(law, d), sizes, n, d)
    learning = learning_error(law, other, sizes, n, d)
    slack = tolerance(n, d, 10 * n)
    yield equal(
        "enumeration",
        written_out,
        oracle_error + sign * learning,
        slack,
        effective=learning > 1e-9,
        note="Lemma 35",
    )
    kernel, table = laws.table_kernel(m, n, d), states.marginal_table(q, n, d)
    costs = laws.block_costs(kernel, table)
    engine = laws.path_divergence(costs, laws.fixed_size(sizes, n))
    yield equal("enumeration", engine, written_out, slack, note="block costs")
    entropies = torch.stack([costs[n - k, 1] for k in range(n)])
    means = information.mean_entropies(information.set_entropies(table, n, d))
    cross = entropies + means.diff()
    total = curves.learned_fixed_size_error(cross, float(means[-1]), sizes)
    yield equal("closed form", total, written_out, slack, note="sum_k s_k CE_{N_{k-1}} - H(X)")


def learning_error(law: reference.Law, other: reference.Law, sizes: Sequence[int], n: int, d: int) -> float:
    """Return the mean over partitions of sum_k sum_{i in S_k} E KL(mu(X_i | X_T) || c_i(. | X_T)), written out."""
    true, model = reference.conditionals_of(law, d), reference.conditionals_of(other, d)
    parts = list(reference_samplers.ordered_partitions(n, sizes))
    terms = []
    for partition, (x, p) in itertools.product(parts, law.items()):
        z = (d,) * n
        for block in partition:
            terms += [p * math.log(true(z, i, x[i]) / model(z, i, x[i])) for i in block]
            for i in block:
                z = reference.with_token(z, i, x[i])
    return math.fsum(terms) / len(parts)


def support_error(
    n: int, d: int, weights: Sequence[float], sizes: Sequence[int], factor: float = 1.0
) -> Iterator[Evidence]:
    """Sum the output law outside the support and compare with 1 - exp(-KL), mixed law and each partition."""
    law, q = reference.float_law(n, d, weights), states.normalised_law(weights, n, d)
    output = laws.output_law(laws.table_kernel(q, n, d), laws.fixed_size(sizes, n))
    outside = float(output[q == 0].sum())
    divergence = float(information.kullback_leibler(q, output))
    slack, effective = tolerance(n, d), outside > 1e-9
    yield at_most("enumeration", outside, bounds.support_error_bound(factor * divergence), slack, effective=effective)
    for partition in itertools.islice(reference_samplers.ordered_partitions(n, sizes), 6):
        nu = reference_samplers.partition_law(reference.conditionals_of(law, d), partition, n, d)
        missed = math.fsum(p for x, p in nu.items() if x not in law)
        bound = bounds.support_error_bound(factor * reference.kullback_leibler(law, nu))
        yield at_most("enumeration", missed, bound, slack, effective=missed > 1e-9, note="one partition")


def support_error_of_code(
    n: int, dimension: int, prime: int, sizes: Sequence[int], factor: int = 1
) -> Iterator[Evidence]:
    """Check in fractions that every partition's law is the code's scaled by nu(support), so SER = 1 - e^-KL exactly."""
    rows = [tuple(row) for row in mds_code(n, dimension, prime).support.tolist()]
    law = {row: Fraction(1, len(rows)) for row in rows}
    for partition in itertools.islice(reference_samplers.ordered_partitions(n, sizes), 4):
        nu = reference_samplers.partition_law(reference.conditionals_of(law, prime), partition, n, prime)
        inside = Fraction(sum(nu[row] for row in rows))
        ratios = {law[row] / nu[row] for row in rows}
        yield equal("rational", factor * inside * max(ratios), Fraction(1), Fraction(0), effective=inside < 1)
        yield equal("rational", factor * inside * min(ratios), Fraction(1), Fraction(0), effective=inside < 1)


def token_error_gap(n: int, d: int, weights: Sequence[float], steps: int, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare KL(mu || nu-bar) / n of balanced sizes with ln|V| / T; the rate gap is that divergence by definition."""
    q = states.normalised_law(weights, n, d)
    count = min(steps, n)
    output = laws.output_law(laws.table_kernel(q, n, d), laws.fixed_size(bounds.balanced_sizes(n, count), n))
    cross = float(-torch.xlogy(q, torch.where(q > 0, output, 1.0)).sum())
    gap = (cross - float(information.entropy(q))) / n
    yield at_most("enumeration", gap, factor * math.log(d) / count, tolerance(n, d), effective=gap > 1e-9)


def relative_support_room(n: int, d: int, weights: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return 1 - SER / (1 - e^-KL), differentiable in the weights."""
    q = weights / weights.sum()
    output = laws.output_law(laws.table_kernel(q, n, d), laws.fixed_size(sizes, n))
    return 1 - output[q == 0].sum() / -torch.expm1(-information.kullback_leibler(q, output))


@st.composite
def law_model_sizes(draw: DrawFn) -> Instance:
    """Draw a law, sizes, and positive weights of an unrelated model."""
    found = draw(laws_and_sizes(3))
    cells = found["d"] ** found["n"]
    return {**found, "model": draw(st.lists(st.integers(1, 20), min_size=cells, max_size=cells))}


def _with_grid(cells: int = 27, steps: int = 3) -> st.SearchStrategy[Instance]:
    return strategies.paired(law=strategies.laws(n=(2, 3), cells=cells), grid=strategies.grids(steps=(1, steps)))


CLAIMS = (
    Claim(
        "schedules.8a", f"{SECTION_7}, representation",
        "The per-token chain has the law of uniform reveal times U_i, and of the multinomial mixture of fixed-size samplers",
        "equality", ("rational", "enumeration"), sampler_law, f"none in fractions; {ROUNDING}", assumptions="any denoiser; here exact",
        inputs=_with_grid, examples=25, fixtures=({**PARITY, "grid": GRID},),
        variants={"reveal probability over 1 - alpha_{k+1}": partial(sampler_law, late=1)},
    ),
    Claim(
        "schedules.8b", f"{SECTION_7}, exact error",
        "E_iid(alpha) = TC - n sum_k (alpha_{k+1} - alpha_k) Z~(alpha_k) = E E(s), s multinomial; it is the path KL and bounds KL(mu || nu-bar)",
        "equality", ("enumeration", "closed form"), sampler_error, ROUNDING, assumptions="exact conditionals",
        inputs=_with_grid, examples=25, fixtures=({**PARITY, "grid": GRID},),
        variants={"right end points": partial(sampler_error, right=1)},
    ),
    Claim(
        "schedules.9", f"{SECTION_7}, smoothed curve; Dmitriev, Huang, Wei",
        "n int Z~ = TC, n int alpha Z~' = DTC, and sum_{i != j} I(x_i; x_j | x_-ij) of the masked state is n alpha^2 Z~'(alpha)",
        "equality", ("quadrature", "enumeration"), smoothed_areas, f"{ROUNDING}; quadrature of a polynomial: 1e-11",
        assumptions="alpha = e^-t", examples=25, fixtures=({**PARITY, "alpha": 0.3},),
        inputs=lambda: strategies.paired(law=strategies.laws(n=(2, 3), cells=27), alpha=st.integers(1, 19).map(lambda k: k / 20)),
        variants={"alpha instead of alpha^2": partial(smoothed_areas, power=1)},
    ),
    Claim(
        "schedules.12", f"{CCL}, Lemma 35, corrected; {SECTION_7}, learned denoiser",
        "E KL(mu || nu^_S) = E KL(mu || nu_S) + learning error = sum_k s_k CE_{N_{k-1}} - H(X)",
        "equality", ("enumeration", "closed form"), learned, ROUNDING, assumptions="model conditionals positive on the support",
        inputs=law_model_sizes, examples=25, see="schedules.12.printed",
        fixtures=({**PARITY, "sizes": [1, 2], "model": [1, 2, 3, 4, 5, 6, 7, 8]},),
        variants={"learning error left out": partial(learned, sign=0)},
    ),
    Claim(
        "schedules.12.printed", f"{CCL}, Lemma 35 as printed",
        "KL(mu || nu_S) = KL(mu || nu^_S) + learning error: the learning error on the other side",
        "equality", ("enumeration", "closed form"), partial(learned, sign=-1), ROUNDING, expected="refuted", see="schedules.12",
        fixtures=({**PARITY, "sizes": [1, 2], "model": [1, 2, 3, 4, 5, 6, 7, 8]},),
        variants={"learning error left out": partial(learned, sign=0)},
    ),
    Claim(
        "schedules.17a", FENG, "SER = 1 - nu(supp mu) <= 1 - e^{-KL(mu || nu)}",
        "upper", ("enumeration",), support_error, ROUNDING, assumptions="any output law", inputs=laws_and_sizes, examples=25,
        fixtures=({**COPIED_PAIRS, "sizes": [2, 2]}, {**PARITY, "sizes": [3]}),
        variants={"half of KL": partial(support_error, factor=0.5)},
        objective=relative_support_room, differentiable=("weights",),
    ),
    Claim(
        "schedules.17b", FENG, "Given the partition, SER = 1 - e^-KL exactly for uniform laws on linear codes",
        "equality", ("rational",), support_error_of_code, "none: fractions",
        fixtures=(
            {"n": 3, "dimension": 1, "prime": 3, "sizes": [2, 1]}, {"n": 3, "dimension": 2, "prime": 3, "sizes": [1, 2]},
            {"n": 4, "dimension": 2, "prime": 5, "sizes": [1, 3]},
        ),
        variants={"twice": partial(support_error_of_code, factor=2)},
    ),
    Claim(
        "schedules.17c", FENG, "Balanced sizes: the token error rate gap, KL / n, is at most ln|V| / T",
        "upper", ("enumeration",), token_error_gap, ROUNDING, assumptions="exact conditionals",
        inputs=lambda: strategies.paired(law=strategies.laws(cells=27), steps=st.integers(1, 4)),
        fixtures=({"n": 4, "d": 2, "weights": [1] + [0] * 14 + [1], "steps": 1},),
        variants={"half of it": partial(token_error_gap, factor=0.5)},
    ),
)  # fmt: skip
