"""Many runs: spread over the processes of this machine, or over a Dask cluster that sees the same folders.

A run is one record, written when it is complete. Whatever is interrupted, a process or the whole sweep, what
was written is found again and nothing is computed twice. Models that several runs share are trained first,
each once, seeds of one kind together.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from synthetic import published
from synthetic.encoding import encode_config
from synthetic.loading import load
from synthetic.progress import Progress, Silent
from synthetic.records import Store
from theory.errors import InvalidInput

T = TypeVar("T")


@dataclass(frozen=True)
class Pool:
    """Where jobs run: `jobs` processes here, or the cluster at this address."""

    jobs: int = 1
    cluster: str | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise InvalidInput(f"{self.jobs} jobs; expected at least one process")

    def run(self, work: list[Callable[[], T]]) -> Iterator[T]:
        """Yield what each job returns as it ends; raises InvalidInput where workers died, keeping what is done."""
        if self.cluster is not None:
            return _on_cluster(work, self.cluster)
        if self.jobs == 1 or len(work) < 2:
            return (job() for job in work)
        return _in_processes(work, min(self.jobs, len(work)))


def compute(
    store: Store,
    wanted: Mapping[str, Any],
    pool: Pool,
    progress: Progress | None = None,
    *,
    say: Callable[[str], None] = print,
    force: bool = False,
) -> None:
    """Compute every run that the wanted experiments (name to config) miss, then join their tables."""
    progress = progress or Silent()
    require(store, wanted, force)
    runs, specs = needed_models(store, wanted, force)
    timed = zip(expected_seconds(store, runs), runs, strict=True)
    runs = [run for _, run in sorted(timed, key=lambda pair: -pair[0])]  # a long one last would run alone
    lonely = pool.cluster is None and (pool.jobs == 1 or len(runs) < 2)
    shown = progress if lonely else Silent()
    for phase, work in (
        ("models", [partial(_train, group, shown) for group in _groups(specs)]),
        ("runs", [partial(_measure, store, name, config, force, shown) for name, config in runs]),
    ):
        for line in progress.track(pool.run(work), phase, len(work)):
            say(line)
    for name, config in wanted.items():
        if store.parts(name, config):
            store.get_or_compute(name, config)


def require(store: Store, wanted: Mapping[str, Any], force: bool = False) -> None:
    """Raise InvalidInput before any work where an experiment to be run lacks a package, as its `check` tells."""
    for name, config in wanted.items():
        check = getattr(load(store.module(name), store.sources)[0], "check", None)
        for part in _runs(store, name, config, force) if check else ():
            check(part)


def needed_models(
    store: Store, wanted: Mapping[str, Any], force: bool = False
) -> tuple[list[tuple[str, Any]], list[Any]]:
    """Return the runs that the wanted experiments (name to config) miss, and the models that those runs need."""
    runs = [(name, part) for name, config in wanted.items() for part in _runs(store, name, config, force)]
    return runs, _models(store, runs)


def expected_seconds(store: Store, runs: Sequence[tuple[str, Any]]) -> list[float]:
    """Return about how long each run takes on one core by the published records of such runs, models left out."""
    names = [store.path(name, config).stem for name, config in runs]
    wanted: dict[str, dict[str, Any]] = {}
    for stem, (name, config) in zip(names, runs, strict=True):
        wanted.setdefault(name, {})[stem] = encode_config(config)
    found = {name: published.expected_seconds(published.FOLDER, name, mine) for name, mine in wanted.items()}
    return [found[name][stem] for stem, (name, _) in zip(names, runs, strict=True)]


def _runs(store: Store, name: str, config: Any, force: bool) -> list[Any]:
    return list(store.parts(name, config) or (config,)) if force else store.missing(name, config)


def _models(store: Store, runs: list[tuple[str, Any]]) -> list[Any]:
    """Return the distinct models that the runs need, in order of first use."""
    needed: dict[Any, None] = {}
    for name, config in runs:
        models = getattr(load(store.module(name), store.sources)[0], "models", None)
        needed |= dict.fromkeys(models(config) if models else ())
    return list(needed)


def _groups(specs: list[Any]) -> list[list[Any]]:
    """Return the models to train, those of one stack together, the longest work first."""
    if not specs:
        return []
    from synthetic import models, tasks

    groups = models.stacks(spec for spec in specs if not models.is_trained(spec))
    return sorted(groups, key=lambda group: -len(group) * models.operations(group[0], tasks.length(group[0].task)))


def _train(specs: list[Any], progress: Progress) -> str:
    from synthetic.models import together

    together(specs, progress)
    seeds = f"{len(specs)} seeds" if len(specs) > 1 else f"seed {specs[0].seed}"
    return f"{specs[0].task}, {seeds}: trained"


def _measure(store: Store, name: str, config: Any, force: bool, progress: Progress) -> str:
    fresh = store.status(name, config).fresh and not force
    record = store.get_or_compute(name, config, force=force, progress=progress)
    return f"{name}: " + ("found" if fresh else f"{len(record.table)} rows computed in {record.seconds:.1f} s")


def _in_processes(work: list[Callable[[], T]], jobs: int) -> Iterator[T]:
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    spread = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="all")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given to the executor")
            yield from spread(delayed(_alone)(job, _settings()) for job in work)
    except TerminatedWorkerError as error:
        raise InvalidInput(
            "a worker process was killed (out of memory?); its run is lost, the others are kept: run the same "
            "command again to go on, with fewer --jobs if memory was short"
        ) from error
    finally:
        get_reusable_executor().shutdown()  # the next sweep's workers import the code as it is then


def _on_cluster(work: list[Callable[[], T]], address: str) -> Iterator[T]:
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise InvalidInput("--cluster needs dask: pip install 'unmasked[cluster]'") from error
    try:
        client = Client(address, timeout="10s")
    except OSError as error:
        raise InvalidInput(f"no Dask scheduler answers at {address}; start one with `dask scheduler`") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInput(
            f"--cluster {address!r} ({error}); expected a scheduler's address, tcp://host:port"
        ) from error
    with client:
        futures = [client.submit(_alone, job, _settings(), pure=False, retries=3) for job in work]
        for future in as_completed(futures):
            yield future.result()


def _settings() -> dict[str, str]:
    """Return what this process was told by its environment, for the workers to be told too."""
    return {name: value for name, value in os.environ.items() if name.startswith("UNMASKED_")}


def _alone(job: Callable[[], T], settings: Mapping[str, str]) -> T:
    """Run a job on one thread, so that as many processes as cores do not fight."""
    os.environ |= settings
    import torch

    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        return job()
