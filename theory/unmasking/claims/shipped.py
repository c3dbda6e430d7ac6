"""Schedules as public code ships them: what the eps of the noise, of the sampler and of the loss does."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, Sharp, at_most, equal, strategies
from theory.reference import curves as reference_curves
from theory.reference import laws as reference
from theory.reference import shipped as literal
from theory.schedules import LINEAR
from theory.tolerance import SLACK
from theory.unmasking import early_ends, laws
from theory.unmasking.claims.curve import ROUNDING
from theory.unmasking.claims.rule_inputs import product_world, table, tolerance
from theory.worlds import TableWorld, copied_pairs
from theory.worlds.table import table_of

NOTES = "docs/derivations.md"
SAMPLERS = "released code of MDLM (diffusion.py, noise_schedule.py) and SEDD (sampling.py, noise_lib.py), read"
UPDATES = ("ddpm", "ddpm cache", "analytic", "Euler")


def noise_cancels(times: Sequence[Fraction], eps: Fraction, slip: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare 1 - s / t with the chance that each released update gives, in fractions and in symbols."""
    t, s = times
    claimed = early_ends.reveal_probability(t, slip * s)
    for update in UPDATES:
        yield equal(
            "rational", literal.revealed(update, t, s, eps), claimed, Fraction(0), effective=eps > 0, note=update
        )
        gap = Fraction(int(_differs(update, slip)))
        yield equal("symbolic", gap, Fraction(0), Fraction(0), note=update, proves=math.inf)


@functools.lru_cache(maxsize=16)
def _differs(update: str, slip: Fraction) -> bool:
    import sympy

    t, s, eps = sympy.symbols("t s epsilon", positive=True)
    claimed = early_ends.reveal_probability(t, sympy.Rational(slip.numerator, slip.denominator) * s)
    return bool(sympy.simplify(literal.revealed(update, t, s, eps) - claimed) != 0)


def filling_costs(
    world: TableWorld, denoiser: TableDenoiser, steps: int, eps: Fraction, fill: str, share: float = 1.0
) -> Iterator[Evidence]:
    """Compare the law with the literal chain in fractions, and its KL with that without eps plus n ln(1 / (1 - eps))."""
    n, d, slack = world.n, world.d, tolerance(world, world.n)
    early = early_ends.early_end(world, steps, float(eps), fill, denoiser)
    model = reference.exact_conditionals(denoiser)
    _, filled = literal.early_end_law(model, steps, eps, fill, n, d)
    wanted = [float(filled.get(x, 0)) for x in reference.sequences(n, d)]
    yield equal("enumeration", early.finished, wanted, slack + SLACK, note="the law against fractions")
    plain = float(laws.sampler_law(LINEAR, world, denoiser, steps=steps).divergence)
    bound = plain + share * n * -math.log1p(-float(eps))
    yield at_most("enumeration", early.divergence, bound, slack + SLACK, effective=eps > 0)
    if fill == "none":
        yield equal("enumeration", early.divergence, bound, slack + SLACK, note="masks that stay cost exactly this")


def loss_is_below_the_entropy(
    world: TableWorld, eps: Fraction, least: Fraction, share: float = 1.0
) -> Iterator[Evidence]:
    """Compute the mean loss of the exact conditionals by the curve and set by set; compare it with H(X)."""
    law, slack = reference.exact(world), tolerance(world, world.n)
    loss = early_ends.shipped_loss(world, float(eps), float(least))
    direct = literal.shipped_loss(law, reference.conditionals_of(law, world.d), eps, least, world.n, world.d)
    yield equal("enumeration", loss, direct, slack, note="by the curve and set by set")
    yield at_most("enumeration", direct, share * float(reference.entropy(law.values())), slack, effective=len(law) > 1)


def drawn_filling(pairs: int, steps: int, eps: Fraction, share: float = 1.0) -> Iterator[Evidence]:
    """Take copied bits, whose curve is linear: the engine, the curve in fractions, and the closed form."""
    world, n = table_of(copied_pairs(pairs)), 2 * pairs
    early = early_ends.early_end(world, steps, float(eps), "draw")
    closed = n * math.log(2) / 2 * ((1 - eps) ** 2 / steps + share * eps**2)
    slack = tolerance(world, n)
    yield equal("enumeration", early.path_divergence, float(closed), slack, effective=eps > 0, note="engine")
    grid = [(1 - eps) * Fraction(k, steps) for k in range(steps + 1)]
    linear = [Fraction(m, n - 1) for m in range(n)]
    error = reference_curves.per_token_error(linear, [*grid, Fraction(1)])
    yield equal("rational", float(error) * math.log(2), float(closed), slack, effective=eps > 0, note="curve")
    without = n * math.log(2) / (2 * steps)
    gains = early.path_divergence < without - slack
    if abs(eps * (steps + 1) - 2) > Fraction(1, 10**6) and eps > 0:
        yield equal("enumeration", float(gains), float(eps * (steps + 1) < 2), 0.0, note="gains if eps < 2 / (K + 1)")


def _shares(low: int = 1, high: int = 23) -> st.SearchStrategy[Fraction]:
    return st.integers(low, high).map(lambda k: Fraction(k, 24))


