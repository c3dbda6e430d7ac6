"""Speed of unmasking rules and of the exact walk over their paths, as ratios within one run."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from benchmarks.harness import Timing, benchmark, ratio
from theory.unmasking.rules import compiled
from theory.unmasking.rules.low_confidence import LowConfidence
from theory.unmasking.rules.proxies import PROXIES, token_entropy
from theory.unmasking.rules.sets import EntropyBounded
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, states

BUDGETS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 2.0)


def random_laws(worlds: int, n: int, d: int) -> torch.Tensor:
    q = torch.rand(worlds, d**n, dtype=torch.float64, generator=torch.Generator().manual_seed(n)) ** 4
    return q / q.sum(-1, keepdim=True)


def dirichlet_laws(worlds: int, n: int, d: int) -> list[TableWorld]:
    """Return laws drawn uniformly from all laws, their marginal tables built."""
    noise = -torch.rand(worlds, d**n, dtype=torch.float64, generator=torch.Generator().manual_seed(n)).log()
    laws = [TableWorld(q / q.sum(), n, d) for q in noise]
    assert all(law.table is not None for law in laws)
    return laws


def walk_against_conditionals(n: int, d: int) -> Timing:
    law = random_laws(1, n, d)[0]
    z = states.all_states(n, d)

    def conditionals() -> torch.Tensor:
        return token_entropy(states.table_conditionals(states.marginal_table(law, n, d), z, d).log())

    return ratio(lambda: walk(EntropyBounded(0.1), TableWorld(law, n, d)), conditionals, repeats=5)


@benchmark(at_most=5)
def walk_ten_bits() -> Timing:
    """exact law, errors and NFE of EB at n = 10, d = 2, over conditionals and entropies of all 3^10 states"""
    return walk_against_conditionals(10, 2)


@benchmark(at_most=5)
def walk_eight_symbols() -> Timing:
    """exact law, errors and NFE of EB at n = 8, d = 4, over conditionals and entropies of all 5^8 states"""
    return walk_against_conditionals(8, 4)


@benchmark(at_most=10)
def walk_drawn_confidence() -> Timing:
    """exact law of low-confidence remasking, k = 2, on 8 random laws at n = 6, d = 3, over EB's walks on the same"""
    worlds = dirichlet_laws(8, 6, 3)
    rules = (LowConfidence(2), EntropyBounded(0.1))
    mine, reference = (lambda rule=rule: [walk(rule, world) for world in worlds] for rule in rules)
    return ratio(mine, reference, repeats=5)


def big_batch() -> tuple[torch.Tensor, torch.Tensor, Callable[[], object]]:
    logits = torch.randn(4096, 256, 128, generator=torch.Generator().manual_seed(0))
    masked = torch.rand(4096, 256, generator=torch.Generator().manual_seed(1)) < 0.7
    scores = torch.rand(4096, 256)
    return logits, masked, lambda: (logits.softmax(-1), scores.sort(-1))


@benchmark(at_most=1)
def rule_select() -> Timing:
    """EB's compiled select from 4096 x 256 positions x 128 logits, over one softmax and one sort of positions"""
    logits, masked, reference = big_batch()
    select = compiled.from_logits(EntropyBounded(0.1))
    return ratio(lambda: select(logits, masked), reference, repeats=5)


@benchmark(at_most=3)
def rule_select_eager() -> Timing:
    """the same without a compiler: eager in chunks that stay in cache"""
    logits, masked, reference = big_batch()
    rule = EntropyBounded(0.1)

    def select(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return rule.select(a.log_softmax(-1), b)

    return ratio(lambda: compiled.in_chunks(select, logits, masked), reference, repeats=5)


@benchmark(at_most=30)
def many_worlds() -> Timing:
    """seconds for 200 random worlds x 9 budgets x 3 proxies at n = 5, d = 3 (a time, not a ratio)"""
    worlds = TableWorld(random_laws(200, 5, 3), 5, 3)
    start = time.perf_counter()
    for by in PROXIES:
        for budget in BUDGETS:
            walk(EntropyBounded(budget, by), worlds)
    return Timing(time.perf_counter() - start, 1.0)
