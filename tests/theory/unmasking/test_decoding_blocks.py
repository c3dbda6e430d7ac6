"""Decoding in blocks and stopping at an end mark: each block as a world of its own, the public loop, what is padded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.denoisers import FunctionDenoiser
from theory.errors import InvalidInput
from theory.ledger import strategies
from theory.reference import decoding as reference_decoding
from theory.reference import laws as reference
from theory.unmasking.best_rules import TabulatedRule
from theory.unmasking.claims import decoding as claims
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.in_blocks import InBlocks, StopAtEnd, first_block
from theory.unmasking.rules.info_gain import SampledInfoGain
from theory.unmasking.rules.low_confidence import LowConfidence
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, TopK
from theory.unmasking.sampling import sample
from theory.unmasking.shipped import equal_quotas
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, states

N, D = 4, 3
WORLD = TableWorld.from_weights([(7 * k * k + 3 * k) % 23 + 1 for k in range(D**N)], N, D, "four ternary tokens")


@settings(max_examples=25, deadline=None, derandomize=True)
@given(strategies.worlds(n=(3, 4), cells=27), st.integers(1, 4), st.integers(0, 2), st.data())
def test_any_rule_in_blocks_is_the_rule_on_each_block(
    world: TableWorld, size: int, first: int, data: st.DataObject
) -> None:
    """Also rules of several calls: after the blocks before it, a block is a world of its own, given what they show."""
    rule = data.draw(st.sampled_from((Punt(0.05), SampledConfidence(), SampledInfoGain(2), EntropyBounded(0.5))))
    found = walk(InBlocks(rule, size, first), world)
    law, calls = {(): 1.0}, 0.0
    for places in reference_decoding.blocks(world.n, size, first):
        longer: dict[tuple[int, ...], float] = {}
        for prefix, mass in law.items():
            one = walk(rule, _alone(world, prefix, len(places)))
            calls += mass * float(one.calls)
            for part, p in zip(reference.sequences(len(places), world.d), one.output.law().tolist(), strict=True):
                if p > 0:
                    longer[prefix + part] = mass * p
        law = longer
    wanted = torch.tensor(reference_decoding.floats(law, reference.sequences(world.n, world.d)), dtype=torch.float64)
    assert float((found.output.law() - wanted).abs().max()) < 1e-12
    assert found.calls == pytest.approx(calls, abs=1e-10)


def _alone(world: TableWorld, prefix: tuple[int, ...], length: int) -> TableWorld:
    """Return the law of the next positions given the first ones; uniform after a prefix that is impossible."""
    law = {x[len(prefix) :][:length]: 0.0 for x in reference.sequences(world.n, world.d)}
    for x, q in reference.floats(world).items():
        if x[: len(prefix)] == prefix:
            law[x[len(prefix) :][:length]] += q
    total = sum(law.values())
    cells = [law[x] / total if total else world.d**-length for x in reference.sequences(length, world.d)]
    return TableWorld(torch.tensor(cells, dtype=torch.float64), length, world.d)


@dataclass(frozen=True)
class Spy(SetRule):
    """Left to right, remembering the log-conditionals and the masks that it was given."""

    seen: list[Any]
    name: str = "spy"

    def select(self, log_p, masked, generator=None):
        self.seen.append((log_p, masked))
        return masked & (masked.cumsum(-1) <= 1)


def test_a_set_rule_in_blocks_gets_the_logits_themselves() -> None:
    spy = Spy([])
    log_p = torch.zeros(2, 6, 3).log_softmax(-1)
    masked = torch.tensor([[False, True, True, True, True, False], [False, False, False, False, True, True]])
    rule = InBlocks(spy, 2, first=1)
    rule.select(log_p, masked)
    rule.choices(log_p, masked)
    one = walk(InBlocks(RandomOne(), 2), WORLD)
    assert one.divergence == pytest.approx(0, abs=1e-12) and one.calls == pytest.approx(4)
    for seen, block in spy.seen:
        assert seen is log_p
        assert block.tolist() == [[False, True, True, False, False, False], [False, False, False, False, True, False]]


def test_a_table_of_sets_works_in_blocks_and_may_not_leave_them() -> None:
    z = states.all_states(N, D)
    leftmost = (z == D) & ((z == D).cumsum(-1) <= 1)
    inside = walk(InBlocks(TabulatedRule("leftmost", leftmost, D), 2), WORLD)
    assert torch.equal(inside.output.law(), walk(LeftToRight(), WORLD).output.law())
    with pytest.raises(InvalidInput, match="'all' reveals position 2, which is not masked or not permitted"):
        walk(InBlocks(TabulatedRule("all", z == D, D), 2), WORLD)


def test_masks_before_the_first_block_come_first() -> None:
    masked = torch.tensor([[True, False, True, True, True], [False, False, False, True, True], [False] * 5])
    wanted = [[True, False, True, False, False], [False, False, False, True, False], [False] * 5]
    assert first_block(masked, 1, first=3).tolist() == wanted


def test_rows_of_one_block_are_asked_about_together() -> None:
    """1,000 rows at three blocks: one call of the network a step for each, whatever the tokens are."""
    asked: list[int] = []

    def network(z: torch.Tensor) -> torch.Tensor:
        asked.append(len(z))
        return torch.zeros(*z.shape, 3)

    denoiser = FunctionDenoiser(network, 3, 6, outputs="logits")
    z = torch.randint(0, 3, (1000, 6), generator=torch.Generator().manual_seed(0))
    for k in range(1000):
        z[k, 2 * (k % 3) :] = 3
    InBlocks(LowConfidence(1), 2).step(denoiser, z, torch.Generator().manual_seed(1))
    assert sorted(asked) == [333, 333, 334]


def _network(length: int, d: int, seed: int) -> FunctionDenoiser:
    weight = torch.randn(
        length * (d + 1), length * d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )

    def network(z: torch.Tensor) -> torch.Tensor:
        seen = torch.nn.functional.one_hot(z, d + 1).flatten(1).double()
        return (seen @ weight).reshape(len(z), length, d) / 2

    return FunctionDenoiser(network, d, length, outputs="logits")


@pytest.mark.parametrize("temperature", [0.0])
def test_sequences_are_those_of_the_public_loop(temperature: float) -> None:
    """LLaDA's loop in plain torch at its default temperature: prompt of 5, three blocks of 8 in three steps each."""
    prompt, size, blocks, steps, d = 5, 8, 3, 3, 7
    length = prompt + size * blocks
    denoiser = _network(length, d, 4)
    x = torch.full((20, length), d)
    x[:, :prompt] = torch.randint(0, d, (20, prompt), generator=torch.Generator().manual_seed(9))
    start = x.clone()
    for b in range(blocks):
        until = prompt + (b + 1) * size
        for quota in (3, 3, 2):
            p = denoiser(x).exp()
            trust, token = p.max(-1)
            trust[x != d] = -1
            trust[:, until:] = -1
            for row in range(len(x)):
                kept = trust[row].topk(quota).indices
                x[row, kept] = token[row, kept]
    rule = InBlocks(LowConfidence(sizes=equal_quotas(size, steps), temperature=temperature), size, first=prompt)
    found = sample(rule, denoiser, start, seed=0)
    assert torch.equal(found.tokens, x)
    assert found.nfe.unique().tolist() == [blocks * steps]


