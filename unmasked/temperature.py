"""SGD as the minimisation of a free energy: `um.temperature` (arXiv 2505.23489).

`measured(runs)` takes what you recorded of your own training at several constant learning rates, and returns U, S and
the temperatures at which each rate has the least free energy U - T S. `Chains` runs plain SGD on a stack of networks,
one learning rate each. The exact side: `Quadratic(hessian, noise).stationary(rates)` has loss, entropy, temperature and
free energy of every learning rate in closed form; `sphere`, `least_squares` and `quadratic_chains` are the toys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from synthetic.constant_rate import Chains as Chains
from theory.sgd import least_squares as least_squares
from theory.sgd import sphere as sphere
from theory.sgd.chains import chains as quadratic_chains
from theory.sgd.neighbours import neighbour_entropy as neighbour_entropy
from theory.sgd.quadratic import Quadratic as Quadratic
from theory.sgd.quadratic import Stationary as Stationary
from theory.sgd.quadratic import gibbs as gibbs
from theory.sgd.temperatures import Temperatures as Temperatures
from theory.sgd.temperatures import minimiser as minimiser
from theory.sgd.temperatures import smoothed as smoothed
from theory.sgd.temperatures import temperatures as temperatures

__all__ = (
    "Chains", "Quadratic", "Stationary", "Temperatures", "gibbs", "least_squares", "measured", "minimiser",
    "neighbour_entropy", "quadratic_chains", "smoothed", "sphere", "temperatures",
)  # fmt: skip

if TYPE_CHECKING:
    import pandas as pd


def measured(
    runs: Mapping[float, tuple[Any, Any]], *, neighbours: int = 50, sphere_weights: bool = False, slack: float = 0.0
) -> pd.DataFrame:
    """Return U, S and the temperatures of recorded runs, a row for each learning rate.

    `runs` maps learning rates to (losses, weights): numbers of any count, and weights (samples, P), either the last
    steps of one run or, better, the ends of independent runs; with `sphere_weights` they have one length and their
    dimension is P - 1. Columns: loss (U), entropy (S in nats, up to a constant that all rates share), low and high (T-
    and T+, nan where the rate has the least free energy at no temperature, up to `slack`), temperature (sqrt of low
    times high where low is positive and high finite). Consecutive steps that cover less than a relaxation time double
    the slope of S in ln(rate) and halve temperatures. Raises InvalidInput for fewer than two rates, different numbers
    of samples or weights, and entropies that do not rise with the learning rate.

    >>> import numpy as np
    >>> import unmasked as um
    >>> noise = np.random.default_rng(0).standard_normal((200, 3))
    >>> runs = {rate: ([rate], np.sqrt(rate) * noise) for rate in (0.1, 0.2, 0.4)}
    >>> um.temperature.measured(runs, neighbours=10)["temperature"].round(3).tolist()
    [nan, 0.136, nan]
    """
    import numpy as np
    import pandas as pd

    from theory.errors import InvalidInput

    rates = sorted(runs)
    shapes = sorted({np.shape(runs[rate][1]) for rate in rates})
    if len(rates) < 2 or len(shapes) != 1 or len(shapes[0]) != 2:
        raise InvalidInput(
            f"{len(rates)} runs with weights of shapes {shapes}; expected two or more of one (samples, P)"
        )
    d = shapes[0][1] - sphere_weights
    loss = np.array([float(np.mean(np.asarray(runs[rate][0], dtype=float))) for rate in rates])
    entropy = np.array([neighbour_entropy(np.asarray(runs[rate][1], dtype=float), d, neighbours) for rate in rates])
    intervals = temperatures(loss, entropy, slack)
    bounds = {
        name: np.where(intervals.feasible, end, np.nan)
        for name, end in (("low", intervals.low), ("high", intervals.high))
    }
    table = {"loss": loss, "entropy": entropy, **bounds, "temperature": intervals.point}
    return pd.DataFrame(table, index=pd.Index(rates, name="rate"))
