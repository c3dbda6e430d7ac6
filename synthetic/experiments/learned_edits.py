"""Any-process models that read a window, trained on short strings and run on long ones (arXiv 2510.06190).

Table: part, seed, window, step, n (length of the strings), share. Parts: "samples", the share of the seven labelled
states of the parity rules whose edit is right after `step` steps of training, by a model that edits the first `window`
symbols; "parity", the share of random strings of n bits that it ends with the right parity; "words" and "others", by a
model that reads `window` symbols around each place: the share of Dyck words of two kinds of brackets, and of words
with one bracket replaced, that are erased. Scalars: parameters of the parity model and of the smallest of brackets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Generator, Tensor

    from synthetic.edits import Editor, Transitions
    from theory.power.transition import Strings

COLUMNS = ("part", "seed", "window", "step", "n", "share")
SAMPLES = ((0, 1), (2, 1), (1, 0), (1, 2), (0, 0), (1, 1), (2, 2))
"""The seven states of the parity rules on two symbols; 2 is the mask."""
KINDS = 2


@dataclass(frozen=True)
class Config:
    """Seeds, symbols read, training steps, lengths, strings a length, and the longest word that brackets learn from."""

    seeds: tuple[int, ...] = tuple(range(10))
    fronts: tuple[int, ...] = (2, 3, 4)
    reaches: tuple[int, ...] = (1, 2, 4)
    steps: int = 500
    bits: tuple[int, ...] = (3, 100, 200, 300)
    brackets: tuple[int, ...] = (12, 64)
    strings: int = 100
    longest: int = 12


PRESETS = {
    "smoke": Config((0, 1), (2, 3), (1,), 120, (3, 12), (6, 12), 10, 6),
    "laptop": Config(),
    "gpu": Config(seeds=tuple(range(40)), strings=400),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, int]]:
    """Train the models of every window, all seeds together, and run them on strings of every length."""
    import pandas as pd

    from synthetic.edits import member

    rows: list[dict[str, Any]] = []
    sizes = dict[str, int]()
    for kind, windows in (("parity", config.fronts), ("brackets", config.reaches)):
        measure = parity if kind == "parity" else brackets
        for window in progress.track(windows, kind):
            editors, history = trained(kind, window, config)
            sizes.setdefault(f"parameters, {kind}", sum(p.numel() for p in member(editors, 0).parameters()))
            rows += [{"window": symbols(kind, window), **row} for row in history]
            for k, seed in enumerate(config.seeds):
                found = measure(member(editors, k), window, config)
                rows += [{"seed": seed, "window": symbols(kind, window), "step": config.steps, **row} for row in found]
    return pd.DataFrame(rows, columns=list(COLUMNS)), sizes


def symbols(kind: str, window: int) -> int:
    """Return how many symbols a model reads."""
    return window if kind == "parity" else 2 * window + 1


def trained(kind: str, window: int, config: Config) -> tuple[Editor, list[dict[str, Any]]]:
    """Return a stack of trained models, and for parity how many samples were right on the way."""
    import torch

    from synthetic.edits import EditorRun, Window, editors
    from synthetic.optimisation import Schedule

    data = parity_samples() if kind == "parity" else bracket_samples(config)
    d, reach, width = (2, 1, 10) if kind == "parity" else (2 * KINDS, window, 64)
    stack = editors(lambda: Window(reach, d, width), config.seeds)

    def batch(_: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        few = len(data.z) <= len(SAMPLES)
        return data.rows(torch.arange(len(data.z)) if few else torch.randint(len(data.z), (64,), generator=generator))

    rate = 2e-2 if kind == "parity" else 1e-2
    going = EditorRun(stack, batch, config.seeds, Schedule(config.steps, rate, config.steps // 20, 0.0, ema=0.9))
    rows: list[dict[str, Any]] = []
    for step in range(config.steps // 20, config.steps + 1, config.steps // 20):
        going.advance(step)
        if kind == "parity":
            shares = right(going.editor, data).tolist()
            pairs = zip(config.seeds, shares, strict=True)
            rows += [{"part": "samples", "seed": seed, "step": step, "n": 2, "share": share} for seed, share in pairs]
    return going.editor, rows


def parity_samples() -> Transitions:
    """Return the seven labelled states."""
    from synthetic.edits import labelled
    from theory.power import parity
    from theory.power.transition import strings

    return labelled([strings(SAMPLES, parity.D)], parity.seven_rules)


def bracket_samples(config: Config) -> Transitions:
    """Return all steps on the way of random words of up to the longest length, and of as many random strings."""
    import torch

    from synthetic.edits import labelled
    from theory.power import dyck, generation
    from theory.power.transition import strings

    generator = torch.Generator().manual_seed(0)
    rows: list[list[int]] = []
    for length in range(2, config.longest + 1, 2):
        rows += words(200, length, generator)
        rows += torch.randint(2 * KINDS, (200, length), generator=generator).tolist()
    going = generation.run(dyck.recognise(KINDS), strings(rows, 2 * KINDS), 2 * config.longest)
    return labelled([states_at(going, step) for step in range(len(going.states))], dyck.recognise(KINDS))


def states_at(going: Any, step: int) -> Strings:
    """Return the states at a step of those strings that have not ended before, none of them empty."""
    state = going.states[step]
    return state.rows(((going.steps >= step) & (state.length > 0)).nonzero()[:, 0])


def right(editors: Editor, data: Transitions) -> Tensor:
    """Return the share of states, for each member, at which all bits are right."""
    import torch

    with torch.no_grad():
        _, controls = editors(data.z.expand(len(editors.bits.bias), -1, -1))
    return ((controls > 0) == data.bits.bool()).flatten(2).all(-1).double().mean(-1)


def parity(editor: Editor, front: int, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the share of random strings whose parity is right, for every length."""
    import torch

    from synthetic.edits import at_the_front, process
    from theory.power import generation
    from theory.power import parity as rules
    from theory.power.transition import strings

    model = at_the_front(process(editor), front, 2)
    for n in config.bits:
        drawn = torch.randint(2, (config.strings, n), generator=torch.Generator().manual_seed(n))
        result = generation.run(model, strings(drawn.tolist(), rules.D), 2 * n)
        ended = result.ending == 0
        correct = ended & (rules.odd(result.last) == (drawn.sum(-1) % 2 == 1))
        yield {"part": "parity", "n": n, "share": float(correct.double().mean())}