def test_a_sequence_stops_once_nothing_is_masked_before_its_end() -> None:
    end, d = 1, 3
    z = torch.tensor([[0, 1, 3, 2, 3], [3, 1, 3, 2, 3], [1, 0, 3, 3, 3], [0, 0, 1, 1, 3]])
    assert StopAtEnd(TopK(), end).padded(z, d).tolist() == [
        [0, 1, 1, 1, 1], [3, 1, 3, 2, 3], [1, 1, 1, 1, 1], [0, 0, 1, 1, 1]
    ]  # fmt: skip
    in_prompt = StopAtEnd(TopK(), end, first=1)
    assert in_prompt.padded(z, d).tolist()[2] == [1, 0, 3, 3, 3]
    by_block = StopAtEnd(TopK(), end, within=2)
    assert by_block.padded(z, d).tolist() == [[0, 1, 1, 1, 1], [3, 1, 3, 2, 3], [1, 1, 1, 1, 1], [0, 0, 1, 1, 1]]
    assert StopAtEnd(TopK(), end, within=3).padded(z, d).tolist()[0] == [0, 1, 3, 2, 3]
    assert StopAtEnd(TopK(), end, within=2, first=1).padded(z, d).tolist()[0] == [0, 1, 3, 2, 3]


@pytest.mark.parametrize("within", [None, 1, 2, 3])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_every_state_is_padded_as_written_out(within: int | None, first: int) -> None:
    z = states.all_states(N, D)
    mine = StopAtEnd(TopK(), 1, within, first).padded(z, D).tolist()
    assert mine == [list(reference_decoding.padded(tuple(x), D, 1, within, first)) for x in z.tolist()]


