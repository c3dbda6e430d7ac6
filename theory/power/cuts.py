"""A minimum cut of a directed graph of unit capacities, by Edmonds and Karp's algorithm on tokens.

The string has a slot for each ordered pair of nodes for the graph, the same for the residual graph, and one for each
node's parent in the search. In the residual slots a mask stands for "no edge", so that an edge is turned round in one
step: one slot is remasked while its opposite is written. Masks that persist are held by their remask bit. A step either
labels all nodes next to labelled ones, or turns the path to the target and wipes the labels, or, where the search
stands still, masks the edges that leave the labelled nodes; a last step deletes them.
Source: arXiv 2510.06190, section on graph editing; the encoding is ours.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.generation import Process
from theory.power.transition import Edit, Strings, hold

Matrix = Bool[Tensor, "batch n n"]


def start(edges: Matrix, source: int) -> Strings:
    """Return the strings of graphs, nodes 0..n-1: token n is an edge, n + 1 none, the mask n + 2.

    Raises InvalidInput for loops and for edges in both directions between two nodes.
    """
    batch, n = edges.shape[:2]
    if edges.shape != (batch, n, n) or not 0 <= source < n:
        raise InvalidInput(f"edges of shape {tuple(edges.shape)}, source {source}; expected (batch, n, n), 0..{n - 1}")
    if bool((edges & edges.mT).any()):
        raise InvalidInput("a loop, or edges in both directions; expected at most one edge between two nodes")
    mask = n + 2
    graph = torch.where(edges, n, n + 1).flatten(1)
    residual = torch.where(edges, n, mask).flatten(1)
    labels = torch.full((batch, n), mask, device=edges.device)
    labels[:, source] = source
    length = torch.full((batch,), 2 * n * n + n, dtype=torch.int64, device=edges.device)
    return Strings(torch.cat((graph, residual, labels), -1), length, mask)


def minimum_cut(n: int, source: int, target: int) -> Process:
    """Return the process. At its fixed point the deleted edges are a minimum cut between source and target."""

    def process(state: Strings) -> Edit:
        if state.tokens.shape[1] < 2 * n * n + n or not bool((state.length == 2 * n * n + n).any()):
            return hold(state)
        whole = state.length == 2 * n * n + n
        graph, residual, labels = torch.split(state.tokens, [n * n, n * n, n], -1)
        cutting = whole & (graph == state.d).any(-1)
        edge = (residual == n).reshape(-1, n, n)
        reached = labels < n
        candidates = edge & reached[..., None] & ~reached[:, None]
        fresh = candidates.any(1)
        found = whole & ~cutting & reached[:, target]
        growing = whole & ~cutting & ~found & fresh.any(-1)
        standing = whole & ~cutting & ~found & ~growing
        path = _path(labels, source, target) & found[:, None, None]
        leaving = (graph == n).reshape(-1, n, n) & reached[..., None] & ~reached[:, None]
        new = fresh & growing[:, None]
        wiped = reached & found[:, None] & (torch.arange(n, device=labels.device) != source)
        written = torch.cat((torch.zeros_like(graph, dtype=torch.bool), path.mT.flatten(1), new), -1)
        erased = torch.cat(((leaving & standing[:, None, None]).flatten(1), path.flatten(1), wiped), -1)
        deleted = torch.nn.functional.pad(cutting[:, None] & (graph == state.d), (0, n * n + n))
        write = torch.cat((torch.zeros_like(graph), torch.full_like(residual, n), candidates.int().argmax(1)), -1)
        kept = state.masked & ~written & ~deleted
        return Edit(torch.where(written, write, 0), erased | kept, torch.zeros_like(kept), deleted)

    return process


def _path(labels: Tensor, source: int, target: int) -> Matrix:
    """Return the edges from parents to children on the way from the source to the target, where that is labelled."""
    batch, n = labels.shape
    rows = torch.arange(batch, device=labels.device)
    found = torch.zeros(batch, n, n, dtype=torch.bool, device=labels.device)
    here = torch.full((batch,), target, device=labels.device)
    for _ in range(n):
        parent = labels[rows, here].clamp(0, n - 1)
        step = (here != source) & (labels[rows, here] < n)
        found[rows[step], parent[step], here[step]] = True
        here = torch.where(step, parent, here)
    return found


def cut(states: tuple[Strings, ...], n: int) -> Matrix:
    """Return the edges that a run masked before it deleted them."""
    found = torch.zeros(len(states[0].length), n, n, dtype=torch.bool)
    for state in states:
        whole = state.length == 2 * n * n + n
        if bool(whole.any()):
            masked = state.masked[:, : n * n].reshape(-1, n, n)
            found |= masked & whole[:, None, None]
    return found
