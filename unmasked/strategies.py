"""Hypothesis strategies for property tests: worlds, denoisers, rules, schedules, grids, sizes and curves as objects.

>>> from hypothesis import given
>>> import unmasked as um
>>> @given(world=um.strategies.worlds(), rule=um.strategies.rules())
... def test_no_sampler_beats_the_data(world, rule):
...     assert um.measure(rule, world).kl >= 0
"""

from theory.ledger.strategies import curves, denoisers, grids, schedules, shape_parameters, sizes, worlds
from theory.unmasking.strategies import rules

__all__ = ["curves", "denoisers", "grids", "rules", "schedules", "shape_parameters", "sizes", "worlds"]
