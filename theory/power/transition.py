"""The transition of any-process generation (arXiv 2510.06190): write, remask, insert and delete in one step.

At position i the model gives a token y_i and three bits. With x_i the symbol there now and M the mask:

    delete and x_i = M           nothing is left of position i, whatever its other bits
    otherwise                    M where remask is set, y_i where x_i = M, and x_i itself elsewhere;
                                 then one more M behind it where insert is set

Deletion tests the symbol that stood there before the step: this is the printed table, which executing remask, delete
and insert one after the other does not give. Tokens are 0..d-1 and the mask is d.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput

PADDING = -1


@dataclass(frozen=True, eq=False)
class Strings:
    """A batch of strings of different lengths: symbols 0..d with d the mask, and PADDING behind the end of each.

    Raises InvalidInput for tokens that are not a batch of int64 and for lengths that do not fit. A step refuses symbols
    outside 0..d before the end, and others than PADDING behind it (`apply`).
    """

    tokens: Int[Tensor, "batch width"]
    length: Int[Tensor, " batch"]
    d: int

    def __post_init__(self) -> None:
        tokens, length = self.tokens, self.length
        if tokens.ndim != 2 or tokens.dtype != torch.int64 or length.shape != tokens.shape[:1]:
            raise InvalidInput(
                f"tokens {tuple(tokens.shape)} of {tokens.dtype}, lengths {tuple(length.shape)}; expected int64 tokens "
                "(batch, width) and one length for each string"
            )
        if self.d < 1:
            raise InvalidInput(f"{self.d} tokens; expected at least one beside the mask")
        if len(length) and not 0 <= int(length.min()) <= int(length.max()) <= tokens.shape[1]:
            raise InvalidInput(
                f"lengths {int(length.min())}..{int(length.max())}; expected 0..{tokens.shape[1]}, the width of tokens"
            )

    @property
    def inside(self) -> Bool[Tensor, "batch width"]:
        """Return which places lie before the end of their string."""
        return torch.arange(self.tokens.shape[1], device=self.tokens.device) < self.length[:, None]

    @property
    def masked(self) -> Bool[Tensor, "batch width"]:
        """Return which places hold a mask."""
        return self.tokens == self.d

    def rows(self, index: Tensor) -> Strings:
        """Return some of the strings, as wide as the longest of them."""
        length = self.length[index]
        width = int(length.max()) if len(length) else 0
        return Strings(self.tokens[index, :width], length, self.d)

    def lists(self) -> list[list[int]]:
        """Return the strings as lists of symbols."""
        return [row[:n] for row, n in zip(self.tokens.tolist(), self.length.tolist(), strict=True)]

    def same(self, other: Strings) -> Bool[Tensor, " batch"]:
        """Return which strings equal those of another batch."""
        width = max(self.tokens.shape[1], other.tokens.shape[1])
        return (self.length == other.length) & (_wide(self, width) == _wide(other, width)).all(-1)


def strings(rows: Iterable[Sequence[int]], d: int, device: torch.device | str = "cpu") -> Strings:
    """Return a batch from lists of symbols 0..d. Raises InvalidInput for other symbols."""
    listed = [list(row) for row in rows]
    width = max(map(len, listed), default=0)
    wrong = sorted({symbol for row in listed for symbol in row if not 0 <= symbol <= d})
    if wrong:
        raise InvalidInput(f"symbol {wrong[0]}; expected tokens 0..{d - 1}, or {d} for the mask")
    tokens = [row + [PADDING] * (width - len(row)) for row in listed]
    lengths = torch.tensor([len(row) for row in listed], dtype=torch.int64, device=device)
    return Strings(torch.tensor(tokens, dtype=torch.int64, device=device).reshape(len(listed), width), lengths, d)


@dataclass(frozen=True, eq=False)
class Edit:
    """What a model asks for at every place: the token to write, and the bits remask, insert and delete."""

    write: Int[Tensor, "batch width"]
    remask: Bool[Tensor, "batch width"]
    insert: Bool[Tensor, "batch width"]
    delete: Bool[Tensor, "batch width"]


def hold(state: Strings) -> Edit:
    """Return the edit that changes nothing: every mask is kept by its remask bit."""
    no = torch.zeros_like(state.masked)
    return Edit(torch.zeros_like(state.tokens), state.masked, no, no)


def apply(state: Strings, edit: Edit) -> Strings:
    """Return the strings after one step.

    Raises InvalidInput for symbols outside 0..d before the end of a string or other than PADDING behind it, for parts
    of another shape or type, and where a mask, or anything but a token, would be written.
    """
    inside, masked = state.inside, state.masked
    _check_symbols(state, inside)
    _check(state, edit)
    kept = inside & ~(edit.delete & masked)
    more = edit.insert & kept
    written = torch.where(masked, edit.write, state.tokens)
    if not bool(more.any()) and torch.equal(kept, inside):
        return Strings(written.masked_fill_(edit.remask, state.d).masked_fill_(~inside, PADDING), state.length, state.d)
    return _moved(state.d, written, kept, more, edit.remask)


def _moved(
    d: int,
    written: Int[Tensor, "batch width"],
    kept: Bool[Tensor, "batch width"],
    more: Bool[Tensor, "batch width"],
    remask: Bool[Tensor, "batch width"],
) -> Strings:
    """Return the strings with what is kept moved together, and a mask behind each place in `more`.

    The new strings are all masks at first, so that only tokens have to be put in their places; the rest goes behind the
    last column. Places are counted in 32 bits and without branches, which is what most of the time went into.
    """
    size = kept.to(torch.uint8) + more.to(torch.uint8)
    end = size.cumsum(-1, dtype=torch.int32)
    length = end[:, -1].long()
    width = int(length.max())
    place = end.sub_(size).add_(~kept | remask, alpha=2 * written.shape[1]).clamp_(max=width).long()
    return Strings(_masks(length, width + 1, d).scatter_(1, place, written)[:, :width], length, d)


def _masks(length: Int[Tensor, " batch"], width: int, d: int) -> Int[Tensor, "batch width"]:
    """Return strings of masks: windows on one line of masks with padding behind."""
    line = torch.full((2 * width,), d, dtype=torch.int64, device=length.device)
    line[width:] = PADDING
    return line.unfold(0, width, 1)[width - length]


def label(before: Strings, after: Strings) -> Edit:
    """Return the edit that leads from one batch to another of the same lengths (LABEL).

    Raises InvalidInput where lengths differ, or a token would have to become another one: that takes two steps.
    """
    if not torch.equal(before.length, after.length):
        raise InvalidInput(f"lengths {before.length.tolist()} and {after.length.tolist()}; expected equal ones")
    width = max(before.tokens.shape[1], after.tokens.shape[1])
    x, z = _wide(before, width), _wide(after, width)
    direct = (x != before.d) & (z != before.d) & (x != z)
    if bool(direct.any()):
        row, place = direct.nonzero()[0].tolist()
        raise InvalidInput(
            f"string {row}, position {place}: token {int(x[row, place])} to {int(z[row, place])} in one step; a token "
            "is erased first: split the step by one through the mask"
        )
    no = torch.zeros_like(direct)
    write = torch.where((x == before.d) & (z != before.d), z, 0)
    return Edit(write, (z == before.d) & (x != PADDING), no, no)


def _wide(state: Strings, width: int) -> Int[Tensor, "batch width"]:
    missing = width - state.tokens.shape[1]
    return torch.nn.functional.pad(state.tokens, (0, missing), value=PADDING) if missing else state.tokens


def _check_symbols(state: Strings, inside: Bool[Tensor, "batch width"]) -> None:
    tokens = state.tokens
    if not tokens.numel():
        return
    least, most = (int(end) for end in tokens.aminmax())
    if least < PADDING or most > state.d or not torch.equal(tokens != PADDING, inside):
        raise InvalidInput(
            f"symbols {least}..{most} in strings of {state.d} tokens; expected 0..{state.d} before the end of each and "
            f"{PADDING} behind it"
        )


def _check(state: Strings, edit: Edit) -> None:
    shape = state.tokens.shape
    for name in ("write", "remask", "insert", "delete"):
        part = getattr(edit, name)
        kind = torch.int64 if name == "write" else torch.bool
        if part.shape != shape or part.dtype != kind:
            raise InvalidInput(f"{name} {tuple(part.shape)} of {part.dtype}; expected {tuple(shape)} of {kind}")
    if edit.write.numel():
        least, most = (int(end) for end in edit.write.aminmax())
        if least < 0 or most >= state.d:  # what is not written may be anything
            _check_written(state, edit)


def _check_written(state: Strings, edit: Edit) -> None:
    written = edit.write[state.masked & ~edit.remask & ~edit.delete]
    if written.numel() and not (int(written.min()) >= 0 and int(written.max()) < state.d):
        raise InvalidInput(
            f"writes {int(written.min())}..{int(written.max())}; expected tokens 0..{state.d - 1}: keep a mask by its "
            f"remask bit, {state.d} cannot be written"
        )
