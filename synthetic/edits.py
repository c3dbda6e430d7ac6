"""Any-process models in training: a denoiser with three more heads, or a network that reads a window (2510.06190).

At every place of a string a model gives the logits of the token to write there and of three bits: remask, insert and
delete. It is trained on labelled transitions, a state and the edit that its successor asks for, and generates by the
transition of `theory.power.transition`: where a bit's logit is positive the bit is set.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from synthetic.denoisers import Linear, Transformer
from synthetic.optimisation import Optimiser, Schedule
from synthetic.training import step_generator
from theory.errors import InvalidInput
from theory.power.generation import Process
from theory.power.transition import PADDING, Edit, Strings, hold

BITS = ("remask", "insert", "delete")
NOTHING = -1
"""A label where no token is written."""


class Editor(nn.Module):
    """A denoiser with a head for three bits besides its own for tokens; where all weights are stacked, a stack.

    A body has `features`, a map from states (*members, batch, n) to (*members, batch, n, width), and a linear `head`
    to its `d` tokens. The new head starts at zero: every bit has probability one half.
    """

    def __init__(self, body: Transformer | Window) -> None:
        super().__init__()
        self.body, self.d = body, body.d
        self.bits = Linear(body.head.in_features, len(BITS))
        _zero(self.bits)

    def forward(
        self, z: Int[Tensor, "*members batch n"]
    ) -> tuple[Float[Tensor, "*members batch n d"], Float[Tensor, "*members batch n 3"]]:
        """Return logits of the token to write and of the bits remask, insert and delete.

        Raises InvalidInput for strings of another length than that of a body with an embedding for each place.
        """
        if isinstance(self.body, Transformer) and z.shape[-1] != self.body.n:
            raise InvalidInput(
                f"strings of {z.shape[-1]} symbols; expected {self.body.n}, one embedding for each place"
            )
        rows = self.body.features(z).flatten(-3, -2)
        return self.body.head(rows).view(*z.shape, -1), self.bits(rows).view(*z.shape, -1)


class Window(nn.Module):
    """A hidden layer over the symbols around each place: `reach` to either side, the ends of the string marked."""

    def __init__(self, reach: int, d: int, width: int) -> None:
        super().__init__()
        if min(reach, d, width) < 1:
            raise InvalidInput(f"reach {reach}, {d} tokens, width {width}; expected positive numbers")
        self.reach, self.d, self.outside = reach, d, d + 1
        inputs = (2 * reach + 1) * (d + 2)
        self.layer = Linear(inputs, width)
        nn.init.normal_(self.layer.weight, std=1 / math.sqrt(2 * reach + 1))
        self.head = Linear(width, d)
        nn.init.zeros_(self.layer.bias)
        _zero(self.head)

    def features(self, z: Int[Tensor, "*members batch n"]) -> Float[Tensor, "*members batch n width"]:
        """Return the hidden layer; PADDING and what lies beyond either end are one further symbol."""
        symbols = functional.pad(
            torch.where(z == PADDING, self.outside, z), (self.reach, self.reach), value=self.outside
        )
        seen = symbols.unfold(-1, 2 * self.reach + 1, 1)
        shown = functional.one_hot(seen, self.outside + 1).to(self.layer.weight.dtype).flatten(-2)
        return torch.relu(self.layer(shown.flatten(-3, -2))).view(*z.shape, -1)


def _zero(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def seeded(build: Callable[[], Any], seeds: Sequence[int]) -> list[Any]:
    """Return what `build` makes with the global generator at each seed."""
    built = []
    for seed in seeds:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            built.append(build())
    return built


def editors(build: Callable[[], Transformer | Window], seeds: Sequence[int]) -> Editor:
    """Return a stack of editors, the body of each with the initial weights of its seed."""
    built: list[Editor] = seeded(lambda: Editor(build()), seeds)
    whole = copy.deepcopy(built[0])
    for name, parameter in whole.named_parameters():
        parameter.data = torch.stack([one.get_parameter(name).detach() for one in built])
    return whole


def member(whole: Editor, k: int) -> Editor:
    """Return one editor of a stack."""
    one = copy.deepcopy(whole)
    for parameter in one.parameters():
        parameter.data = parameter.data[k].clone()
    return one.eval()


@dataclass(frozen=True, eq=False)
class Transitions:
    """Labelled transitions: states (PADDING behind the end), the tokens to write (NOTHING elsewhere), and the bits."""

    z: Int[Tensor, "count n"]
    write: Int[Tensor, "count n"]
    bits: Int[Tensor, "count n 3"]

    def rows(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return some of the transitions."""
        return self.z[index], self.write[index], self.bits[index]


