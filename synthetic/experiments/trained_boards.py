"""4x4 Sudoku by trained models: masked models in several orders, and any-process models of a search (arXiv 2510.06190).

Boards for tests have solutions of their own, a random third of the 288, and 4 to 6 clues that determine them. Masked
models learn from solutions; any-process models from every step of depth-first searches in reading order, the least
legal digit first. Table: model, parameters, puzzles (trained on), states (labelled ones, of any-process models), way
(the order of decoding; of any-process models "rewriting", or "write once" where tokens are never masked again; boards
keep their places, so that insertions and deletions that a model asks for are left out), seed,
solved (share of test boards), cycles (share that ended in one), and for rewriting models exact (share of the
searches' steps on test boards that the model takes), bound (one less the mean number of wrong steps of a search),
predicted (mean of exact to the power of a search's number of steps) and straight (share of test boards whose search
never goes back); nan elsewhere. Scalars: none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from synthetic.boards import Puzzles
    from synthetic.denoisers import Transformer
    from synthetic.edits import Editor

ANY_ORDER, LEFT_TO_RIGHT, ANY_PROCESS = "any order", "left to right", "any process"
COLUMNS = (
    "model", "parameters", "puzzles", "states", "way", "seed",
    "solved", "cycles", "exact", "bound", "predicted", "straight",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """A model, the puzzles it learns from, seeds, those trained together, steps, sequences a step."""

    model: str
    puzzles: int
    seeds: tuple[int, ...]
    together: int
    steps: int
    batch: int = 64


ORDERS = ("margin", "reading order", "random", "one step")
BITS = 4.0
"""Weight of the bits' loss beside that of tokens: with 1 the places to change are learned in about twice the steps."""
RATE = 2e-3
"""With twice this rate some seeds of any-process models lose on the way what they had learned."""
FOUR, SIX = tuple(range(4)), tuple(range(6))
"""Any-process models take over three times as many steps; those that only the learning curve needs have four seeds."""


@dataclass(frozen=True)
class Config:
    """Problems, test boards of each seed, width, depth and heads of the network."""

    problems: tuple[Problem, ...] = (
        Problem(ANY_PROCESS, 1000, SIX, 2, 1600),
        Problem(ANY_PROCESS, 100, FOUR, 2, 1600),
        Problem(ANY_ORDER, 1000, SIX, 4, 500),
        Problem(LEFT_TO_RIGHT, 1000, SIX, 4, 500),
    )
    tests: int = 400
    size: tuple[int, int, int] = (64, 3, 8)


PRESETS = {
    "smoke": Config(
        (Problem(ANY_PROCESS, 20, (0, 1), 1, 4, 8), Problem(ANY_ORDER, 20, (0, 1), 2, 4, 8)), 10, (16, 1, 2)
    ),
    "laptop": Config(),
    "gpu": Config(
        tuple(
            Problem(model, puzzles, tuple(range(12)), 6, steps, 128)
            for model, steps in ((ANY_PROCESS, 8000), (ANY_ORDER, 2000), (LEFT_TO_RIGHT, 2000))
            for puzzles in (30, 100, 300, 1000)
        ),
        1000,
    ),
}


def parts(config: Config) -> tuple[Config, ...]:
    """Return one run for the seeds of each problem that are trained together."""
    whole = [
        replace(problem, seeds=problem.seeds[first : first + problem.together])
        for problem in config.problems
        for first in range(0, len(problem.seeds), problem.together)
    ]
    return tuple(replace(config, problems=(each,)) for each in whole) if len(whole) > 1 else ()


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train the models of one problem and solve each seed's test boards with them."""
    import pandas as pd

    from synthetic.boards import divided

    (problem,) = config.problems
    data = [divided(seed, (problem.puzzles, config.tests)) for seed in problem.seeds]
    solve = searching if problem.model == ANY_PROCESS else filling
    rows = [
        {"model": problem.model, "puzzles": problem.puzzles, "seed": seed, **row}
        for seed, mine in zip(problem.seeds, solve(config, problem, data, progress), strict=True)
        for row in mine
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)), {}


Data = list[tuple["Puzzles", "Puzzles"]]
Rows = Iterator[list[dict[str, Any]]]


