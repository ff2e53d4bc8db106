"""The published list of claims, and how they are held against the sandbox one experiment after another."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from attrs import evolve

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.verification.experiments.bounded_memory import MEMORY
from bonifiq_async.verification.experiments.clock_steps import CLOCKS
from bonifiq_async.verification.experiments.containers import CONTAINERS
from bonifiq_async.verification.experiments.doubled_answers import DOUBLED
from bonifiq_async.verification.experiments.early_waits import HOLDS
from bonifiq_async.verification.experiments.killed_runs import KILLED
from bonifiq_async.verification.experiments.one_key import KEYS
from bonifiq_async.verification.experiments.other_providers import with_others
from bonifiq_async.verification.experiments.told_effects import DOUBT
from bonifiq_async.verification.experiments.used_keys import SHARED
from bonifiq_async.verification.experiments.waits_and_deadlines import limits
from bonifiq_async.verification.finding import Conducted, Experiment, Lab
from bonifiq_async.verification.scale import Scale

EXPERIMENTS: tuple[Experiment, ...] = with_others(
    (KILLED, DOUBT, *limits(), HOLDS, KEYS, CLOCKS, CONTAINERS, SHARED, DOUBLED, MEMORY)
)
"""All that is tried; each bears the claims that it names."""
NAMES = tuple(claim for each in EXPERIMENTS for claim in each.claims)
"""The names of all claims."""
CONDUCTING = "conducting an experiment"
"""The name of the task of an experiment: cancelled, it ends what it has begun."""


def prove(
    scale: Scale, seed: int, tell: Callable[[str], None], only: Collection[str] = ()
) -> Iterator[Conducted]:
    """Try every claim, or `only` those named, and yield what was found, one experiment after another.

    `tell` is called with the progress. Raises `ConfigurationError` for a name that no claim has.
    """
    unknown = sorted({*only} - {*NAMES})
    if unknown:
        raise ConfigurationError(f"No claim is called {', '.join(unknown)}. There are: {', '.join(NAMES)}.")
    for each in EXPERIMENTS:
        wanted = set(only or NAMES) & set(each.claims)
        if wanted:
            yield _conducted(each, wanted, scale, seed, tell)


def _conducted(
    each: Experiment, wanted: Collection[str], scale: Scale, seed: int, tell: Callable[[str], None]
) -> Conducted:
    began = time.monotonic()
    tell(f"{each.name}: begun, about {', '.join(name for name in each.claims if name in wanted)}")
    with tempfile.TemporaryDirectory(prefix="bonifiq-prove-") as folder:
        lab = Lab(Path(folder), scale, seed, lambda text: tell(f"{each.name}: {text}"))
        conducted = asyncio.run(_conduct(each, lab))
    proofs = tuple(proof for proof in conducted.proofs if proof.name in wanted)
    return evolve(conducted, proofs=proofs, seconds=time.monotonic() - began)


async def _conduct(each: Experiment, lab: Lab) -> Conducted:
    task = asyncio.current_task()
    if task is not None:
        task.set_name(CONDUCTING)
    return await each.conduct(lab)