def labelled(states: Sequence[Strings], process: Process) -> Transitions:
    """Return what a process does at each of these batches' strings, which must be of one width when padded."""
    width = max(state.tokens.shape[1] for state in states)
    parts = [_labels(state, process(state), width) for state in states if len(state.length)]
    return Transitions(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _labels(state: Strings, edit: Edit, width: int) -> tuple[Tensor, Tensor, Tensor]:
    written = state.masked & state.inside & ~edit.remask & ~edit.delete
    bits = torch.stack((edit.remask, edit.insert, edit.delete), -1) & state.inside[..., None]
    more = width - state.tokens.shape[1]
    write = torch.where(written, edit.write, NOTHING)
    return (
        functional.pad(state.tokens, (0, more), value=PADDING),
        functional.pad(write, (0, more), value=NOTHING),
        functional.pad(bits, (0, 0, 0, more)).long(),
    )


def losses(
    editor: Editor,
    z: Int[Tensor, "members batch n"],
    write: Int[Tensor, "members batch n"],
    bits: Int[Tensor, "members batch n 3"],
    weight: float = 1.0,
) -> Float[Tensor, " members"]:
    """Return each member's loss: mean cross-entropy of a written token, plus `weight` times that of a place's bits."""
    logits, controls = editor(z)
    inside, written = z != PADDING, write != NOTHING
    token = functional.cross_entropy(logits.flatten(0, -2), write.clamp(min=0).flatten(), reduction="none")
    token = torch.where(written, token.view(write.shape), 0.0).sum((1, 2)) / written.sum((1, 2)).clamp(min=1)
    bit = functional.binary_cross_entropy_with_logits(controls, bits.to(controls.dtype), reduction="none").sum(-1)
    return token + weight * torch.where(inside, bit, 0.0).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)


class EditorRun:
    """A stack of editors in training on transitions of their own; `advance` takes steps, `editor` is the average.

    `batch` draws a member's batch from its number in the stack and a generator. Raises InvalidInput where the seeds are
    not as many as the members.
    """

    def __init__(
        self,
        module: Editor,
        batch: Callable[[int, Generator], tuple[Tensor, Tensor, Tensor]],
        seeds: Sequence[int],
        schedule: Schedule,
        weight: float = 1.0,
    ) -> None:
        members = len(module.bits.bias)
        if module.bits.bias.ndim != 2 or members != len(seeds):
            raise InvalidInput(f"{len(seeds)} seeds for {members} editors; expected a stack with one seed each")
        self._batch, self.seeds, self.step = batch, tuple(seeds), 0
        self._optimiser = Optimiser(module, functools.partial(losses, weight=weight), schedule, stack=True)

    def advance(self, until: int) -> Float[Tensor, " members"]:
        """Train up to a step, and return the members' last losses."""
        loss = torch.full((len(self.seeds),), math.nan)
        for step in range(self.step, until):
            drawn = [self._batch(k, step_generator(seed, step)) for k, seed in enumerate(self.seeds)]
            loss = self._optimiser.step(step, *(torch.stack(parts) for parts in zip(*drawn, strict=True)))[0]
        self.step = until
        return loss

    @property
    def editor(self) -> Editor:
        """Return the averaged editors as a stack."""
        averaged = self._optimiser.average
        assert isinstance(averaged, Editor)
        return averaged


def process(editor: Editor, rewriting: bool = True) -> Process:
    """Return one editor as a process: the likeliest tokens, and the bits of positive logits.

    Without `rewriting` no token is ever masked again: the model writes once.
    """

    @torch.no_grad()
    def edit(state: Strings) -> Edit:
        if not state.tokens.shape[1]:
            return hold(state)
        logits, controls = editor(state.tokens)
        remask, insert, delete = ((controls > 0) & state.inside[..., None]).unbind(-1)
        return Edit(logits.argmax(-1), remask if rewriting else remask & state.masked, insert, delete)

    return edit


def at_the_front(process: Process, count: int, least: int = 0) -> Process:
    """Return a process that sees and edits the first `count` symbols; strings shorter than `least` stay as they are."""

    def edit(state: Strings) -> Edit:
        width = state.tokens.shape[1]
        seen = min(count, width)
        front = process(Strings(state.tokens[:, :seen], state.length.clamp(max=seen), state.d))
        acts = (state.length >= least)[:, None]
        still = hold(state)
        parts = (functional.pad(part, (0, width - seen)) for part in (front.write, front.insert, front.delete))
        write, insert, delete = parts
        remask = torch.cat((front.remask, still.remask[:, seen:]), 1)
        return Edit(write, torch.where(acts, remask, still.remask), insert & acts, delete & acts)

    return edit
