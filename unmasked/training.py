"""Losses that masked diffusion models are trained with, as estimators of the negative ELBO: `um.training`.

`losses(world, denoiser)` is the table to begin with. An estimator of one's own is an `Estimator` made of a law of the
masking level, a law of the mask, a weight and a number of draws; `moments` gives its mean and variance exactly, and
`um.fit(rows, d, loss=estimator)` trains with it. `learned_orders` trains any denoiser with the weights of its decoding
order; a `PreferenceRun` trains denoisers to prefer responses with estimated scores. `edits` trains any-process models,
denoisers that also mask, insert and delete, from the steps of a process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from synthetic import edits as edits
from synthetic import learned_orders as learned_orders
from synthetic.preferences import Preference as Preference
from synthetic.preferences import PreferenceRun as PreferenceRun
from synthetic.preferences import Preferring as Preferring
from theory.training import order_gradients as order_gradients
from theory.training import orders as orders
from theory.training import preferences as preferences
from theory.training import variance as variance
from theory.training.estimators import BY_COUNT as BY_COUNT
from theory.training.estimators import BY_LEVEL as BY_LEVEL
from theory.training.estimators import UNIFORM as UNIFORM
from theory.training.estimators import Draws as Draws
from theory.training.estimators import Estimator as Estimator
from theory.training.estimators import Exactly as Exactly
from theory.training.estimators import Independent as Independent
from theory.training.estimators import Level as Level
from theory.training.estimators import Scheduled as Scheduled
from theory.training.estimators import Weight as Weight
from theory.training.estimators import clipped as clipped
from theory.training.estimators import draw as draw
from theory.training.estimators import power as power
from theory.training.loss_table import loss_table as loss_table
from theory.training.moments import Moments as Moments
from theory.training.moments import batch_variance as batch_variance
from theory.training.moments import moments as moments
from theory.training.zoo import ZOO as ZOO

if TYPE_CHECKING:
    import pandas as pd


def losses(world: Any, denoiser: Any = None, estimators: Mapping[str, Estimator] = ZOO) -> pd.DataFrame:
    """Return, for each estimator, its mean over the NELBO and its variance with the three sources, exactly: nats.

    `world` is a law of at most some thousand sequences, `denoiser` anything that `um.denoiser` takes, the law's own
    conditionals unless given. Columns: passes (of the denoiser, an estimate), share (mean over NELBO; 1 is unbiased),
    variance, mask noise, level noise, data noise, growth (of an infinite variance, for each unit of ln(1/least level)).
    Raises InvalidInput.

    >>> import unmasked as um
    >>> um.training.losses(um.worlds.copied_pairs(2)).loc["m/k, uniform count (ARDM, RADD)", "share"].round(6)
    np.float64(1.0)
    """
    import pandas as pd

    table = loss_table(world, denoiser)
    found = {name: moments(each, table) for name, each in estimators.items()}
    rows = {
        name: {
            "passes": estimators[name].draws, "share": each.mean / each.nelbo if each.nelbo else float("nan"),
            "variance": each.variance, "mask noise": each.mask, "level noise": each.level, "data noise": each.data,
            "growth": each.mask_growth,
        }
        for name, each in found.items()
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index")
