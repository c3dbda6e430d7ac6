"""Masked diffusion as planner and predictor (arXiv 2510.13117, section 2), with an account of steps and symbols.

A string holds n input symbols and, behind them, `outputs` symbols that start as masks. In every step the *planner*
picks places of the output, which may be unmasked already where resampling is allowed; the *predictor* writes a symbol
at each, all at once and from the string before the step. Symbols are 0..d-1 and the mask is d. Places are counted from
the start of the string, so the outputs are n..n+outputs-1. Both see the number of the step, from 1: a time input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.errors import InvalidInput

NOTHING = -1
"""The address of no place: reading it gives NOTHING and counts nothing."""

Planner = Callable[[Int[Tensor, "batch places"], int], Bool[Tensor, "batch outputs"]]
Unmasker = Callable[[Int[Tensor, "batch places"], int], Float[Tensor, "batch outputs d"]]
"""A model without a planner: probabilities of symbols at every output place."""


class View:
    """What a predictor may look at in one step: the string through its window, and the number of the step.

    `places` are the places to be written. `reads` counts the most symbols that one of them has read.
    """

    def __init__(
        self, string: Int[Tensor, "batch places"], places: Int[Tensor, " written"], step: int, machine: MDM
    ) -> None:
        self.places, self.step, self.reads = places, step, 0
        self._string, self._machine = string, machine

    def read(self, addresses: Int[Tensor, "*batch written reads"]) -> Int[Tensor, "batch written reads"]:
        """Return the symbols at the addresses that each written place reads, the same in all strings or their own.

        Raises InvalidInput for a place outside the declared window, or outside the string.
        """
        named = addresses != NOTHING
        self._check(addresses, named)
        self.reads = max(self.reads, int(named.sum(-1).max())) if addresses.numel() else self.reads
        if addresses.ndim == 2:
            symbols = self._string[:, addresses.flatten()]
        else:
            symbols = self._string.gather(1, addresses.flatten(1).clamp(min=0))
        return torch.where(named, symbols.reshape(-1, *addresses.shape[-2:]), NOTHING)

    @property
    def whole(self) -> Int[Tensor, "batch places"]:
        """Return the whole string. Raises InvalidInput where a window is declared."""
        if self._machine.window is not None:
            raise InvalidInput(
                f"step {self.step}: the predictor reads the whole string; its declared window has at most "
                f"{self._machine.window.shape[1]} places: use `read`, or declare no window"
            )
        self.reads = self._string.shape[1]
        return self._string

    def _check(self, addresses: Tensor, named: Tensor) -> None:
        total, window = self._string.shape[1], self._machine.window
        allowed = (addresses >= 0) & (addresses < total) | ~named
        if window is not None:
            own = window[self.places - self._machine.n]
            allowed &= (addresses[..., None] == own[:, None, :]).any(-1) | ~named
        if bool(allowed.all()):
            return
        row = int((~allowed).nonzero()[0, -2])
        wrong = int(addresses[~allowed][0])
        expected = f"places 0..{total - 1}" if window is None else f"places of {own[row][own[row] >= 0].tolist()[:8]}"
        raise InvalidInput(
            f"step {self.step}: the predictor at place {int(self.places[row])} reads place {wrong}, outside its "
            f"window; expected {expected}: read only those, or declare a wider window"
        )


Predictor = Callable[[View], Int[Tensor, "batch written"]]


@dataclass(frozen=True, eq=False)
class MDM:
    """An idealised masked diffusion model: n input symbols, output symbols, and the two functions of a step.

    `window` lists the places that the predictor may read at each output place, with NOTHING where a list is shorter;
    without one it may read all. With `resampling` the planner may pick places that are unmasked already.
    """

    n: int
    outputs: int
    d: int
    planner: Planner
    predictor: Predictor
    window: Int[Tensor, "outputs reads"] | None = None
    resampling: bool = False

    def __post_init__(self) -> None:
        if self.n < 0 or self.outputs < 0 or self.d < 1:
            raise InvalidInput(
                f"{self.n} input and {self.outputs} output symbols from an alphabet of {self.d}; expected numbers >= 0 "
                "and an alphabet of at least one symbol beside the mask"
            )
        if self.window is not None and len(self.window) != self.outputs:
            raise InvalidInput(
                f"a window for {len(self.window)} places; expected one for each of {self.outputs} output places"
            )


@dataclass(frozen=True, eq=False)
class Account:
    """What a run took, for each string: steps up to the last that wrote something, and calls, the steps that wrote.

    `parallel` is the most places written in one step, `written` the number of all writes and `rewritten` that of
    writes to unmasked places. `symbols` are the output symbols and `reads` the most that one place read in a step.
    """

    steps: Int[Tensor, " batch"]
    calls: Int[Tensor, " batch"]
    parallel: Int[Tensor, " batch"]
    written: Int[Tensor, " batch"]
    rewritten: Int[Tensor, " batch"]
    symbols: int
    reads: int


@dataclass(frozen=True, eq=False)
class Run:
    """The strings after every step, from the start on (the first and the last only, unless all are kept)."""

    strings: tuple[Int[Tensor, "batch places"], ...]
    account: Account

    @property
    def last(self) -> Int[Tensor, "batch places"]:
        """Return the strings at the end."""
        return self.strings[-1]


def run(machine: MDM, words: Int[Tensor, "batch n"], steps: int, keep: bool = False) -> Run:
    """Return what a machine makes of words in a number of steps; with `keep` after each of them.

    Raises InvalidInput for words of another length or alphabet, for picks of another shape, for symbols that are none,
    and for a place picked again where resampling is not allowed.
    """
    string = _start(machine, words)
    strings, reads = [string], 0
    zero = torch.zeros(len(words), dtype=torch.int64, device=words.device)
    last, calls, parallel, written, rewritten = (zero.clone() for _ in range(5))
    for step in range(1, steps + 1):
        picks = _picks(machine, string, step)
        count = picks.here.sum(-1)
        last[count > 0] = step
        calls += count > 0
        parallel = torch.maximum(parallel, count)
        written, rewritten = written + count, rewritten + picks.again.sum(-1)
        symbols, read = _predicted(machine, string, picks, step)
        reads = max(reads, read)
        string = string.clone() if keep or step == 1 else string
        string[:, picks.places] = symbols
        strings = [*strings, string] if keep else [strings[0], string]
    return Run(tuple(strings), Account(last, calls, parallel, written, rewritten, machine.outputs, reads))


def in_order(orders: Int[Tensor, "batch outputs"]) -> Planner:
    """Return the planner that picks one output at a time, in each string's own order, and then none."""
    rank = orders.argsort(-1)
    return lambda string, step: rank == step - 1


