"""Exact laws of samplers that remember how probable each token was when it was revealed: conf and confidence-star.

ReMDM-conf (Wang et al., arXiv 2503.00307, section 4.1) shares sigma out over the shown tokens by softmax(-psi), psi the
probability of a token when it was revealed. The confidence-star of arXiv 2510.08369 fills all masks and masks again a
prescribed number of positions, drawn without replacement with weights exp(-psi / tau); of this one the released code
was read (`conf_star_shape_update`), not the paper. Both need more than the state: here a position carries a *label*,
the mask or a token with its psi, and laws are over all vectors of labels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.denoisers import Denoiser, tabulated
from theory.errors import InvalidInput
from theory.remasking.drafts import cell_index
from theory.remasking.sampling import confident_sigma
from theory.remasking.schedules import Step
from theory.remasking.selection import Selection
from theory.tolerance import SLACK
from theory.worlds import TableWorld, states

DIGITS = 12
"""Probabilities that agree to so many decimals are one psi."""


@dataclass(frozen=True, eq=False)
class Memory:
    """All vectors of labels of a denoiser, and every way to fill the masks of each.

    `psi` is infinite at a mask. A *filling* goes from a vector (`source`) to one without masks (`full`) with a chance;
    `flags` says which positions were masked. `after[s]` is the vector of each filling after masking the positions of
    the set s, given in binary, first position most significant.
    """

    n: int
    d: int
    tokens: Int[Tensor, "vectors n"]
    psi: Float[Tensor, "vectors n"]
    source: Int[Tensor, "fillings"]
    full: Int[Tensor, "fillings"]
    chance: Float[Tensor, "fillings"]
    flags: Bool[Tensor, "fillings n"]
    after: Int[Tensor, "sets fillings"]

    @functools.cached_property
    def sets(self) -> Bool[Tensor, "sets n"]:
        """Return which positions each set holds."""
        return states.digits(torch.arange(2**self.n), self.n, 2) > 0


def remembered(denoiser: Denoiser) -> Memory:
    """Return the labels and fillings of a denoiser of known n; a world is one.

    Raises InvalidInput for a batch, for wrong conditionals and where the vectors do not fit in memory.
    """
    table = tabulated(denoiser)
    if table.worlds:
        raise InvalidInput(f"a batch of {table.worlds} denoisers; expected one")
    n, d, p = table.n, table.d, table.log_p.exp()
    labels = [_labels(p[:, i], i, n, d) for i in range(n)]
    sizes = [len(row) for row in labels]
    total = int(torch.tensor(sizes).prod())
    states.require_memory(total * 2**n * 4, f"vectors of labels of {table.name} (n = {n}, d = {d})")
    places = torch.tensor([int(torch.tensor(sizes[i + 1 :]).prod()) if i < n - 1 else 1 for i in range(n)])
    digit = (torch.arange(total)[:, None] // places) % torch.tensor(sizes)
    tokens = torch.stack([torch.tensor([v for v, _ in row])[digit[:, i]] for i, row in enumerate(labels)], -1)
    psi = torch.stack(
        [torch.tensor([c for _, c in row], dtype=torch.float64)[digit[:, i]] for i, row in enumerate(labels)], -1
    )
    source, full, chance = _fillings(digit, tokens, labels, p[states.index_of(tokens, d)], places)
    flags = digit[source] == 0
    sets = states.digits(torch.arange(2**n), n, 2)
    after = full - sets @ (digit[full] * places).T
    return Memory(n, d, tokens, psi, source, full, chance, flags, after)


def confident_output(memory: Memory, steps: Sequence[Step], temperature: float | None = 1.0) -> TableWorld:
    """Return the exact law of the sampled sequences.

    Posterior and confident steps are those of `theory.remasking.sampling`; a counted step draws the positions that it
    masks again by confidence, weights exp(-psi / temperature), the least probable at `None`. Raises InvalidInput where
    masks may be left at the end.
    """
    law = torch.zeros(len(memory.tokens), dtype=torch.float64)
    law[0] = 1.0
    subsets = Selection(temperature).set_probabilities(-memory.psi[memory.full])
    for step in steps:
        flow = law[memory.source] * memory.chance
        chances = _set_chances(memory, step, subsets)
        law = torch.zeros_like(law)
        for to, chance in zip(memory.after, chances.T, strict=True):
            law.index_add_(0, to, flow * chance)
    complete = ~(memory.tokens == memory.d).any(-1)
    left = float(law[~complete].sum())
    if left > SLACK:
        raise InvalidInput(f"a share {left:.3g} of the paths ends with masks; expected steps that end at alpha = 1")
    out = torch.zeros(memory.d**memory.n, dtype=torch.float64)
    out.index_add_(0, cell_index(memory.tokens[complete], memory.d), law[complete])
    return TableWorld(out, memory.n, memory.d, "remasking with memory")


def _labels(p: Float[Tensor, "states d"], i: int, n: int, d: int) -> list[tuple[int, float]]:
    """Return the mask, and every token with every probability that it has at position i when that is masked."""
    hidden = p[states.all_states(n, d)[:, i] == d]
    labels = [
        (v, float(c)) for v in range(d) for c in torch.unique(hidden[:, v].round(decimals=DIGITS)).tolist() if c > 0
    ]
    return [(d, torch.inf), *labels]


def _fillings(
    digit: Int[Tensor, "vectors n"],
    tokens: Int[Tensor, "vectors n"],
    labels: Sequence[Sequence[tuple[int, float]]],
    p: Float[Tensor, "vectors n d"],
    places: Int[Tensor, "n"],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return source, full vector and chance of every filling, one position after the other."""
    n, d = tokens.shape[-1], p.shape[-1]
    source, chance = torch.arange(len(digit)), torch.ones(len(digit), dtype=torch.float64)
    full = (digit * places).sum(-1)
    for i in range(n):
        known = [torch.tensor([c for v, c in labels[i] if v == token], dtype=torch.float64) for token in range(d)]
        first = [next((k for k, (v, _) in enumerate(labels[i]) if v == token), 0) for token in range(d)]
        hidden = tokens[source, i] == d
        parts = [(source[~hidden], full[~hidden], chance[~hidden])]
        for token in range(d):
            q = p[source[hidden], i, token]
            open_ = q > 0.5 * 10.0**-DIGITS
            place = torch.searchsorted(known[token], q[open_].round(decimals=DIGITS)) + first[token]
            parts.append(
                (source[hidden][open_], full[hidden][open_] + place * places[i], chance[hidden][open_] * q[open_])
            )
        source, full, chance = (torch.cat(part) for part in zip(*parts, strict=True))
    return source, full, chance


def _set_chances(memory: Memory, step: Step, subsets: Float[Tensor, "fillings sets"]) -> Float[Tensor, "fillings sets"]:
    """Return the chance of each filling that exactly the positions of each set are masked next."""
    if step.kind == "counted":
        counts = Selection().counts(float(step.alpha_next), memory.n)
        return subsets * counts[memory.sets.sum(-1)]
    if step.kind == "posterior":
        keep = torch.full(memory.flags.shape, float(step.posterior.keep), dtype=torch.float64)
        reveal = float(step.posterior.reveal)
    else:
        shown = memory.psi[memory.source]
        keep = 1 - confident_sigma(torch.where(memory.flags, 1.0, shown), memory.flags, float(step.sigma)).nan_to_num()
        reveal = float(Step(step.alpha_now, step.alpha_next).posterior.reveal)
    stays = torch.where(memory.flags, reveal, keep)
    chances = torch.ones(len(stays), 1, dtype=torch.float64)
    for i in range(memory.n):
        chances = torch.stack((chances * stays[:, i, None], chances * (1 - stays[:, i, None])), -1).flatten(1)
    return chances
