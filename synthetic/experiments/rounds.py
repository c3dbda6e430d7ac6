"""Steps and symbols of different models on the same problems, counted on runs (arXiv 2510.06190 and 2510.13117).

Table: problem, model, n (length of the input), steps and symbols (beside the input; for any-process models the longest
string), both counted on a run whose answer was checked, and steps_formula, symbols_formula. Scalars: none.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from theory.power.trees import Program

COLUMNS = ("problem", "model", "n", "steps", "symbols", "steps_formula", "symbols_formula")


@dataclass(frozen=True)
class Config:
    """Lengths of inputs, and the seed of the words and lists."""

    lengths: tuple[int, ...] = (2, 3, 5, 8, 16, 33, 64, 128, 256)
    seed: int = 0


PRESETS = {
    "smoke": Config((2, 5, 8)),
    "laptop": Config(),
    "gpu": Config((2, 3, 5, 8, 16, 33, 64, 128, 256, 512, 1024, 2048, 4096)),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Run every model on one input of every length."""
    import pandas as pd
    import torch

    generator = torch.Generator().manual_seed(config.seed)
    rows: list[dict[str, Any]] = []
    for n in progress.track(config.lengths, "lengths"):
        for problem, part in (
            ("word problem of S5", products), ("all prefixes in S5", prefixes), ("parity", parities),
            ("rank of a linked list", ranks),
        ):  # fmt: skip
            rows += [{"problem": problem, "n": n, **row} for row in part(n, generator)]
    return pd.DataFrame(rows, columns=list(COLUMNS)), {}


def entry(model: str, steps: int, symbols: int, steps_formula: int, symbols_formula: int) -> dict[str, Any]:
    """Return a row."""
    return {
        "model": model, "steps": steps, "symbols": symbols,
        "steps_formula": steps_formula, "symbols_formula": symbols_formula,
    }  # fmt: skip


def counted(
    program: Program, word: torch.Tensor, right: Callable[[torch.Tensor], bool], model: str, formula: tuple[int, int]
) -> dict[str, Any]:
    """Run a planner and predictor, check the answer, and return a row."""
    from theory.errors import InvalidInput
    from theory.power import planners

    result = planners.run(program.machine, word, program.steps)
    if not right(result.last[:, program.results]):
        raise InvalidInput(f"{model}: a wrong answer at n = {word.shape[1]}")
    return entry(model, int(result.account.steps[0]), result.account.symbols, *formula)


def products(n: int, generator: torch.Generator) -> Iterator[dict[str, Any]]:
    """Yield the product of a word in S5: on a tree, and state after state."""
    import torch

    from theory.power import monoids, trees
    from theory.reference import machines

    automaton = monoids.language("S5")
    monoid = monoids.transition_monoid(automaton)
    letters = torch.randint(2, (1, n), generator=generator)
    elements = monoid.elements(letters)
    table = monoid.products.tolist()
    product = functools.reduce(lambda a, b: table[a][b], elements[0].tolist())
    final = machines.final_state(automaton.transitions, automaton.start, letters[0].tolist())
    tree = trees.products_of(trees.balanced_tree(n), monoid.products)
    rounds = math.ceil(math.log2(n))
    yield counted(tree, elements, lambda s: int(s[0, -1]) == product, "planner, tree", (rounds, n - 1))
    chain = trees.state_tracking(automaton, n)
    yield counted(chain, letters, lambda s: int(s[0, -1]) == final, "chain of thought", (n, n))


def prefixes(n: int, generator: torch.Generator) -> Iterator[dict[str, Any]]:
    """Yield all prefix products: written again in one lane, written once in three ways."""
    import torch

    from theory.power import monoids, trees
    from theory.power import prefixes as engines

    monoid = monoids.transition_monoid(monoids.language("S5"))
    elements = monoid.elements(torch.randint(2, (1, n), generator=generator))
    table = monoid.products.tolist()
    expected = list(itertools.accumulate(elements[0].tolist(), lambda a, b: table[a][b]))
    rounds = math.ceil(math.log2(n))

    def right(symbols: torch.Tensor) -> bool:
        return symbols[0].tolist() == expected

    lane = engines.prefix_lanes(n, monoid.products)
    yield counted(lane, elements, right, "resampling, one lane", (rounds, n))
    appended = engines.parallel_chain(n, monoid.products)
    yield counted(appended, elements, right, "parallel chain of thought", (rounds, n * rounds))
    once = trees.products_of(engines.write_once_prefixes(n), monoid.products)
    yield counted(once, elements, right, "written once, doubling", (rounds, n * rounds - 2**rounds + 1))
    chain = trees.products_of(trees.chain(n), monoid.products)
    last = [expected[-1]]
    yield counted(chain, elements, lambda s: s[0].tolist() == last, "chain of thought", (n - 1, n - 1))


