"""All prefixes of a word's product in ceil(log2 n) steps: write-once circuits, and lanes that are written again.

In round r each place is multiplied by what stands 2^(r - 1) places before it, until all of the word is covered. Written
once, every round needs new symbols. With resampling one lane of n symbols is enough, since all places of a step read
the string before it; but what a place reads depends on the round, which must be shown to planner and predictor, as the
number of the step or as one more symbol of the string that counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.planners import MDM, NOTHING, View
from theory.power.trees import Circuit, Program, check_length, halvings


def write_once_prefixes(n: int) -> Circuit:
    """Return all prefixes by doubling: round r multiplies each place by the one 2^(r - 1) before it, in new nodes.

    What has no place so far before it is a finished prefix and is not copied: n R - 2^R + 1 nodes, R = ceil(log2 n).
    """
    check_length(n)
    lane, left, right, place, distance = torch.arange(n), [], [], n, 1
    while distance < n:
        left.append(lane[:-distance])
        right.append(lane[distance:])
        lane = torch.cat((lane[:distance], torch.arange(place, place + n - distance)))
        place += n - distance
        distance *= 2
    empty = torch.arange(0)
    return Circuit(n, torch.cat((empty, *left)), torch.cat((empty, *right)), lane)


def ladner_fischer(n: int) -> Circuit:
    """Return all prefixes in ceil(log2 n) steps with fewer than 4 n nodes (Ladner, Fischer 1980, k = 0)."""
    check_length(n)
    pairs: list[tuple[int, int]] = []

    def node(a: int, b: int) -> int:
        pairs.append((a, b))
        return n + len(pairs) - 1

    def prefixes(items: Sequence[int], slow: bool) -> list[int]:
        if len(items) == 1:
            return list(items)
        if slow:
            inner = prefixes([node(a, b) for a, b in zip(items[::2], items[1::2], strict=False)], False)
            odd = [node(a, b) for a, b in zip(inner, items[2::2], strict=False)]
            return [items[0]] + [v for k in range(len(inner)) for v in (inner[k], *odd[k : k + 1])]
        half = 1 << (len(items) - 1).bit_length() - 1
        first, second = prefixes(items[:half], True), prefixes(items[half:], False)
        return first + [node(first[-1], b) for b in second]

    results = torch.tensor(prefixes(range(n), False))
    left, right = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    return Circuit(n, left, right, results)


def prefix_lanes(n: int, products: Int[Tensor, "elements elements"], lanes: int = 1, counter: bool = False) -> Program:
    """Return the machine that writes all prefixes into one lane of n symbols, or into two in turn, with resampling.

    With `counter` the round is a symbol behind the lanes and the number of the step is not looked at.
    """
    rounds = halvings(n)
    if lanes not in (1, 2):
        raise InvalidInput(f"{lanes} lanes; expected one, or two that are written in turn")
    outputs, d = lanes * n + counter, max(len(products), rounds if counter else 1)

    def coming(symbols: Tensor, step: int) -> Int[Tensor, "#batch 1"]:
        """Return the round to be computed, from the counter or from the number of the step."""
        return torch.where(symbols == d, 1, symbols + 2) if counter else torch.full((1, 1), step)

    def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch outputs"]:
        now, place = coming(string[:, -1:], step), torch.arange(outputs)
        finished = (lanes == 1) & (now > 1) & (place < 2 ** (now - 1))
        here = (place // n == (now - 1) % lanes) & ~finished | (place == lanes * n)
        return (here & (now <= rounds)).expand(len(string), -1)

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        counted = torch.full((len(view.places), 1), n + lanes * n)
        now = coming(view.read(counted)[:, :1, 0] if counter else counted, view.step)
        pairs = _pairs(n, lanes, view.places, now)
        reads = torch.cat((pairs, counted.expand(len(pairs), -1, -1)), -1) if counter else pairs
        left, right = view.read(reads if counter else reads[0])[..., :2].unbind(-1)
        product = torch.where(left == NOTHING, right, products[left, right])
        return torch.where(view.places == n + lanes * n, now - 1, product)

    machine = MDM(n, outputs, d, planner, predictor, _window(n, lanes, counter), resampling=True)
    lane = n + (rounds - 1) % lanes * n if rounds else 0
    return Program(machine, rounds, torch.arange(lane, lane + n))


def parallel_chain(n: int, products: Int[Tensor, "elements elements"]) -> Program:
    """Return a parallel chain of thought (pCoT): every step appends n products, of up to twice as many elements.

    What a symbol reads stands before all that its step writes, so that causal attention has it; nothing is written
    again. That takes ceil(log2 n) steps and n ceil(log2 n) symbols.
    """
    rounds, place = halvings(n), torch.arange(halvings(n) * n)
    row, column = place // n, place % n
    window = torch.stack((torch.where(column >= 2**row, place - 2**row, NOTHING), place), -1)

    def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch outputs"]:
        return (row == step - 1).expand(len(string), -1)

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        left, right = view.read(window[view.places - n]).unbind(-1)
        return torch.where(left == NOTHING, right, products[left, right])

    machine = MDM(n, len(place), len(products), planner, predictor, window)
    return Program(machine, rounds, torch.arange(rounds * n, rounds * n + n))


def _pairs(
    n: int, lanes: int, places: Int[Tensor, " written"], now: Int[Tensor, "rounds 1"]
) -> Int[Tensor, "rounds written 2"]:
    """Return what each place reads in a round: 2^(round - 1) places to the left in the last lane, and its own place.

    The first round reads the word. What would lie before the word is NOTHING.
    """
    index, distance = (places - n) % n, 2 ** (now - 1)
    lane = torch.where(now == 1, 0, n + (now - 2) % lanes * n)
    return torch.stack((torch.where(index >= distance, lane + index - distance, NOTHING), lane + index), -1)


def _window(n: int, lanes: int, counter: bool) -> Int[Tensor, "outputs reads"]:
    """Return all places that an output may read in any round."""
    places = torch.arange(n, n + lanes * n + counter)
    rounds = torch.arange(1, max(halvings(n), 1) + 1)[:, None]
    pairs = _pairs(n, lanes, places, rounds).permute(1, 0, 2).flatten(1)
    return torch.cat((pairs, torch.full((len(pairs), int(counter)), n + lanes * n)), -1)
