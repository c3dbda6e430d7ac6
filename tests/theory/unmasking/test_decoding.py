"""Low-confidence remasking and rules that draw: literal routes, drawn steps, bad input, planted faults."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
import torch

from tests.planting import after, before, outcome, plant, times
from theory.denoisers import FunctionDenoiser, tabulated
from theory.errors import InvalidInput
from theory.ledger import catalogue, instances
from theory.reference import decoding as reference_decoding
from theory.reference import laws as reference
from theory.unmasking.claims import decoding as claims
from theory.unmasking.claims.rule_inputs import THREE_BITS
from theory.unmasking.rules.base import Rule, ValueRule
from theory.unmasking.rules.in_blocks import InBlocks, SetsInBlocks, StopAtEnd, ValuesInBlocks
from theory.unmasking.rules.low_confidence import LowConfidence, cost_of_looking
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.unmasking.rules.tokens import DrawnFrom, Sharpened, TokenLaw, sharpened
from theory.unmasking.sampling import sample
from theory.unmasking.shipped import equal_quotas
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, states

N, D = 4, 3
WORLD = TableWorld.from_weights([(7 * k * k + 3 * k) % 23 + 1 for k in range(D**N)], N, D, "four ternary tokens")
RULES: tuple[ValueRule, ...] = (
    LowConfidence(2), LowConfidence(1, temperature=0.5), LowConfidence(sizes=(1, 2, 1)),
    LowConfidence(2, by="likeliest"),
    DrawnFrom(EntropyBounded(0.9), TokenLaw(0.7)), DrawnFrom(RandomOne(), TokenLaw(top_k=2)),
    DrawnFrom(TopK(2), TokenLaw(nucleus=0.8)), InBlocks(LowConfidence(2), 3), InBlocks(Punt(0.05), 2),
    StopAtEnd(TopK(2), 1), StopAtEnd(InBlocks(LowConfidence(2), 2), 0, within=2),
)  # fmt: skip


def worlds(count: int, n: int, d: int) -> TableWorld:
    weights = -torch.rand(count, d**n, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).log()
    return TableWorld(weights / weights.sum(-1, keepdim=True), n, d)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_steps_are_drawn_with_the_probabilities_of_the_outcomes(rule: ValueRule) -> None:
    """A batch of states with one to four masks, each 6,000 times.

    Bernstein: a frequency misses by more than sqrt(2 p (1 - p) L / rows) + L / (3 rows) with probability at most
    2 exp(-L); over fewer than 11 * 5 * 200 outcomes L = 25 leaves a false alarm of 11,000 * 2 exp(-25) = 3e-7.
    """
    rows, z = 6_000, torch.tensor([[D] * 4, [0, D, D, D], [D, 1, 2, D], [D, D, 0, 1], [2, 1, D, 0]])
    many = z.repeat_interleave(rows, 0)
    drawn, calls = rule.step(WORLD, many, torch.Generator().manual_seed(11))
    codes = states.index_of(drawn, D).reshape(len(z), rows)
    for k in range(len(z)):
        weights, found, _ = rule.outcomes(WORLD, z[k : k + 1])
        law = torch.zeros((D + 1) ** N, dtype=torch.float64).index_add_(0, states.index_of(found[0], D), weights[0])
        assert float(law.sum()) == pytest.approx(1, abs=1e-12)
        share = torch.bincount(codes[k], minlength=len(law)).double() / rows
        width = (2 * law * (1 - law) * 25 / rows).sqrt() + 25 / (3 * rows)
        assert bool(((share - law).abs() <= width).all())
        assert bool((share[law == 0] == 0).all())
    assert int(calls.min()) >= 0 and int(calls.max()) <= (3 if "PUNT" in rule.name else 1)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_states_of_a_batch_do_not_influence_each_other(rule: ValueRule) -> None:
    z = states.all_states(N, D)
    z = z[(z == D).sum(-1) == 2] if "PUNT" in rule.name else z[(z == D).any(-1)]
    weights, found, calls = rule.outcomes(WORLD, z)
    for k in range(0, len(z), 7):
        own, alone, spent = rule.outcomes(WORLD, z[k : k + 1])
        real, kept = weights[k] > 0, own[0] > 0
        assert torch.equal(weights[k, real], own[0, kept])
        assert torch.equal(found[k, real], alone[0, kept])
        assert torch.equal(calls[k, real], spent[0, kept])


@pytest.mark.parametrize("rule", [*RULES, InBlocks(TopK(2), 2)], ids=lambda rule: rule.name)
def test_complete_rows_stay_at_no_call(rule: Rule) -> None:
    start = torch.tensor([[0, 1, 2, 0], [D, D, D, D]])
    found = sample(rule, WORLD, start, seed=3)
    assert found.tokens[0].tolist() == [0, 1, 2, 0] and found.nfe.tolist()[0] == 0
    assert int(found.nfe[1]) > 0 and not bool((found.tokens == D).any())
    if isinstance(rule, LowConfidence | DrawnFrom):
        weights, after, calls = rule.outcomes(WORLD, start[:1])
        assert weights.tolist() == [[1.0]] and after.tolist() == [[[0, 1, 2, 0]]] and calls.tolist() == [[0]]


def test_one_token_by_the_drawn_confidence_is_the_rule_that_was_there() -> None:
    for world in worlds(8, 4, 3):
        old, new = walk(SampledConfidence(), world), walk(LowConfidence(), world)
        assert float((old.output.law() - new.output.law()).abs().max()) < 1e-15
        assert float((old.visits - new.visits).abs().max()) < 1e-14


def test_sizes_also_count_from_a_prompt() -> None:
    """Sizes (2, 1) on three masked positions, wherever the prompt of one token stands, against the literal steps."""
    conditional = reference.exact_conditionals(WORLD)
    for start in ((1, D, D, D), (D, D, 0, D)):
        found = walk(LowConfidence(sizes=(2, 0, 1)), WORLD, start=start)
        first = reference_decoding.low_confidence(conditional, D, 2)(start)
        wanted: dict[reference.State, Fraction] = {}
        for z, mass in first.items():
            for x, p in reference_decoding.low_confidence(conditional, D, 1)(z).items():
                wanted[x] = wanted.get(x, Fraction(0)) + mass * p
        law = torch.tensor(claims.listed(wanted, WORLD), dtype=torch.float64)
        assert float((found.output.law() - law).abs().max()) < 1e-14
        assert found.calls == pytest.approx(2)
    assert walk(LowConfidence(sizes=equal_quotas(4, 3)), WORLD).calls == pytest.approx(3)


def test_looking_at_two_independent_bits_costs_a_twelfth_of_a_nat() -> None:
    """The output law is (16, 6, 4, 1) / 27 where the data have (12, 6, 6, 3) / 27."""
    world = claims.bits(2, Fraction(1, 3))
    step = reference_decoding.low_confidence(reference.exact_conditionals(world), 2, 1)
    law = reference_decoding.output(step, (2, 2), 2)[0]
    assert [27 * law[x] for x in reference.sequences(2, 2)] == [16, 6, 4, 1]
    cost = cost_of_looking(world)
    wanted = (12 * math.log(12 / 16) + 6 * math.log(6 / 4) + 3 * math.log(3)) / 27
    assert cost.drawn == pytest.approx(wanted, abs=1e-14) and wanted == pytest.approx(0.0843127, abs=1e-7)
    assert cost.likeliest == pytest.approx(0, abs=1e-14) and cost.difference == pytest.approx(wanted, abs=1e-14)
    assert cost_of_looking(world, k=2).drawn == pytest.approx(0, abs=1e-14)


def test_more_steps_are_worse_on_independent_bits() -> None:
    """Eight bits with P(1) = 1/3 at 8, 4, 2 and 1 steps; their entropy is 5.09 nats."""
    world = claims.bits(8, Fraction(1, 3))
    found = [cost_of_looking(world, k) for k in (1, 2, 4, 8)]
    assert [cost.drawn for cost in found] == pytest.approx([6.5764, 2.7502, 0.7870, 0.0], abs=1e-4)
    assert [cost.likeliest for cost in found] == pytest.approx([0.0] * 4, abs=1e-12)
    heated = [cost_of_looking(world, temperature=t).drawn for t in (0.5, 1.5)]
    assert heated == pytest.approx([12.3189, 5.0013], abs=1e-4)


def test_looking_costs_something_on_every_one_of_a_hundred_laws() -> None:
    """Laws of five ternary tokens, drawn uniformly; not so on all laws, as decoding.looking says."""
    laws = worlds(100, 5, 3)
    one, two = cost_of_looking(laws, 1), cost_of_looking(laws, 2)
    assert float(one.difference.min()) == pytest.approx(1.087, abs=1e-3)
    assert float(one.difference.max()) == pytest.approx(2.115, abs=1e-3)
    assert float(one.drawn.mean()) == pytest.approx(1.484, abs=1e-3)
    assert float(two.drawn.mean()) == pytest.approx(0.686, abs=1e-3)
    assert float(two.likeliest.mean()) == pytest.approx(0.072, abs=1e-3)
    assert float(two.difference.min()) == pytest.approx(0.431, abs=1e-3)


def test_the_cost_of_looking_at_a_batch_of_worlds_is_that_of_each() -> None:
    batch = worlds(3, 3, 3)
    costs = cost_of_looking(batch, sizes=(1, 2), temperature=0.5)
    assert [float(c) for c in costs.difference] == pytest.approx(
        [cost_of_looking(world, sizes=(1, 2), temperature=0.5).difference for world in batch], abs=1e-13
    )


@pytest.mark.parametrize("tokens", [TokenLaw(0.5), TokenLaw(top_k=2), TokenLaw(1.5, 2, 0.7)], ids=lambda t: t.name)
def test_rules_that_see_the_sharpened_conditionals(tokens: TokenLaw) -> None:
    """The wrapper agrees with its own table; a batch of worlds with each world; the confidence is the sharpened one."""
    batch = worlds(3, 3, 3)
    for rule in (LowConfidence(2), TopK(1, "entropy"), EntropyBounded(0.4)):
        together = walk(rule, batch, Sharpened(batch, tokens)).output.law()
        for k, world in enumerate(batch):
            alone = walk(rule, world, tabulated(Sharpened(world, tokens))).output.law()
            assert float((together[k] - alone).abs().max()) < 1e-14
    assert Sharpened(batch, tokens).worlds == (3,) and Sharpened(THREE_BITS, tokens).n == 3
    assert Sharpened(FunctionDenoiser(lambda z: torch.zeros(*z.shape, 2), 2), tokens).rows is None


def test_dreams_confidence_is_the_sharpened_probability() -> None:
    """Its released order: tokens and confidences both from the tempered law, here squares of the conditionals."""
    world = claims.TERNARY
    conditional = reference.exact_conditionals(world)

    def squared(z: reference.State, i: int, v: int) -> Fraction:
        return reference_decoding.token_row([conditional(z, i, u) for u in range(3)], 2)[v]

    law = reference_decoding.output(reference_decoding.low_confidence(squared, 3, 1), (3,) * 3, 3)[0]
    wanted = torch.tensor(claims.listed(law, world), dtype=torch.float64)
    found = walk(LowConfidence(), world, Sharpened(world, TokenLaw(0.5))).output.law()
    assert float((found - wanted).abs().max()) < 1e-13
    assert float((walk(LowConfidence(temperature=0.5), world).output.law() - wanted).abs().max()) > 1e-4


@pytest.mark.parametrize("world", [WORLD, claims.GENERIC, claims.bits(3, Fraction(1, 2))], ids=lambda w: w.name)
@pytest.mark.parametrize("k", [1, 2])
def test_temperature_zero_gives_the_one_sequence_of_the_likeliest_tokens(world: TableWorld, k: int) -> None:
    conditional, start = reference.exact_conditionals(world), (world.d,) * world.n
    wanted = reference_decoding.likely_path(conditional, start, world.d, reference_decoding.most_confident(k))
    cold: tuple[Rule, ...] = (
        LowConfidence(k, temperature=0), LowConfidence(k, temperature=0, by="likeliest"),
        DrawnFrom(TopK(k), TokenLaw(0)), InBlocks(LowConfidence(k, temperature=0), world.n),
        StopAtEnd(DrawnFrom(TopK(k), TokenLaw(0)), wanted[-1], first=world.n - 1),
    )  # fmt: skip
    for rule in cold:
        assert walk(rule, world).output.law().max() == 1, rule.name
        assert sample(rule, world, 2, seed=1).tokens.tolist() == [list(wanted)] * 2, rule.name
    assert sample(TopK(k), world, 2, seed=1, temperature=0).tokens.tolist() == [list(wanted)] * 2
    for rule in (Threshold(0.3), EntropyBounded(0.5), LeftToRight(2)):
        law = walk(DrawnFrom(rule, TokenLaw(0)), world).output.law()
        assert int((law > 0).sum()) == 1, rule.name


def test_rules_are_written_down_and_found_again() -> None:
    for rule in (*RULES, InBlocks(TopK(2), 2, 1), StopAtEnd(InBlocks(DrawnFrom(TopK()), 2), 0, 2, 1)):
        assert instances.decode(instances.encode(rule)) == rule
    assert isinstance(InBlocks(TopK(), 2), SetsInBlocks) and isinstance(InBlocks(Punt(0.1), 2), ValuesInBlocks)
    assert InBlocks(lambda log_p, masked: masked, 2).select(torch.zeros(1, 3, 2), torch.ones(1, 3).bool()).sum() == 2


ALL = torch.ones(1, 3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TokenLaw(-1.0), "temperature -1.0; expected a finite number >= 0"),
        (lambda: TokenLaw(math.nan), "temperature nan"),
        (lambda: TokenLaw(top_k=0), "top_k = 0 tokens; expected at least 1"),
        (lambda: TokenLaw(nucleus=0.0), "nucleus 0.0; expected a share"),
        (lambda: sharpened(torch.zeros(2), nucleus=1.5), "nucleus 1.5"),
        (lambda: Sharpened(lambda z: z, TokenLaw()), "says its d"),
        (lambda: LowConfidence(0), "expected k >= 1"),
        (lambda: LowConfidence(sizes=(2, -1)), "sizes >= 0"),
        (lambda: LowConfidence(temperature=-0.5), "temperature -0.5"),
        (lambda: LowConfidence(by="drwan"), "did you mean drawn"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: walk(LowConfidence(sizes=(1, 2)), WORLD), "on 4 masked positions; expected sizes that sum to as many"),
        (lambda: InBlocks(TopK(), 0), "blocks of 0 positions"),
        (lambda: InBlocks(Punt(0.1), 2, -1), "from position -1"),
        (lambda: InBlocks(TopK, 2), "is a class"),
        (lambda: InBlocks(lambda log_p, masked: ~masked, 2).select(torch.zeros(1, 3, 2), ALL), "not permitted"),
        (lambda: StopAtEnd(TopK(), -1), "end mark -1"),
        (lambda: StopAtEnd(TopK(), 0, within=0), "blocks of 0 positions"),
        (lambda: walk(StopAtEnd(TopK(), 3), WORLD), "end mark 3 beside 3 symbols"),
        (lambda: sample(LowConfidence(), WORLD, 2, seed=1, temperature=0.5), "draws its own tokens"),
        (lambda: LowConfidence().step(WORLD, torch.zeros(2, 5, dtype=torch.long)), "expected n = 4 positions"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


RULES_AT = "theory.unmasking.rules."


@pytest.mark.parametrize(
    ("module", "name", "wrong", "claim"),
    [
        ("low_confidence", "_below", times(1.01), "decoding.law"),
        ("low_confidence", "kept_sets", after(lambda found: (*found[:2], found[2].roll(1, 1))), "decoding.looking"),
        ("low_confidence", "_below", before(lambda p, rank: (p, -rank)), "decoding.law"),
        ("low_confidence", "_below", before(lambda p, rank: (p, (rank * 2.0**-36).round())), "decoding.law"),
        ("low_confidence", "LowConfidence.trust", times(-1), "decoding.ones"),
        ("low_confidence", "LowConfidence.quota", after(lambda q: (q - 1).clamp(min=1)), "decoding.law"),
        ("tokens", "sharpened", before(lambda p, t, *rest: (p, 1.01 * t, *rest)), "decoding.law"),
        ("tokens", "sharpened", before(lambda p, t, k, share: (p, t, k, share and 0.9 * share)), "decoding.nucleus"),
        ("tokens", "_all_tokens", after(lambda found: (found[0] * 1.01, found[1])), "decoding.likeliest"),
        (
            "in_blocks",
            "first_block",
            before(lambda masked, size, first=0: (masked, size + 1, first)),
            "decoding.blocks",
        ),
        (
            "in_blocks",
            "first_block",
            before(lambda masked, size, first=0: (masked, size, first + 1)),
            "decoding.blocks",
        ),
        ("in_blocks", "StopAtEnd.padded", after(lambda z: z.roll(1, -1)), "decoding.stop"),
        ("in_blocks", "StopAtEnd.padded", before(lambda rule, z, d: (rule, z, d + 1)), "decoding.stop"),
    ],
)
def test_a_corrupted_engine_is_noticed(monkeypatch, module: str, name: str, wrong: Any, claim: str) -> None:
    assert outcome(catalogue.claim(claim)) == "holds"
    plant(monkeypatch, RULES_AT + module, name, wrong)
    assert outcome(catalogue.claim(claim)) in ("refuted", "raised")


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ("one percent colder", partial(LowConfidence, temperature=0.99)),
        ("by the likeliest", partial(LowConfidence, by="likeliest")),
        ("one more", lambda k: LowConfidence(k + 1)),
    ],
)
def test_the_literal_list_of_draws_tells_a_wrong_rule(changed: str, step: Callable[[int], LowConfidence]) -> None:
    conditional = reference.exact_conditionals(WORLD)
    law = reference_decoding.output(reference_decoding.low_confidence(conditional, D, 2), (D,) * N, D)[0]
    wanted = torch.tensor(claims.listed(law, WORLD), dtype=torch.float64)
    assert float((walk(LowConfidence(2), WORLD).output.law() - wanted).abs().max()) < 1e-14
    assert float((walk(step(2), WORLD).output.law() - wanted).abs().max()) > 1e-5, changed