def parities(n: int, generator: torch.Generator) -> Iterator[dict[str, Any]]:
    """Yield the parity of zeros by every kind of model: two steps with insertion and deletion, or seven rules;
    written once on a tree; written again in one lane; a chain of thought, and one that appends n symbols a step.
    """
    import torch

    from theory.errors import InvalidInput
    from theory.power import monoids, parity, prefixes, trees
    from theory.power.generation import run as repeat
    from theory.power.transition import Strings

    bits = torch.zeros(1, n, dtype=torch.int64)
    state = Strings(bits, torch.tensor([n]), parity.D)
    quick = repeat(parity.two_steps, state, 4)
    rules = repeat(parity.seven_rules, state, 2 * n + 2)
    if bool(parity.odd(quick.last)) or bool(parity.odd(rules.last)):
        raise InvalidInput(f"parity: a wrong answer at n = {n}")
    yield entry("any-process, two steps", int(quick.steps[0]), int(quick.context[0]), 2, 2 * n)
    yield entry("any-process, seven rules", int(rules.steps[0]), int(rules.context[0]), n // 2 * 2, n)
    monoid = monoids.transition_monoid(monoids.language("parity"))
    tree = trees.products_of(trees.balanced_tree(n), monoid.products)
    elements = monoid.elements(bits)
    even = int(elements[0, 0])  # a zero changes nothing
    rounds = math.ceil(math.log2(n))

    def right(symbols: torch.Tensor) -> bool:
        return int(symbols[0, -1]) == even

    yield counted(tree, elements, right, "planner, tree", (rounds, n - 1))
    lane = prefixes.prefix_lanes(n, monoid.products)
    yield counted(lane, elements, right, "resampling, one lane", (rounds, n))
    appended = prefixes.parallel_chain(n, monoid.products)
    yield counted(appended, elements, right, "parallel chain of thought", (rounds, n * rounds))
    chain = trees.state_tracking(monoids.language("parity"), n)
    yield counted(chain, bits, lambda s: int(s[0, -1]) == 0, "chain of thought", (n, n))


def ranks(n: int, generator: torch.Generator) -> Iterator[dict[str, Any]]:
    """Yield the ranks of a random list: pointer jumping in two lanes, the log of its memories, a walk from the end."""
    import torch

    from theory.errors import InvalidInput
    from theory.power import lanes
    from theory.power.generation import run as repeat
    from theory.reference import processes as reference

    order = torch.randperm(n, generator=generator)
    successor = torch.empty(1, n, dtype=torch.int64)
    successor[0, order] = torch.cat((order[1:], order[-1:]))
    result = repeat(lanes.two_lanes(lanes.jump(n)), lanes.start(lanes.linked_list(successor), n * n), 2 * n)
    memories = [lanes.lane(state)[0][0] for state in result.states]
    expected = reference.ranks(successor[0].tolist())
    before = {after: node for node, after in enumerate(successor[0].tolist()) if node != after}
    written, node = {int(order[-1]): 0}, int(order[-1])
    while node in before:
        written[before[node]], node = written[node] + 1, before[node]
    if (memories[-1] % n).tolist() != expected or [written[k] for k in range(n)] != expected:
        raise InvalidInput(f"ranks: a wrong answer at n = {n}")
    rounds = math.ceil(math.log2(n - 1)) if n > 2 else 0
    steps = int(result.steps[0])
    yield entry("any-process, two lanes", steps, int(result.context[0]), rounds, 2 * n)
    yield entry("written once, log", steps, sum(map(len, memories)), rounds, n * (rounds + 1))
    yield entry("chain of thought", len(written), len(written), n, n)