@st.composite
def _times(draw: DrawFn) -> Instance:
    late, early = sorted(draw(st.sets(_shares(1, 24), min_size=2, max_size=2)))
    return {"times": [early, late], "eps": draw(_shares()) / 24}


@st.composite
def _fillings(draw: DrawFn) -> Instance:
    world = draw(strategies.worlds(n=(1, 3), d=(2, 3), cells=9))
    return {
        "world": world, "denoiser": draw(strategies.denoisers(world)), "steps": draw(st.integers(1, 3)),
        "eps": draw(_shares(0, 20)), "fill": draw(st.sampled_from(("draw", "argmax", "none"))),
    }  # fmt: skip


@st.composite
def _losses(draw: DrawFn) -> Instance:
    eps = draw(_shares(1, 12))
    return {"world": draw(strategies.worlds()), "eps": eps, "least": eps * draw(_shares(0, 24))}


BESIDE = {
    "world": TableWorld.from_weights([0, 1, 1], 1, 3, "never 0"), "denoiser": table(1, 3, [8, 5, 5]), "steps": 1,
    "eps": Fraction(1, 3), "fill": "argmax",
}  # fmt: skip
STAYS = {**BESIDE, "fill": "none"}
FREE = product_world([[1, 2], [3, 1], [2, 5]])

CLAIMS = (
    Claim(
        id="shipped.1",
        statement=(
            "Under log-linear noise every released update, ddpm, its cached form, analytic and Euler, reveals a masked "
            "token between times t > s with probability 1 - s / t: the eps of the noise never reaches the sampler."
        ),
        assumptions="The network's probabilities sum to one; times lie in (0, 1], t = 1 being all masked; 0 < eps < 1.",
        source=f"ours, see {NOTES}, shipped.1; {SAMPLERS}",
        quantifier="for all",
        kind="equality",
        routes=("rational", "symbolic"),
        check=noise_cancels,
        tolerance="none: fractions and symbols",
        inputs=_times,
        fixtures=({"times": [Fraction(1), Fraction(127, 128)], "eps": Fraction(1, 1000)},),
        variants={"one percent off": partial(noise_cancels, slip=Fraction(99, 100))},
    ),
    Claim(
        id="shipped.2",
        statement=(
            "A sampler of K equal steps to a share 1 - eps of the n tokens, the rest then filled in any way from its "
            "state, has a KL of at most that of the K steps without eps plus n ln(1 / (1 - eps)); if the masks stay, "
            "exactly this."
        ),
        assumptions="Any denoiser; sequences that keep masks are none of the data's.",
        source=f"ours, see {NOTES}, shipped.2; {SAMPLERS}",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=filling_costs,
        tolerance=f"{ROUNDING}, and of conditionals found again as fractions",
        inputs=_fillings,
        examples=20,
        fixtures=(BESIDE, STAYS),
        variants={"one percent less": partial(filling_costs, share=0.99)},
        sharp=Sharp(
            "The factor 1 is the best: a likeliest token that the data never show attains it.", BESIDE, 1 - 1e-9
        ),
    ),
    Claim(
        id="shipped.3",
        statement=(
            "MDLM's loss under log-linear noise, the mean over times in [delta, 1], is for exact conditionals at most H(X) "
            "where delta <= eps / (1 - eps), as for the released eps = delta = 1 / 1000: it bounds no likelihood, and a "
            "perfect model's perplexity comes out too low."
        ),
        source=f"ours, see {NOTES}, shipped.3; {SAMPLERS}",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=loss_is_below_the_entropy,
        tolerance=ROUNDING,
        inputs=_losses,
        examples=25,
        fixtures=({"world": FREE, "eps": Fraction(1, 1000), "least": Fraction(1, 1000)},),
        variants={"one percent less": partial(loss_is_below_the_entropy, share=0.99)},
        sharp=Sharp(
            "The factor 1 is the best for small eps: independent tokens have exactly (1 - eps) H(X).",
            {"world": FREE, "eps": Fraction(1, 1000), "least": Fraction(1, 1000)},
            0.998,
        ),
    ),
    Claim(
        id="shipped.4",
        statement=(
            "Where the information curve is linear, as on copied pairs of bits, K equal steps to 1 - eps and drawing the "
            "rest at once have the path KL (n ln 2 / 2) ((1 - eps)^2 / K + eps^2): less than the K steps without eps if "
            "and only if 0 < eps < 2 / (K + 1), as the filling is one call more."
        ),
        source=f"ours, see {NOTES}, shipped.4; {SAMPLERS}",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "rational"),
        check=drawn_filling,
        tolerance=ROUNDING,
        inputs=lambda: strategies.paired(pairs=st.integers(1, 3), steps=st.integers(1, 8), eps=_shares(0, 23)),
        examples=25,
        fixtures=({"pairs": 2, "steps": 4, "eps": Fraction(1, 3)}, {"pairs": 2, "steps": 4, "eps": Fraction(1, 2)}),
        variants={"eps^2 one percent off": partial(drawn_filling, share=1.01)},
    ),
)
