"""The empirical claims, one module per subject: each is judged from the records of experiments, never typed.

A module defines CLAIMS, a tuple of `synthetic.claims.base.Empirical`.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from theory.errors import InvalidInput, unknown

if TYPE_CHECKING:
    from synthetic.claims.base import Empirical


def registry() -> dict[str, Empirical]:
    """Return every claim by its identifier, module by module; InvalidInput where two share one."""
    found: dict[str, Empirical] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        for claim in getattr(importlib.import_module(f"{__name__}.{module}"), "CLAIMS", ()):
            if claim.id in found:
                raise InvalidInput(f"two empirical claims are called {claim.id}; rename one")
            found[claim.id] = claim
    return found


def select(ids: tuple[str, ...]) -> dict[str, Empirical]:
    """Return the named claims, or all where none is named; InvalidInput for an unknown one."""
    claims = registry()
    for name in ids:
        if name not in claims:
            raise unknown("empirical claim", name, claims)
    return {name: claims[name] for name in ids or claims}
