"""Denoisers: the one protocol, tables of conditionals, and the one checked way in for everything else.

A denoiser maps partially masked states, integers of shape (batch, n) with the mask as token d, to log-probabilities of
shape (batch, n, d) in nats, each row normalised. Rows of revealed positions are ignored. Every world is a denoiser:
its own exact conditionals. Networks that return logits or probabilities, vocabularies with the mask elsewhere, and
tables enter through `denoiser`; a plain function that already keeps the protocol may be given to every engine as it is.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any, Protocol, get_args, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.answers import Outputs, log_probabilities, recognised
from theory.answers import check_conditionals as check_conditionals
from theory.errors import InvalidInput, unknown
from theory.showing import brief, called
from theory.worlds import states

Rows = Callable[[Int[Tensor, "r"], Int[Tensor, "r n"]], Float[Tensor, "r n d"]]
"""The number of a world and a state in each row, to that row's log-conditionals."""

BATCH = 2**22
"""Numbers that a network may return in one call; larger batches of states are divided."""


@runtime_checkable
class Denoiser(Protocol):
    """A map from states to log-conditionals. `n` is None for a function that takes sequences of any length."""

    @property
    def n(self) -> int | None:
        """Return the number of positions."""
        ...

    @property
    def d(self) -> int:
        """Return the number of symbols, the mask not counted; d itself is the mask."""
        ...

    def __call__(self, z: Int[Tensor, "batch n"], /) -> Float[Tensor, "batch n d"]:
        """Return ln p(x_i = v | z)."""
        ...


AnyDenoiser = Denoiser | Callable[[Tensor], Tensor]
"""A denoiser, or a plain function of states that returns normalised log-conditionals."""


class TableDenoiser:
    """Log-conditionals listed for every state, shape (*worlds, (d + 1)^n, n, d), states in index order."""

    def __init__(self, log_p: Float[Tensor, "*worlds states n d"], name: str = "table") -> None:
        if log_p.ndim < 3 or log_p.shape[-3] != (log_p.shape[-1] + 1) ** log_p.shape[-2]:
            raise InvalidInput(
                f"table of conditionals of shape {tuple(log_p.shape)}; expected ((d + 1)^n, n, d): one row for each "
                "state, in index order"
            )
        self.name, self.log_p = name, log_p.to(torch.float64)
        self.n, self.d = int(log_p.shape[-2]), int(log_p.shape[-1])
        z = states.all_states(self.n, self.d)
        for one in self.log_p.reshape(-1, *log_p.shape[-3:]):
            check_conditionals(one, z, self.d, f"table {name!r}")

    @property
    def worlds(self) -> tuple[int, ...]:
        """Return the shape of the batch of tables, () for one."""
        return tuple(self.log_p.shape[:-3])

    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "*worlds batch n d"]:
        """Return the listed rows."""
        tokens = states.check_states(z, self.n, self.d)
        found: Tensor = self.log_p[..., states.index_of(tokens, self.d), :, :]
        return found

    def rows(self, which: Int[Tensor, "r"], z: Int[Tensor, "r n"]) -> Float[Tensor, "r n d"]:
        """Return row r's conditionals from table which[r]; a single table serves every world."""
        flat = self.log_p.reshape(-1, *self.log_p.shape[-3:])
        index = states.index_of(z, self.d)
        return flat[which, index] if len(flat) > 1 else flat[0, index]

    def __repr__(self) -> str:
        batch = f"{self.worlds} tables, " if self.worlds else ""
        return f"TableDenoiser({self.name!r}, {batch}n = {self.n}, d = {self.d})"