def filling(config: Config, problem: Problem, data: Data, progress: Progress) -> Rows:
    """Train masked models, and yield the rows of each seed."""
    from synthetic.boards import trained_denoisers
    from synthetic.denoisers import Architecture
    from synthetic.optimisation import Schedule

    schedule = Schedule(problem.steps, warmup=problem.steps // 20, ema=0.995)
    label, left_to_right = f"{problem.model}, {problem.puzzles} puzzles", problem.model == LEFT_TO_RIGHT
    size, train = Architecture(*config.size), [each for each, _ in data]
    models = trained_denoisers(size, train, problem.seeds, schedule, problem.batch, left_to_right, progress, label)
    for model, (_, test) in zip(models, data, strict=True):
        size_of = sum(p.numel() for p in model.parameters())
        ways = filled(model, test, ("reading order",) if left_to_right else tuple(ORDERS))
        yield [{"parameters": size_of, **row} for row in ways]


def searching(config: Config, problem: Problem, data: Data, progress: Progress) -> Rows:
    """Train any-process models, and yield the rows of each seed."""
    import torch

    from synthetic.boards import SIDE, BoardTransformer, search_steps
    from synthetic.denoisers import Architecture
    from synthetic.edits import EditorRun, editors, member
    from synthetic.optimisation import Schedule

    steps = [search_steps(train)[1] for train, _ in data]
    stack = editors(lambda: BoardTransformer(Architecture(*config.size), 2, SIDE + 1), problem.seeds)

    def batch(k: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        return steps[k].rows(torch.randint(len(steps[k].z), (problem.batch,), generator=generator))

    going = EditorRun(stack, batch, problem.seeds, Schedule(problem.steps, RATE, problem.steps // 20, ema=0.995), BITS)
    for until in progress.track(range(1, problem.steps + 1), f"{problem.model}, {problem.puzzles} puzzles"):
        going.advance(until)
    for k, (_, test) in enumerate(data):
        model = member(going.editor, k)
        facts = {"parameters": sum(p.numel() for p in model.parameters()), "states": len(steps[k].z)}
        yield [facts | row for row in searched(model, test)]


def filled(model: Transformer, test: Puzzles, ways: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the share of boards solved with the likeliest digits, in these orders."""
    import torch

    from synthetic.boards import CELLS, SIDE
    from synthetic.denoisers import exact
    from theory.unmasking.rules.sets import LeftToRight, RandomOne, TopK
    from theory.unmasking.sampling import sample

    start = torch.where(test.boards == 0, SIDE, test.boards - 1)
    rules = zip(ORDERS, (TopK(1, "margin"), LeftToRight(), RandomOne(), TopK(CELLS)), strict=True)
    for way, rule in rules:
        if way not in ways:
            continue
        tokens = sample(rule, exact(model), start, seed=0, temperature=0.0).tokens
        yield {"way": way, "solved": share((tokens + 1 == test.solutions).all(-1))}


def searched(model: Editor, test: Puzzles) -> Iterator[dict[str, Any]]:
    """Yield the share of boards solved by an any-process model, and what the exactness of its steps says of it."""
    from synthetic.boards import of_one_length, search_steps, wrong_steps
    from synthetic.edits import process
    from theory.power import generation, sudoku

    right, _ = search_steps(test)
    wrong, taken = wrong_steps(right, process(model)), right.steps + 1
    exact = 1 - float(wrong.sum() / taken.sum())
    for way, rewriting in (("rewriting", True), ("write once", False)):
        own = of_one_length(process(model, rewriting))
        result = generation.run(own, sudoku.start(test.boards, 2), 4 * int(taken.max()))
        solved = (sudoku.boards(result.last, 2) == test.solutions).all(-1)
        row = {"way": way, "solved": share(solved), "cycles": share(result.ending == 1)}
        if rewriting:
            row |= {
                "exact": exact,
                "bound": 1 - float(wrong.double().mean()),
                "predicted": float((exact ** taken.double()).mean()),
                "straight": share(right.steps == (test.boards == 0).sum(-1)),
            }
        yield row


def share(which: Any) -> float:
    """Return the share that is true."""
    return float(which.double().mean())
