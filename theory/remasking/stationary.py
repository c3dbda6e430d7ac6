"""The laws that a remasking step leaves as they are, over states or over sequences, by one linear system."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.remasking.drafts import Sized
from theory.worlds import TableWorld, states


def stationary_states(
    step: Callable[[Float[Tensor, "rows size"]], Float[Tensor, "rows size"]], sized: Sized
) -> Float[Tensor, "size"]:
    """Return the one state law that a step leaves as it is; `step` maps state laws to state laws, rows of a batch.

    Raises InvalidInput where several are stationary.
    """
    return _stationary(transition_matrix(step, (sized.d + 1) ** sized.n))


def stationary_world(step: Callable[[TableWorld], TableWorld], sized: Sized) -> TableWorld:
    """Return the one data law that a map of worlds leaves as it is; `step` is asked a batch of worlds at once.

    Raises InvalidInput where several are stationary.
    """
    n, d = sized.n, sized.d
    matrix = transition_matrix(lambda rows: step(TableWorld(rows, n, d)).law(), d**n)
    return TableWorld(_stationary(matrix), n, d, "stationary")


def transition_matrix(
    step: Callable[[Float[Tensor, "rows size"]], Float[Tensor, "rows size"]], size: int
) -> Float[Tensor, "size size"]:
    """Return P(to | from), a row for each state or sequence from, by stepping every point mass."""
    states.require_memory(size * size, f"transition matrix of {size} states")
    return step(torch.eye(size, dtype=torch.float64))


def _stationary(matrix: Float[Tensor, "size size"]) -> Float[Tensor, "size"]:
    """Solve for the law that the matrix leaves as it is, by least squares."""
    size = len(matrix)
    equations = torch.cat((matrix.T - torch.eye(size, dtype=torch.float64), torch.ones(1, size, dtype=torch.float64)))
    if int(torch.linalg.matrix_rank(equations)) < size:
        raise InvalidInput("the step has several stationary laws; expected one: remask with a positive chance")
    right = torch.zeros(size + 1, 1, dtype=torch.float64)
    right[-1] = 1.0
    found: Tensor = torch.linalg.lstsq(equations, right, driver="gelsd").solution[:, 0].clamp(min=0)
    return found
