"""Parity with a predictor that reads k symbols a place: what T steps cannot decide, and the tree that decides it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from theory.ledger import Claim, Evidence, Instance, at_most, equal
from theory.power.claims.machine_inputs import EXACT, NONE, OURS, tables
from theory.power.light_cones import (
    MOST_READ,
    Tables,
    accuracies,
    best_accuracy,
    deciding_planner,
    least_steps,
    light_cone,
    parity_tree,
)
from theory.power.planners import run
from theory.reference import machines as reference

HALF = Fraction(1, 2)


def cones(machine: Tables, narrow: int = 0) -> Iterator[Evidence]:
    """Flip every input of every word: the light cone holds what changes an output, and has at most k^T members.

    Where it misses an input, the output is the parity of exactly half of the words. In the variant one member is left
    out.
    """
    words = _all_words(machine.n)
    last = run(machine.machine, words, machine.steps).last[:, machine.n :]
    fan_in = len(machine.windows[0])
    for output in range(len(machine.windows)):
        cone = sorted(light_cone(machine, output))[narrow:]
        yield at_most("enumeration", len(cone), fan_in**machine.steps, NONE, effective=bool(cone), note="inputs")
        outside = [i for i in range(machine.n) if i not in cone]
        flipped = [int((last[:, output] != last[_flipped(words, i), output]).sum()) for i in outside]
        yield equal("enumeration", flipped or 0, 0, 0, effective=bool(outside and cone), note="changed from outside")
        if outside:
            right = int(((last[:, output] == 1) == (words.sum(-1) % 2 == 1)).sum())
            yield equal("enumeration", Fraction(right, len(words)), HALF, NONE, note="share of words decided")


def every_function(n: int, read: Sequence[int], better: Fraction = NONE) -> Iterator[Evidence]:
    """Compare the accuracy on parity of all functions of the bits read with 1/2, and the best by counting completions."""
    claimed = HALF + better
    found = accuracies(n, read)
    yield equal("enumeration", found, float(claimed * 2**n), 0, note=f"{len(found)} functions")
    if len(read) < MOST_READ:
        literal = max(reference.right_functions(n, read))
        yield equal("rational", literal, claimed, NONE, note="written out")
    yield equal("closed form", best_accuracy(n, len(read)), claimed, NONE, note="by completions")


def tree_decides(n: int, fan_in: int, sooner: int = 0) -> Iterator[Evidence]:
    """Run the tree of fan-in k on the zero word, on all words of one bit and on others; count its steps and reads.

    Its map is linear over two elements, so that the zero word and those of one bit decide all.
    """
    program = parity_tree(n, fan_in)
    steps = least_steps(n, fan_in) - sooner
    words = torch.cat((torch.zeros(1, n, dtype=torch.int64), torch.eye(n, dtype=torch.int64), _spread(n)))
    done = run(program.machine, words, max(steps, 0))
    answers = done.last[:, program.results[0]]
    yield equal("enumeration", answers, words.sum(-1) % 2, 0, effective=n > 1, note="decisions")
    yield equal("enumeration", done.account.steps, steps, 0, effective=n > 1, note="steps")
    yield at_most("enumeration", done.account.reads, fan_in, NONE, effective=n > 1, note="symbols read by a place")
    longer = fan_in**steps >= n and (steps == 0 or fan_in ** (steps - 1) < n)
    yield equal("closed form", int(longer), 1, NONE, note="k^T reaches n for the first time")


def first_failure(fan_in: int, steps: int, n: int) -> Iterator[Evidence]:
    """Say that parity of n - 1 bits is decided in T steps of fan-in k, and that of n bits by no machine at all."""
    before = parity_tree(n - 1, fan_in)
    words = torch.cat((torch.zeros(1, n - 1, dtype=torch.int64), torch.eye(n - 1, dtype=torch.int64), _spread(n - 1)))
    done = run(before.machine, words, steps)
    answers = done.last[:, before.results[0]]
    yield equal("enumeration", answers, words.sum(-1) % 2, 0, note="one bit less")
    yield equal("closed form", best_accuracy(n, min(n, fan_in**steps)), HALF, NONE, note="best accuracy")


def by_the_planner(n: int) -> Iterator[Evidence]:
    """Return the accuracy on parity, after one step, of a machine whose predictor reads nothing: claimed to be 1/2."""
    words = _all_words(n)
    done = run(deciding_planner(n), words, 1)
    right = int(((done.last[:, n] == 1) == (words.sum(-1) % 2 == 1)).sum())
    yield equal("enumeration", done.account.reads, 0, NONE, note="symbols read by the predictor")
    yield equal("enumeration", Fraction(right, len(words)), HALF, NONE, note="share of words decided")


def _all_words(n: int) -> Tensor:
    return torch.tensor(list(itertools.product((0, 1), repeat=n)), dtype=torch.int64)


def _flipped(words: Tensor, place: int) -> Tensor:
    """Return for each word the row of the word with the bit at a place flipped."""
    return torch.arange(len(words)) ^ (1 << words.shape[1] - 1 - place)


def _spread(n: int) -> Tensor:
    return torch.randint(2, (32, n), generator=torch.Generator().manual_seed(n))


@st.composite
def _reads(draw: DrawFn) -> Instance:
    n = draw(st.integers(1, 6))
    places = st.lists(st.integers(0, n - 1), max_size=min(n - 1, 3), unique=True)
    return {"n": n, "read": draw(places)}


def _sizes() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries({"n": st.integers(1, 200), "fan_in": st.integers(2, 6)})


COPIED = Tables(
    3,
    [[0, 1], [3, 2]],
    [[[0, 1, 0, 1, 0, 0, 0, 0, 0]] * 2, [[0, 1, 0, 1, 0, 0, 0, 0, 0]] * 2],
    [[True, False], [False, True]],
)
"""Two steps of exclusive or: the second output is the parity of three bits, the first that of two."""
CLAIMS = (
    Claim(
        id="reasoning.4",
        statement=(
            "If each place reads at most k symbols a step and the planner does not depend on the input, a symbol depends on "
            "at most k^T inputs after T steps, and if some input is not among them it is the parity on exactly half of all words."
        ),
        source=f"{OURS}, reasoning.4", quantifier="for all", kind="upper", routes=("enumeration",), check=cones,
        tolerance=EXACT, inputs=lambda: st.fixed_dictionaries({"machine": tables()}), examples=25, fixtures=({"machine": COPIED},),
        variants={"one input less in the cone": partial(cones, narrow=1)},
    ),
    Claim(
        id="reasoning.4best",
        statement="Every function of fewer than N of N uniform bits equals their parity with probability exactly 1/2.",
        source=f"{OURS}, reasoning.4", quantifier="for all", kind="equality", routes=("enumeration", "rational", "closed form"),
        check=every_function, tolerance=EXACT, inputs=_reads, examples=6,
        fixtures=({"n": 3, "read": [0, 1]}, {"n": 4, "read": [0, 1, 3]}, {"n": 5, "read": [0, 1, 2, 3]}),
        variants={"one word more": partial(every_function, better=Fraction(1, 64))},
    ),
    Claim(
        id="reasoning.4tree",
        statement=(
            "With fan-in k the parity of N bits is decided in T = ceil(log_k N) steps, the least T with k^T >= N: for "
            "k = 2, 3, 4 in 6, 4, 3 steps at N = 64 and in 10, 7, 5 at N = 1024."
        ),
        source=f"{OURS}, reasoning.4", quantifier="for all", kind="equality", routes=("enumeration", "closed form"),
        check=tree_decides, tolerance=EXACT, inputs=_sizes, examples=8,
        fixtures=tuple({"n": n, "fan_in": k} for n in (2, 64, 1024) for k in (2, 3, 4)),
        variants={"one step less": partial(tree_decides, sooner=1), "one step more": partial(tree_decides, sooner=-1)},
    ),
    Claim(
        id="reasoning.4planner",
        statement=(
            "If the predictor reads at most k symbols a place, a symbol after T steps is the parity of N > k^T bits on half "
            "of all words, whatever the planner looks at."
        ),
        source=f"{OURS}, reasoning.4", quantifier="for all", kind="equality", routes=("enumeration",), check=by_the_planner,
        tolerance=EXACT, expected="refuted", see="reasoning.4", fixtures=({"n": 6},),
        inputs=lambda: st.fixed_dictionaries({"n": st.integers(2, 8)}), examples=2,
    ),
    Claim(
        id="reasoning.9",
        statement=(
            "With fan-in k and T steps exact parity first fails at N = k^T + 1: 3, 5, 9 for k = 2 and T = 1, 2, 3, and 4, 10, "
            "28 for k = 3."
        ),
        source=f"{OURS}, reasoning.4", quantifier="this instance", kind="equality", routes=("enumeration", "closed form"),
        check=first_failure, tolerance=EXACT,
        fixtures=tuple({"fan_in": k, "steps": t, "n": n} for k, ns in ((2, (3, 5, 9)), (3, (4, 10, 28))) for t, n in enumerate(ns, 1)),
        variants={"one later": lambda fan_in, steps, n: first_failure(fan_in, steps, n + 1), "one earlier": lambda fan_in, steps, n: first_failure(fan_in, steps, n - 1)},
    ),
)  # fmt: skip
