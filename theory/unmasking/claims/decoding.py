"""Claims on low-confidence remasking: its exact law, and what it costs that it looks at the drawn tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from hypothesis import strategies as st

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, equal, strategies
from theory.reference import decoding
from theory.reference import laws as reference
from theory.unmasking.claims.eb import ROUNDING
from theory.unmasking.claims.rule_inputs import THREE_BITS, product_world, tolerance
from theory.unmasking.rules.low_confidence import Confidence, LowConfidence, cost_of_looking
from theory.unmasking.rules.sets import TopK
from theory.unmasking.rules.tokens import DrawnFrom, TokenLaw
from theory.unmasking.walks import walk
from theory.worlds import TableWorld

CODE = "LLaDA's released code, generate.py (read), for Nie et al., arXiv 2502.09992"
NOTES = "docs/derivations.md"
GENERIC = TableWorld.from_weights([5, 1, 2, 4, 3, 1, 1, 7], 3, 2, "three bits")
TERNARY = TableWorld.from_weights([(7 * k * k + 3 * k) % 23 + 1 for k in range(27)], 3, 3, "three ternary tokens")
LARGEST_WALK = 7
"""Up to this many independent bits the whole output law is computed; beyond, only the law of the number of ones."""


def bits(n: int, chance: Fraction) -> TableWorld:
    """Return the law of n independent bits, each 1 with a probability."""
    return product_world([[chance.denominator - chance.numerator, chance.numerator]] * n)


def listed(law: Any, world: TableWorld) -> list[float]:
    """Return a reference law in the order of a world's table."""
    return decoding.floats(law, reference.sequences(world.n, world.d))


def literal_law(
    world: TableWorld, denoiser: TableDenoiser | None, k: int, power: int | None, by: Confidence, **changed: Any
) -> Iterator[Evidence]:
    """Compare law and calls at T = 1 / power with the list of all draws; `changed_` fields differ in the rule alone."""
    d = world.d
    rule = LowConfidence(k, temperature=1 / power if power else 0.0, by=by)
    rule = replace(rule, **{name.removeprefix("changed_"): value for name, value in changed.items()})
    mine = walk(rule, world, denoiser)
    conditional = reference.exact_conditionals(denoiser or world)
    step = decoding.low_confidence(conditional, d, k, partial(decoding.token_row, power=power), by == "drawn")
    law, steps = decoding.output(step, (d,) * world.n, d)
    yield equal("enumeration", mine.output.law(), listed(law, world), tolerance(world), effective=world.n > 1)
    yield equal("enumeration", mine.calls, float(steps), tolerance(world, world.n), note="calls")


def as_top_k(
    world: TableWorld, denoiser: TableDenoiser | None, k: int, power: int, by: Confidence = "likeliest", slip: int = 0
) -> Iterator[Evidence]:
    """Compare the law by the likeliest tokens with Top-k by confidence, by walk and in fractions; at k = 1 with the data."""
    slack, d = tolerance(world), world.d
    mine = walk(LowConfidence(k, temperature=1 / power, by=by), world, denoiser).output.law()
    top = walk(DrawnFrom(TopK(k + slip), TokenLaw(1 / power)), world, denoiser).output.law()
    conditional = reference.exact_conditionals(denoiser or world)
    step = decoding.blind(conditional, d, decoding.most_confident(k + slip), partial(decoding.token_row, power=power))
    yield equal("enumeration", mine, top, slack, effective=world.n > 1, note="against Top-k")
    yield equal("enumeration", mine, listed(decoding.output(step, (d,) * world.n, d)[0], world), slack)
    if k == power == 1 and denoiser is None:
        yield equal("enumeration", mine, world.law(), slack, note="against the data")


def draws_the_data(world: TableWorld) -> Iterator[Evidence]:
    """Compare, in fractions, the law of one drawn token a step by confidence with the data law."""
    law, d = reference.exact(world), world.d
    step = decoding.low_confidence(reference.conditionals_of(law, d), d, 1)
    found = decoding.output(step, (d,) * world.n, d)[0]
    for x in reference.sequences(world.n, d):
        yield equal("rational", Fraction(found.get(x, 0)), law.get(x, Fraction(0)), Fraction(0), note=f"{x}")