def left_to_right(outputs: int) -> Planner:
    """Return the planner that picks the outputs one by one from the left, as autoregression does."""
    return lambda string, step: (torch.arange(outputs) == step - 1).expand(len(string), -1)


def merged(machine: MDM) -> Unmasker:
    """Return planner and predictor as one model (Theorem C.1): it is certain of what is picked, and uniform elsewhere.

    Raises InvalidInput for an alphabet of one symbol, on which the uniform distribution is certain.
    """
    if machine.d < 2:
        raise InvalidInput(f"an alphabet of {machine.d} symbol; expected two at least, so that a guess is not certain")

    def probabilities(string: Int[Tensor, "batch places"], step: int) -> Float[Tensor, "batch outputs d"]:
        picks = _picks(machine, string, step)
        symbols, _ = _predicted(machine, string, picks, step)
        sure = torch.nn.functional.one_hot(torch.where(picks.here, symbols, 0), machine.d).double()
        spread = string.new_full((len(string), machine.outputs, machine.d), 1 / machine.d, dtype=torch.float64)
        spread[:, picks.places - machine.n] = torch.where(picks.here[..., None], sure, 1 / machine.d)
        return spread

    return probabilities


def by_confidence(machine: MDM, unmasker: Unmasker, threshold: float) -> MDM:
    """Return a machine of the same sizes that writes the most probable symbol wherever its probability is that large.

    Where resampling is not allowed, masked places alone are considered.
    """

    def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch outputs"]:
        return (unmasker(string, step).amax(-1) >= threshold) & _open(machine, string)

    return replace(machine, planner=planner, predictor=_most_probable(machine, unmasker), window=None)


