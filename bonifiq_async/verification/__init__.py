"""The promises of the library, as claims, each tried against the sandbox: `bonifiq prove`.

bench                a sandbox in a process of its own, which writes down all that arrives
claims               the list of the experiments, and how they are tried one after another
experiments/         the experiments
finding              a claim, its result, and an experiment for several claims
keyed_provider       the provider with which all is tried in which no provider differs
killing              children that are killed and started again until they end by themselves
other_process        another process on the same ledger, by a clock of its own
other_process_child  the child process that does its tasks
page                 claims and pictures in one HTML file
scale                how much is tried: sizes by name
"""

from bonifiq_async.verification.claims import EXPERIMENTS, NAMES, prove
from bonifiq_async.verification.finding import Conducted, Experiment, Figures, Finding, Proof, Timeline
from bonifiq_async.verification.scale import SCALES, Scale

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