def few_ones(n: int, chance: Fraction, power: int = 1, slip: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare the law of the number of ones that come out of n independent bits with a sum of bits of b^m."""
    tempered = decoding.token_row([1 - chance, chance], power)[1]
    wanted = [float(p) for p in decoding.ones_law(n, slip * tempered)]
    world = bits(n, chance)
    out = walk(LowConfidence(temperature=1 / power), world).output.law().tolist()
    mine = decoding.count_law(dict(zip(reference.sequences(n, 2), out, strict=True)), 1)
    yield equal("enumeration", mine, wanted, tolerance(world), effective=n > 1)


def quadratic_cost(n: int, chance: Fraction, share: float = 1.0) -> Iterator[Evidence]:
    """Compare KL(data || output) on n independent bits, or that of their number of ones, with its quadratic bound."""
    b, ones = float(chance), decoding.ones_law(n, chance)
    data = [math.comb(n, j) * chance**j * (1 - chance) ** (n - j) for j in range(n + 1)]
    of_counts = math.fsum(float(p) * _log(p / q) for p, q in zip(data, ones, strict=True))
    product = math.fsum(math.log1p(-(b**m)) for m in range(1, 400))
    bound = -math.log(b) * (n * (n - 1) * b * b / 2 + n * b) + product - reference.entropy(data)
    slack = 1e-12 * max(1.0, abs(bound))
    yield at_least("closed form", of_counts, share * bound, slack, effective=bound > 0)
    if n <= LARGEST_WALK:
        whole = walk(LowConfidence(), bits(n, chance)).divergence
        yield at_least("enumeration", whole, of_counts, tolerance(bits(n, chance), n), effective=n > 1, note="all")


def _log(quotient: Fraction) -> float:
    return math.log(quotient.numerator) - math.log(quotient.denominator)


def copies_beside_a_coin(chance: Fraction) -> TableWorld:
    """Return the law of two copies of a bit, 1 with a probability, and a fair bit."""
    a, b = chance.numerator, chance.denominator - chance.numerator
    return TableWorld.from_weights([b, b, 0, 0, 0, 0, a, a], 3, 2, "two copies and a fair bit")


def looking_helps(chance: Fraction, share: float = 1.0) -> Iterator[Evidence]:
    """Compare both KLs on two copies beside a fair bit, by walk and by the list of draws, with their closed forms."""
    world, a = copies_beside_a_coin(chance), float(chance)
    cost, slack = cost_of_looking(world, k=2), tolerance(world, world.n)
    drawn = -a * math.log(2 - a) - (1 - a) * math.log(1 - a)
    likeliest = -a * math.log(a) - (1 - a) * math.log(1 - a)
    yield equal("enumeration", cost.drawn, share * drawn, slack)
    yield equal("enumeration", cost.likeliest, share * likeliest, slack)
    law = reference.exact(world)
    step = decoding.low_confidence(reference.conditionals_of(law, 2), 2, 2)
    direct = reference.kullback_leibler(law, decoding.output(step, (2, 2, 2), 2)[0])
    yield equal("enumeration", direct, cost.drawn, slack, note="list of draws against the walk")


@st.composite
def _cases(draw: st.DrawFn, heated: bool) -> Instance:
    world = draw(strategies.worlds(n=(2, 3), cells=27))
    denoiser = draw(st.none() | strategies.denoisers(world))
    power: Sequence[int | None] = (1, 1, 2, 3, None) if heated else (1, 1, 2)
    instance = {
        "world": world,
        "denoiser": denoiser,
        "k": draw(st.integers(1, 3)),
        "power": draw(st.sampled_from(power)),
    }
    return {**instance, "by": draw(st.sampled_from(("drawn", "drawn", "likeliest")))} if heated else instance


def _ones() -> st.SearchStrategy[Instance]:
    chances = st.integers(1, 19).map(lambda k: Fraction(k, 40))
    return st.fixed_dictionaries({"n": st.integers(1, 6), "chance": chances, "power": st.integers(1, 3)})


def _costs() -> st.SearchStrategy[Instance]:
    chances = st.integers(1, 9).map(lambda k: Fraction(k, 20))
    return st.fixed_dictionaries({"n": st.integers(1, 6) | st.integers(20, 60), "chance": chances})


TWO_BITS = bits(2, Fraction(1, 3))
PLAIN = {"world": TERNARY, "denoiser": None, "k": 1, "power": 1}

CLAIMS = (
    Claim(
        id="decoding.law",
        statement=(
            "Low-confidence remasking keeps a set A of k positions with tokens v_A with probability prod_A p'_i(v_i) times "
            "the product over the other masked positions of the probability that their draw ranks below all of A, p' the "
            "tempered conditionals and ranks by the untempered ones. The law of a step is thus a list of C(m, k) d^k "
            "probabilities, where d^m draws are possible."
        ),
        source=f"{CODE}, written out over all draws; see {NOTES}, decoding.law",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=literal_law,
        tolerance=ROUNDING,
        inputs=partial(_cases, True),
        examples=20,
        fixtures=(
            {**PLAIN, "by": "drawn"},
            {**PLAIN, "k": 2, "power": 2, "by": "drawn"},
            {**PLAIN, "power": None, "by": "drawn"},
            {"world": GENERIC, "denoiser": THREE_BITS, "k": 2, "power": 1, "by": "likeliest"},
        ),
        variants={
            "one percent hotter": partial(literal_law, changed_temperature=1.01),
            "by the likeliest tokens": partial(literal_law, changed_by="likeliest"),
        },
    ),
    Claim(
        id="decoding.likeliest",
        statement=(
            "With the confidence of the likeliest token in place of the drawn one's the rule is Top-k by confidence with "
            "tempered tokens. At k = 1, temperature 1 and exact conditionals it draws from the data law."
        ),
        source=f"ours, see {NOTES}, decoding.likeliest",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=as_top_k,
        tolerance=ROUNDING,
        inputs=partial(_cases, False),
        examples=15,
        fixtures=(PLAIN, {**PLAIN, "k": 2, "power": 2}, {**PLAIN, "world": GENERIC, "denoiser": THREE_BITS}),
        variants={"by the drawn token": partial(as_top_k, by="drawn"), "one more": partial(as_top_k, slip=1)},
    ),
    Claim(
        id="decoding.looking",
        statement=(
            "With several tokens a step looking at the draws may help. On two copies of a bit with P(1) = a, 1/2 < a < 1, beside "
            "a fair bit, two tokens a step, the KL is -a ln(2 - a) - (1 - a) ln(1 - a) nats by the drawn confidence and the "
            "entropy of the bit by the likeliest: a ln((2 - a) / a) more."
        ),
        assumptions="Exact conditionals, temperature 1.",
        source=f"ours, see {NOTES}, decoding.looking",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=looking_helps,
        tolerance=ROUNDING,
        inputs=lambda: st.fixed_dictionaries({"chance": st.integers(21, 39).map(lambda k: Fraction(k, 40))}),
        examples=10,
        fixtures=({"chance": Fraction(3, 5)},),
        variants={"one percent less": partial(looking_helps, share=0.99)},
    ),
    Claim(
        id="decoding.unbiased",
        statement="One token a step by low-confidence remasking at temperature 1 draws from the law whose exact conditionals it is given.",
        source=f"{CODE}, read as a sampler of the model's own law",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="decoding.likeliest",
        routes=("rational",),
        check=draws_the_data,
        tolerance="none: fractions",
        fixtures=({"world": TWO_BITS}, {"world": GENERIC}),
    ),
    Claim(
        id="decoding.ones",
        statement=(
            "From n independent bits, each 1 with probability b < 1/2, low-confidence remasking of one token a step gives as "
            "many ones as independent bits with probabilities b', b'^2, ..., b'^n, b' the tempered b: at most b' / (1 - b') "
            "on average, however large n is, where the data have n b."
        ),
        source=f"ours, see {NOTES}, decoding.ones",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=few_ones,
        tolerance=ROUNDING,
        inputs=_ones,
        examples=15,
        fixtures=({"n": 6, "chance": Fraction(1, 3)}, {"n": 5, "chance": Fraction(2, 5), "power": 2}),
        variants={"one percent more": partial(few_ones, slip=Fraction(101, 100))},
    ),
    Claim(
        id="decoding.collapse",
        statement=(
            "Its KL from the data is at least ln(1/b) (n (n - 1) b^2 / 2 + n b) + sum_m ln(1 - b^m) - H(Binomial(n, b)) nats: "
            "it grows like n^2, where the entropy of the data grows like n."
        ),
        assumptions="Independent bits, exact conditionals, temperature 1, b < 1/2.",
        source=f"ours, see {NOTES}, decoding.collapse",
        quantifier="for all",
        kind="lower",
        routes=("closed form", "enumeration"),
        check=quadratic_cost,
        tolerance="rounding of sums of n + 1 logarithms, 1e-12 of the bound; of sums over states",
        inputs=_costs,
        examples=15,
        fixtures=({"n": 7, "chance": Fraction(1, 3)}, {"n": 60, "chance": Fraction(1, 3)}),
        variants={"one percent more": partial(quadratic_cost, share=1.01)},
        sharp=Sharp(
            "The factor 1 is the best: the law of the number of ones attains it as n grows.",
            {"n": 60, "chance": Fraction(1, 3)},
            0.99,
        ),
    ),
)