@pytest.mark.parametrize("within", [None, 2])
def test_law_and_calls_of_a_sampler_that_stops_are_those_written_out(within: int | None) -> None:
    step = reference_decoding.low_confidence(reference.exact_conditionals(WORLD), D, 2)
    law, steps = reference_decoding.output(reference_decoding.stopped(step, D, 1, within), (D,) * N, D)
    found = walk(StopAtEnd(LowConfidence(2), 1, within), WORLD)
    wanted = torch.tensor(claims.listed(law, WORLD), dtype=torch.float64)
    assert float((found.output.law() - wanted).abs().max()) < 1e-14
    assert found.calls == pytest.approx(float(steps), abs=1e-12) and float(steps) < 2


def test_a_start_at_its_end_costs_no_call() -> None:
    rule = StopAtEnd(LowConfidence(), 1)
    found = sample(rule, WORLD, torch.tensor([[0, 1, D, D], [D, D, D, D]]), seed=2)
    assert found.tokens[0].tolist() == [0, 1, 1, 1] and int(found.nfe[0]) == 0
    exact = walk(rule, WORLD, start=(0, 1, D, D))
    assert exact.calls == 0 and float(exact.output.law()[states.index_of(torch.tensor([0, 1, 1, 1]), D - 1)]) == 1


def test_stopping_saves_calls_and_keeps_the_law_of_padded_data() -> None:
    """A word of letters 0 of geometric length, then end marks: 1 + 1/2 + 1/4 + 1/8 calls left to right instead of 4."""
    weights = [0] * 16
    for length in range(5):
        word = [0] * length + [1] * (4 - length)
        weights[int("".join(map(str, word)), 2)] = 2 ** (3 - length) if length < 4 else 1
    world = TableWorld.from_weights(weights, 4, 2)
    plain, stopped = walk(LeftToRight(), world), walk(StopAtEnd(LeftToRight(), 1), world)
    assert float((plain.output.law() - stopped.output.law()).abs().max()) < 1e-15
    assert plain.calls == pytest.approx(4) and stopped.calls == pytest.approx(1.875)
    drawn = sample(StopAtEnd(LeftToRight(), 1), world, 4000, seed=5)
    assert abs(drawn.calls - 1.875) < 3 * math.sqrt(25 / 8000), "Hoeffding: a false alarm in e^25 / 2"
    before_stop, after_stop = walk(TopK(2), world), walk(StopAtEnd(TopK(2), 1), world)
    assert before_stop.divergence == pytest.approx(0.2673, abs=1e-4) and before_stop.calls == pytest.approx(2)
    assert after_stop.divergence == pytest.approx(0.1207, abs=1e-4) and after_stop.calls == pytest.approx(2)