def by_rank(machine: MDM, unmasker: Unmasker, sizes: Sequence[int]) -> MDM:
    """Return a machine of the same sizes that writes, in step t, at the sizes[t - 1] surest places; the first of ties.

    Where resampling is not allowed, masked places alone are considered.
    """

    def planner(string: Int[Tensor, "batch places"], step: int) -> Bool[Tensor, "batch outputs"]:
        allowed = _open(machine, string)
        confidence = torch.where(allowed, unmasker(string, step).amax(-1), -1.0)
        rank = confidence.argsort(dim=-1, descending=True, stable=True).argsort(-1)
        return (rank < (sizes[step - 1] if step <= len(sizes) else 0)) & allowed

    return replace(machine, planner=planner, predictor=_most_probable(machine, unmasker), window=None)


def _most_probable(machine: MDM, unmasker: Unmasker) -> Predictor:
    return lambda view: unmasker(view.whole, view.step)[:, view.places - machine.n].argmax(-1)


def _open(machine: MDM, string: Tensor) -> Bool[Tensor, "batch outputs"]:
    """Return which output places may be picked."""
    outputs = string[:, machine.n :]
    return torch.ones_like(outputs, dtype=torch.bool) if machine.resampling else outputs == machine.d


def _start(machine: MDM, words: Tensor) -> Int[Tensor, "batch places"]:
    if words.ndim != 2 or words.shape[1] != machine.n or words.dtype != torch.int64:
        raise InvalidInput(f"words {tuple(words.shape)} of {words.dtype}; expected int64 (batch, {machine.n})")
    if words.numel() and not (int(words.min()) >= 0 and int(words.max()) < machine.d):
        raise InvalidInput(
            f"symbols {int(words.min())}..{int(words.max())} in the words; expected 0..{machine.d - 1}, {machine.d} is "
            "the mask"
        )
    return torch.cat((words, words.new_full((len(words), machine.outputs), machine.d)), -1)


@dataclass(frozen=True, eq=False)
class _Picks:
    """The places picked in any string, where they are picked, and where they are unmasked already."""

    places: Int[Tensor, " columns"]
    here: Bool[Tensor, "batch columns"]
    again: Bool[Tensor, "batch columns"]


def _picks(machine: MDM, string: Tensor, step: int) -> _Picks:
    picked = machine.planner(string, step)
    if picked.shape != (len(string), machine.outputs) or picked.dtype != torch.bool:
        raise InvalidInput(
            f"step {step}: picks {tuple(picked.shape)} of {picked.dtype}; expected bool ({len(string)}, "
            f"{machine.outputs}), one for each output place"
        )
    columns = picked.any(0).nonzero()[:, 0]
    here, places = picked[:, columns], columns + machine.n
    again = here & (string[:, places] != machine.d)
    if not machine.resampling and bool(again.any()):
        raise InvalidInput(
            f"step {step}: the planner picks place {int(places[again.any(0)][0])}, which is unmasked already; expected "
            "masked places: set resampling=True to rewrite"
        )
    return _Picks(places, here, again)


def _predicted(machine: MDM, string: Tensor, picks: _Picks, step: int) -> tuple[Int[Tensor, "batch columns"], int]:
    """Return what stands at the picked places after the step, and the most symbols that a place read."""
    before = string[:, picks.places]
    if not before.shape[1]:
        return before, 0
    view = View(string, picks.places, step, machine)
    symbols = machine.predictor(view)
    if symbols.shape != before.shape or symbols.dtype != torch.int64:
        raise InvalidInput(
            f"step {step}: the predictor gives {tuple(symbols.shape)} of {symbols.dtype}; expected int64 "
            f"{tuple(before.shape)}, a symbol for each place to be written"
        )
    wrong = picks.here & ((symbols < 0) | (symbols >= machine.d))
    if bool(wrong.any()):
        raise InvalidInput(
            f"step {step}: the predictor writes {int(symbols[wrong][0])}; expected symbols 0..{machine.d - 1}: it "
            f"cannot write {machine.d}, the mask"
        )
    return torch.where(picks.here, symbols, before), view.reads
