"""Predictors of bounded fan-in: which inputs a decision can depend on, and parity in T steps of fan-in k.

Where a place reads at most k symbols in a step, its symbol after T steps depends on at most k^T inputs, whatever is
computed, as long as the planner does not look at the input. Flipping an input that is not read flips the parity, so the
decision of parity is then right on exactly half of all words. This bounds the fan-in of the predictor; it illustrates
what arXiv 2510.13117, Corollary 3.3, says of circuits of constant depth, whose fan-in is not bounded.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.planners import MDM, NOTHING, View
from theory.power.trees import Program, check_length

MOST_READ = 4
"""Inputs read by the functions that are enumerated: there are 2^(2^4) of four."""


@dataclass(frozen=True)
class Tables:
    """A local machine on bits: what each output place reads, what it writes for what it reads, and when it is written.

    `windows[i]` lists the k places that output i reads. `tables[t][i]` gives the bit that it writes in step t + 1 for
    each reading, counted in base three with the mask as 2, and `plan[t][i]` says whether it is written then. The plan
    does not depend on the input, and places may be written again.
    """

    n: int
    windows: Sequence[Sequence[int]]
    tables: Sequence[Sequence[Sequence[int]]]
    plan: Sequence[Sequence[bool]]

    def __post_init__(self) -> None:
        total = self.n + len(self.windows)
        wrong = [place for window in self.windows for place in window if not 0 <= place < total]
        if wrong:
            raise InvalidInput(f"a window reads place {wrong[0]}; expected places 0..{total - 1} of the string")

    @property
    def steps(self) -> int:
        """Return how many steps the plan has."""
        return len(self.plan)

    @property
    def machine(self) -> MDM:
        """Return the masked diffusion with this predictor, and with windows that are enforced."""
        windows, tables = torch.tensor(self.windows), torch.tensor(self.tables)
        plan = torch.tensor(self.plan, dtype=torch.bool)
        base = 3 ** torch.arange(windows.shape[1])

        def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch outputs"]:
            return plan[step - 1].expand(len(string), -1)

        def predictor(view: View) -> Int[Tensor, "batch written"]:
            outputs = view.places - self.n
            reading = (view.read(windows[outputs]) * base).sum(-1)
            return tables[view.step - 1, outputs, reading]

        return MDM(self.n, len(windows), 2, planner, predictor, windows, resampling=True)


def light_cone(machine: Tables, output: int) -> frozenset[int]:
    """Return the inputs on which the symbol of an output place may depend after all steps of the plan."""
    cones = [
        frozenset({place}) if place < machine.n else frozenset() for place in range(machine.n + len(machine.plan[0]))
    ]
    for written in machine.plan:
        after = list(cones)
        for index, window in enumerate(machine.windows):
            if written[index]:
                after[machine.n + index] = frozenset().union(*(cones[place] for place in window))
        cones = after
    return cones[machine.n + output]


def least_steps(n: int, fan_in: int) -> int:
    """Return ceil(log n / log k), the least T with k^T >= n, in whole numbers."""
    check_length(n)
    if fan_in < 2:
        raise InvalidInput(f"fan-in {fan_in}; expected at least 2: with one symbol a step nothing is combined")
    return next(steps for steps in itertools.count() if fan_in**steps >= n)


def parity_tree(n: int, fan_in: int) -> Program:
    """Return the machine that adds bits modulo two over the balanced tree of fan-in k; what is left over passes up.

    It takes the least number of steps, and one place holds the parity in the end.
    """
    steps = least_steps(n, fan_in)
    level, reads, place = list(range(n)), [], n
    while len(level) > 1:
        groups = [level[i : i + fan_in] for i in range(0, len(level), fan_in)]
        level = []
        for group in groups:
            if len(group) > 1:
                reads.append(group + [NOTHING] * (fan_in - len(group)))
            level.append(group[0] if len(group) == 1 else place)
            place += len(group) > 1
    windows = torch.tensor(reads, dtype=torch.int64).reshape(-1, fan_in)

    def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch outputs"]:
        picked = string[:, n:] == 2
        masked = picked.any(0).nonzero()[:, 0]
        read = windows[masked]
        picked[:, masked] &= ((string[:, read.clamp(min=0)] != 2) | (read == NOTHING)).all(-1)
        return picked

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        return view.read(windows[view.places - n]).clamp(min=0).sum(-1) % 2

    machine = MDM(n, len(windows), 2, planner, predictor, windows)
    return Program(machine, steps, torch.tensor(level))


def best_accuracy(n: int, read: int) -> Fraction:
    """Return the best accuracy of a decision of parity that sees `read` of n uniform bits, by counting completions.

    For each pattern of the bits seen, the better guess is right on the larger of the two numbers of completions.
    """
    unread = n - read
    odd = sum(math.comb(unread, ones) for ones in range(1, unread + 1, 2))
    return Fraction(max(odd, 2**unread - odd), 2**unread)


def accuracies(n: int, read: Sequence[int]) -> Int[Tensor, " functions"]:
    """Return on how many of the 2^n words each of the 2^(2^m) functions of m bits of the word is the parity.

    Raises InvalidInput for more than MOST_READ bits.
    """
    if len(read) > MOST_READ:
        raise InvalidInput(f"functions of {len(read)} bits; expected at most {MOST_READ}: there are 2^(2^m) of them")
    words = torch.cartesian_prod(*[torch.arange(2)] * n).reshape(-1, n)
    reading = (words[:, list(read)] * 2 ** torch.arange(len(read))).sum(-1)
    functions = torch.arange(2**2 ** len(read))
    right = torch.zeros_like(functions)
    for pattern, parity in zip(reading.tolist(), (words.sum(-1) % 2).tolist(), strict=True):
        right += (functions >> pattern & 1) == parity
    return right


def deciding_planner(n: int) -> MDM:
    """Return a machine on one output symbol whose predictor reads nothing and always writes 1.

    The planner picks the output where the number of ones is odd: it alone decides parity, in one step.
    """

    def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch 1"]:
        return (string[:, :n].sum(-1, keepdim=True) % 2 == 1) & (string[:, n:] == 2)

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        blind = view.read(torch.full((len(view.places), 1), NOTHING))
        return torch.ones_like(blind[..., 0])

    return MDM(n, 1, 2, planner, predictor, torch.full((1, 1), NOTHING))
