"""A network on crossbars: its weight matrices replaced by what arrays of resistive cells realise (arXiv 2511.04798)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import nn

from theory.crossbar import tiles
from theory.crossbar.slicing import EIGHT_BITS, Layout
from theory.crossbar.tiles import Device
from theory.errors import InvalidInput

N = TypeVar("N", bound=nn.Module)
DEVICE = Device()
"""Wires of 2.5 ohm a segment, cells of 100 kilohm."""


@dataclass(frozen=True, eq=False)
class OnCrossbars(Generic[N]):
    """A network with the weights that crossbars realise, and the mean errors of the arrays that hold them.

    `nf` is the nonideality factor with one volt on all rows and `weighted` the error of the recombined outputs over
    their sum, both means over all arrays with a weight other than zero; 0 where the wires have no resistance.
    """

    network: N
    nf: float
    weighted: float


def on_crossbars(
    network: N,
    tile: tuple[int, int] = (64, 64),
    *,
    layout: Layout = EIGHT_BITS,
    move: str = "none",
    device: Device = DEVICE,
) -> OnCrossbars[N]:
    """Return a copy of a network whose linear layers are crossbars; offsets and all else stay as they are.

    A layer of fewer inputs than a tile has rows uses those nearest the sense amplifiers; the others carry no current.
    Raises InvalidInput for a network without linear layers, and as `theory.crossbar.tiles.realise` does.
    """
    changed = copy.deepcopy(network)
    layers = [module for module in changed.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise InvalidInput("the network has no nn.Linear; expected layers that crossbars can hold")
    losses, errors = [np.zeros(0)], [np.zeros(0)]
    for layer in layers:
        weights = layer.weight.detach().double().cpu().numpy()
        size = (min(tile[0], weights.shape[1]), tile[1])
        realised = tiles.realise(weights, tile=size, layout=layout, move=move, device=device)
        layer.weight.data = torch.from_numpy(realised.weights).to(layer.weight)
        if device.wires.row or device.wires.column:
            used = np.isfinite(realised.errors.nf)
            losses.append(realised.errors.nf[used])
            errors.append(realised.errors.weighted[used])
    nf, weighted = (np.concatenate(parts) for parts in (losses, errors))
    return OnCrossbars(changed, float(nf.mean()) if len(nf) else 0.0, float(weighted.mean()) if len(weighted) else 0.0)
