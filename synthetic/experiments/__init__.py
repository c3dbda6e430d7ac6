"""One module per experiment: a frozen config in, a tidy table out.

A public module of this package is an experiment under its own name, and defines

    Config                     a frozen dataclass, with a field `seed` where chance plays a part
    PRESETS                    dict[str, Config] with the keys "smoke", "laptop" and "gpu", and where it measures
                               trained models "h100"
    run(config, progress)      returns (table: pandas.DataFrame, scalars: dict)

and, where it is made of many runs (tasks, seeds),

    parts(config)              the configs of its runs, each kept as a record of its own; () for a single run
    models(config)             the models (synthetic.models.ModelSpec) that a run needs trained
    check(config)              raises InvalidInput where a run needs a package that is not installed

It is imported whenever a preset is looked up, so it imports torch, pandas and `theory` inside
`run`, not at the top. Its first docstring line is what `unmasked run` shows where no experiment is named.
"""

from __future__ import annotations

import pkgutil


def registry() -> dict[str, str]:
    """Return the dotted module of every experiment, by name, without importing any."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: f"{__name__}.{name}" for name in names if not name.startswith("_")}
