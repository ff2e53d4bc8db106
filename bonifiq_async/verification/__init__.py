"""The laboratory: the promises of this package as claims, each tried against the sandbox by who doubts it."""

from bonifiq_async.laboratory.claims import EXPERIMENTS, NAMES, prove
from bonifiq_async.laboratory.finding import Conducted, Experiment, Figures, Finding, Proof, Timeline
from bonifiq_async.laboratory.scale import SCALES, Scale

__all__ = [
    "EXPERIMENTS",
    "NAMES",
    "SCALES",
    "Conducted",
    "Experiment",
    "Figures",
    "Finding",
    "Proof",
    "Scale",
    "Timeline",
    "prove",
]