def brackets(editor: Editor, _: int, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the shares of words and of words with a bracket replaced that are erased, for every length."""
    import torch

    from synthetic.edits import process
    from theory.power import generation
    from theory.power.transition import strings

    for n in config.brackets:
        generator = torch.Generator().manual_seed(n)
        good = words(config.strings, n, generator)
        for part, rows in (("words", good), ("others", [spoilt(word, generator) for word in good])):
            result = generation.run(process(editor), strings(rows, 2 * KINDS), 2 * n)
            yield {"part": part, "n": n, "share": float((result.last.length == 0).double().mean())}


def words(count: int, length: int, generator: Generator) -> list[list[int]]:
    """Return random Dyck words: a uniform sequence of openings and closings, kinds uniform (by the cycle lemma)."""
    return [word(length // 2, generator) for _ in range(count)]


def word(pairs: int, generator: Generator) -> list[int]:
    """Return one word: of all rotations of pairs + 1 closings among pairs openings, the one whose last is too many."""
    import torch

    steps = torch.cat((torch.ones(pairs), -torch.ones(pairs + 1)))[torch.randperm(2 * pairs + 1, generator=generator)]
    lowest = int(steps.cumsum(0).argmin())
    path = torch.cat((steps[lowest + 1 :], steps[: lowest + 1]))[:-1].tolist()
    kinds = torch.randint(KINDS, (pairs,), generator=generator).tolist()
    waiting, found = [], list[int]()
    for step in path:
        if step > 0:
            waiting.append(kinds.pop())
            found.append(waiting[-1])
        else:
            found.append(KINDS + waiting.pop())
    return found


def spoilt(good: list[int], generator: Generator) -> list[int]:
    """Return a word with one bracket replaced by another, which is never a word."""
    import torch

    place = int(torch.randint(len(good), (1,), generator=generator))
    more = int(torch.randint(1, 2 * KINDS, (1,), generator=generator))
    return [*good[:place], (good[place] + more) % (2 * KINDS), *good[place + 1 :]]