class FunctionDenoiser:
    """A function or network brought to the protocol: which ids it knows, and what it returns, are said in its repr.

    What it returns in a type narrower than float64 is renormalised in float64, up to that type's rounding.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Any],
        d: int,
        n: int | None = None,
        mask_id: int | None = None,
        outputs: Outputs | None = None,
        name: str | None = None,
    ) -> None:
        self.function, self.d = function, _whole("d", d, 1)
        self.n = None if n is None else _whole("n", n, 1)
        self.mask_id = self.d if mask_id is None else _whole("mask_id", mask_id, 0)
        self.outputs, self._named = outputs, outputs is not None
        self.name = name or called(function, type(function).__name__)
        known = [v for v in range(self.d + 1) if v != self.mask_id][: self.d]
        self._ids = torch.tensor([*known, self.mask_id])
        self._width: int | None = None
        self._dtype = torch.float64

    def __call__(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        """Return normalised log-conditionals in float64, on the device of z. Raises InvalidInput for wrong outputs."""
        tokens = states.check_states(z, self.n or z.shape[-1], self.d)
        rows = max(1, BATCH // max(1, tokens.shape[-1] * (self.d + 1)))
        found = [self._ask(part) for part in torch.split(tokens.reshape(-1, tokens.shape[-1]), rows)]
        if not found:
            return torch.zeros(*tokens.shape, self.d, dtype=torch.float64, device=z.device)
        return torch.cat(found).reshape(*tokens.shape, self.d)

    @torch.no_grad()
    def _ask(self, z: Tensor) -> Tensor:
        who, hidden = f"denoiser {self.name!r}", z == self.d
        answer = self._answer(self._ids.to(z.device)[z].to(_device_of(self.function, z.device))).to(z.device)
        if answer.ndim != 3 or answer.shape[:2] != z.shape:
            raise InvalidInput(f"{who} returned {tuple(answer.shape)}; expected (batch, n, d) = {(*z.shape, self.d)}")
        self._dtype = answer.dtype
        if self.outputs is None and bool(hidden.any()):
            self.outputs = recognised(answer[hidden], who)
        if self.outputs == "log-probabilities":
            check_conditionals(answer, z, answer.shape[-1], who, hidden)
        log_p = log_probabilities(answer, hidden, self.outputs or "logits", self._named, who)
        return check_conditionals(self._kept(log_p), z, self.d, who)

    def _answer(self, ids: Tensor) -> Tensor:
        try:
            answer = self.function(ids)
        except IndexError as error:  # an embedding without such a row
            largest = int(ids.max())
            wrong = f"mask_id {largest}" if largest == self.mask_id else f"id {largest}, of d = {self.d} symbols,"
            raise InvalidInput(
                f"denoiser {self.name!r}: {wrong} is outside what the network takes ({error}); give its own"
            ) from error
        return torch.as_tensor(getattr(answer, "logits", answer))

    def _kept(self, log_p: Tensor) -> Tensor:
        """Return the d symbols' columns; where others (the mask's) are dropped, what is left is renormalised."""
        width = log_p.shape[-1]
        if width == self.d:
            return log_p
        if width <= int(self._ids.max()):
            raise InvalidInput(
                f"denoiser {self.name!r} returned {width} columns for d = {self.d} symbols and mask_id {self.mask_id}; "
                f"expected {self.d}, or one for every id, the mask's too"
            )
        self._width = width
        return log_p[..., self._ids[:-1].to(log_p.device)].log_softmax(-1)

    def __repr__(self) -> str:
        size = f"d = {self.d}" if self.n is None else f"n = {self.n}, d = {self.d}"
        outputs: str = self.outputs or "outputs not seen yet"
        if self._dtype != torch.float64 and self.outputs not in (None, "logits"):
            outputs += f" in {str(self._dtype).removeprefix('torch.')}, renormalised in float64"
        dropped = f" over {self._width} ids, {self._width - self.d} dropped" if self._width else ""
        return f"denoiser {self.name!r} ({size}, mask id {self.mask_id}, {outputs}{dropped})"


def denoiser(
    source: Any,
    *,
    d: int | None = None,
    n: int | None = None,
    mask_id: int | None = None,
    outputs: str | None = None,
    name: str | None = None,
) -> Denoiser:
    """Return anything that predicts tokens as a denoiser.

    `source` is a world or denoiser (returned as it is), a table of conditionals for all (d + 1)^n states, or a function
    or network from integer states (batch, n) to (batch, n, symbols). `mask_id` is the source's own id of the mask (d
    unless given); its other ids, in ascending order, are the tokens 0..d-1. `outputs` says what it returns
    ("log-probabilities", "probabilities" or "logits"; recognised from its first answer where not given: rows that sum
    to one up to the rounding of their number type are renormalised in float64, rows that nearly do are refused).
    Columns beyond the d symbols, such as the mask's, are dropped and the rest is renormalised. Raises InvalidInput.
    """
    if outputs is not None and outputs not in get_args(Outputs):
        raise unknown("kind of outputs", outputs, get_args(Outputs))
    _refuse_class(source)
    if hasattr(source, "d") and callable(source) and mask_id is None and outputs is None:
        return _agreeing(source, n, d)
    if callable(source):
        if d is None:
            raise InvalidInput("denoiser of a function: give d, its number of symbols (the mask not counted)")
        return FunctionDenoiser(source, d, n, mask_id, outputs, name)  # type: ignore[arg-type]  # checked above
    return _table(source, outputs, name or "table")


def for_world(source: Any, world: Any) -> Denoiser:
    """Return what predicts beside a world (or a batch of states): the world for None, else a source of its n and d."""
    if source is None or source is world:
        own: Denoiser = world
        return own
    _refuse_class(source)
    if not callable(source) and not hasattr(source, "d"):
        source = denoiser(source)
    if hasattr(source, "d"):
        listed, worlds = getattr(source, "worlds", ()), getattr(world, "worlds", ())
        if listed not in ((), worlds):
            raise InvalidInput(f"conditionals of {listed} worlds beside {worlds}; give one table, or one a world")
        return _agreeing(source, world.n, world.d)
    return FunctionDenoiser(source, world.d, world.n, outputs="log-probabilities")


def tabulated(source: Denoiser) -> TableDenoiser:
    """Return a denoiser of known n as the table of its conditionals at all (d + 1)^n states, rows summing to one.

    A batch of worlds or tables gives a batch of tables. Raises InvalidInput for a plain function or array, for a table
    that does not fit in memory, and for wrong conditionals.
    """
    n, d = getattr(source, "n", None), getattr(source, "d", None)
    if n is None or d is None or not callable(source):
        raise InvalidInput(
            f"{type(source).__name__} without n and d; expected a world or a denoiser of known length: "
            "theory.denoisers.denoiser(source, n=..., d=...) makes one of a function or a table"
        )
    name = getattr(source, "name", type(source).__name__)
    states.require_memory((d + 1) ** n * n * d, f"conditionals of {name} at all states (n = {n}, d = {d})")
    z = states.all_states(n, d)
    found = source(z)
    batched = isinstance(found, Tensor) and found.ndim > 3
    for one in found.reshape(-1, *found.shape[-3:]) if batched else [found]:
        check_conditionals(one, z, d, f"denoiser {name!r}")
    log_p = found.to(torch.float64)
    return TableDenoiser(log_p - log_p.logsumexp(-1, keepdim=True), name)


def rows_of(source: Denoiser) -> Rows:
    """Return a denoiser as a checked function of world numbers and states, a row each."""
    own = getattr(source, "rows", None)
    if callable(own):
        rows: Rows = own
        return rows
    return lambda which, z: check_conditionals(source(z), z, source.d)


def _agreeing(source: Any, n: int | None, d: int | None) -> Denoiser:
    for label, own, wanted in (("n", getattr(source, "n", None), n), ("d", source.d, d)):
        if own is not None and wanted is not None and own != wanted:
            raise InvalidInput(
                f"denoiser with {label} = {own} beside a world with {label} = {wanted}; give them one size"
            )
    found: Denoiser = source
    return found


def _table(source: Any, outputs: str | None, name: str) -> TableDenoiser:
    try:
        raw = torch.as_tensor(source if hasattr(source, "dtype") else np.asarray(source, dtype=float))
    except (TypeError, ValueError, RuntimeError):
        raw = torch.zeros(())
    if raw.ndim == 0:
        raise InvalidInput(
            f"{brief(source)} is no denoiser; expected a function of states, a network, a table or a world"
        )
    if raw.ndim < 3:
        raise InvalidInput(f"table of shape {tuple(raw.shape)}; expected ((d + 1)^n, n, d), or a function of states")
    n, d = raw.shape[-2:]
    raw = raw.reshape(*raw.shape[: max(0, raw.ndim - 2 - n)], -1, n, d) if raw.shape[-3] == d + 1 and n > 1 else raw
    if raw.shape[-3] != (d + 1) ** n:
        return TableDenoiser(raw, name)  # which says what is wrong with its shape
    who = f"table {name!r}"
    kind: Any = outputs or recognised(raw[..., -1, :, :].reshape(-1, d), who)
    z = states.all_states(n, d)
    if kind == "log-probabilities":
        for one in raw.reshape(-1, *raw.shape[-3:]):
            check_conditionals(one, z, d, who)
    hidden = (z == d).expand(raw.shape[:-1])
    return TableDenoiser(log_probabilities(raw, hidden, kind, outputs is not None, who), name)


def _refuse_class(source: Any) -> None:
    if inspect.isclass(source):
        raise InvalidInput(
            f"{source.__name__} is a class where a denoiser belongs; give an object: {source.__name__}(...)"
        )


def _whole(label: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise InvalidInput(f"{label} = {brief(value)}; expected a whole number of at least {least}")
    return number


def _device_of(function: Any, default: torch.device) -> torch.device:
    parameters = getattr(function, "parameters", None)
    first = next(iter(parameters()), None) if callable(parameters) else None
    return default if first is None else first.device
