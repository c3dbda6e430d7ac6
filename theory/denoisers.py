"""Denoisers: the one protocol, tables of conditionals, and the one checked way in for everything else.

A denoiser maps partially masked states, integers of shape (batch, n) with the mask as token d, to log-probabilities of
shape (batch, n, d) in nats, each row normalised. Rows of revealed positions are ignored. Every world is a denoiser:
its own exact conditionals. Networks that return logits or probabilities, vocabularies with the mask elsewhere, and
tables enter through `denoiser`; a plain function that already keeps the protocol may be given to every engine as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.errors import InvalidInput, unknown
from theory.worlds import states

Outputs = Literal["log-probabilities", "probabilities", "logits"]
Rows = Callable[[Int[Tensor, "r"], Int[Tensor, "r n"]], Float[Tensor, "r n d"]]
"""The number of a world and a state in each row, to that row's log-conditionals."""

RECOGNISED = 1e-3
"""How near to one the sums of a first answer must be for it to count as probabilities or as their logarithms."""

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
    """A function or network brought to the protocol: which ids it knows, and what it returns, are said in its repr."""

    def __init__(
        self,
        function: Callable[[Tensor], Any],
        d: int,
        n: int | None = None,
        mask_id: int | None = None,
        outputs: Outputs | None = None,
        name: str | None = None,
    ) -> None:
        self.function, self.n, self.d = function, n, d
        self.mask_id = d if mask_id is None else mask_id
        self.outputs = outputs
        self.name = name or getattr(function, "__name__", type(function).__name__)
        known = [v for v in range(d + 1) if v != self.mask_id][:d]
        self._ids = torch.tensor([*known, self.mask_id])
        self._width: int | None = None

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
        given = self._ids.to(z.device)[z].to(_device_of(self.function, z.device))
        answer = self.function(given)
        raw = torch.as_tensor(getattr(answer, "logits", answer)).to(z.device).to(torch.float64)
        if raw.ndim != 3 or raw.shape[:2] != z.shape:
            raise InvalidInput(
                f"denoiser {self.name!r} returned {tuple(raw.shape)}; expected (batch, n, d) = {(*z.shape, self.d)}"
            )
        hidden = z == self.d
        if self.outputs is None:
            self.outputs = _recognised(raw[hidden] if bool(hidden.any()) else raw.flatten(0, 1))
        found = self._kept(self._logarithms(raw, z))
        return check_conditionals(found, z, self.d, f"denoiser {self.name!r}")

    def _logarithms(self, raw: Tensor, z: Tensor) -> Tensor:
        if self.outputs == "logits":
            return raw.log_softmax(-1)
        if self.outputs == "probabilities":
            if bool((raw[z == self.d] < 0).any()):
                raise InvalidInput(f"denoiser {self.name!r} returned negative probabilities; name its outputs: logits?")
            raw = raw.clamp(min=0).log()
        if raw.shape[-1] > self.d:
            check_conditionals(raw, z, raw.shape[-1], f"denoiser {self.name!r}", hidden=z == self.d)
        return raw

    def _kept(self, log_p: Tensor) -> Tensor:
        """Return the d symbols' columns; where others (the mask's) are dropped, what is left is renormalised."""
        width = log_p.shape[-1]
        ids = self._ids[:-1].to(log_p.device)
        if width == self.d:
            return log_p - log_p.logsumexp(-1, keepdim=True) if self.outputs != "log-probabilities" else log_p
        if width < self.d or int(ids.max()) >= width:
            raise InvalidInput(
                f"denoiser {self.name!r} returned {width} columns for d = {self.d} symbols and mask id {self.mask_id}; "
                f"expected {self.d}, or one for every id"
            )
        self._width = width
        return log_p[..., ids].log_softmax(-1)

    def __repr__(self) -> str:
        size = f"d = {self.d}" if self.n is None else f"n = {self.n}, d = {self.d}"
        outputs = self.outputs or "outputs not seen yet"
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
    ("log-probabilities", "probabilities" or "logits"; recognised from its first answer where not given). Columns beyond
    the d symbols, such as the mask's, are dropped and the rest is renormalised. Raises InvalidInput.
    """
    if outputs is not None and outputs not in get_args(Outputs):
        raise unknown("kind of outputs", outputs, get_args(Outputs))
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
    if own is not None:
        rows: Rows = own
        return rows
    return lambda which, z: check_conditionals(source(z), z, source.d)


def check_conditionals(
    log_p: Float[Tensor, "batch n d"],
    z: Int[Tensor, "batch n"],
    d: int,
    who: str = "denoiser",
    hidden: Tensor | None = None,
) -> Float[Tensor, "batch n d"]:
    """Return the log-conditionals; InvalidInput for NaN, mass on the mask or rows that do not sum to one.

    A row may miss one by 1e-6, or by the rounding of a log-softmax of d logits in the number type at hand.
    """
    if not isinstance(log_p, Tensor) or log_p.shape != (*z.shape, d):
        shape = tuple(log_p.shape) if isinstance(log_p, Tensor) else type(log_p).__name__
        wide = isinstance(log_p, Tensor) and log_p.shape[-1:] == (d + 1,)
        extra = "; drop the mask's column and renormalise" if wide else ""
        raise InvalidInput(f"{who} returned shape {shape}; expected (batch, n, d) = {(*z.shape, d)}{extra}")
    hidden = z == d if hidden is None else hidden
    rows = log_p[hidden]
    deviation = rows.to(torch.float64).exp().sum(-1) - 1
    tolerance = max(1e-6, 16 * torch.finfo(log_p.dtype).eps * (1 + math.log(d)))
    bad = ~(deviation.abs() <= tolerance)
    if bool(bad.any()):
        first = int(bad.nonzero()[0, 0])
        row, position = hidden.nonzero()[first].tolist()
        total = f"sum to 1 {float(deviation[first]):+.3g}"
        given = rows[first].to(torch.float64)
        looks = bool((given >= 0).all()) and abs(float(given.sum()) - 1) < RECOGNISED
        raise InvalidInput(
            f"{who} at state {z[row].tolist()}, position {position}: probabilities {total}; expected 1 within "
            f"{tolerance:.1g}, without NaN: "
            + (
                "these look like probabilities: return their logarithms"
                if looks
                else "apply log_softmax over the d tokens"
            )
        )
    return log_p


def _recognised(rows: Float[Tensor, "rows width"]) -> Outputs:
    """Return what the first answer of a network is."""
    if bool((rows >= 0).all()) and bool(((rows.sum(-1) - 1).abs() < RECOGNISED).all()):
        return "probabilities"
    if bool(((rows.exp().sum(-1) - 1).abs() < RECOGNISED).all()):
        return "log-probabilities"
    return "logits"


def _agreeing(source: Any, n: int | None, d: int | None) -> Denoiser:
    for label, own, wanted in (("n", getattr(source, "n", None), n), ("d", source.d, d)):
        if own is not None and wanted is not None and own != wanted:
            raise InvalidInput(
                f"denoiser with {label} = {own} beside a world with {label} = {wanted}; give them one size"
            )
    found: Denoiser = source
    return found


def _table(source: Any, outputs: str | None, name: str) -> TableDenoiser:
    raw = torch.as_tensor(source, dtype=torch.float64)
    if raw.ndim < 3:
        raise InvalidInput(f"table of shape {tuple(raw.shape)}; expected ((d + 1)^n, n, d), or a function of states")
    n, d = raw.shape[-2:]
    raw = raw.reshape(*raw.shape[: max(0, raw.ndim - 2 - n)], -1, n, d) if raw.shape[-3] == d + 1 and n > 1 else raw
    kind = outputs or _recognised(raw[..., -1, :, :].reshape(-1, d))
    logs = {"logits": raw.log_softmax(-1), "probabilities": raw.log()}.get(kind, raw)
    return TableDenoiser(logs, name)


def _device_of(function: Any, default: torch.device) -> torch.device:
    parameters = getattr(function, "parameters", None)
    first = next(iter(parameters()), None) if callable(parameters) else None
    return default if first is None else first.device
