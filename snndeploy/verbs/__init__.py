"""The public verbs, a file per group. Each imports what it needs when it is called."""

from __future__ import annotations

from snndeploy.verbs.capturing import capture, to_norse, to_snntorch
from snndeploy.verbs.comparing import compare, diagnose, identify, why
from snndeploy.verbs.files import bundle, export, read, write
from snndeploy.verbs.placing import advise, cost, lint, place
from snndeploy.verbs.quantizing import budget, certify, compare_methods, encode, quantize
from snndeploy.verbs.reporting import card, report, visualise
from snndeploy.verbs.running import compare_engines, evaluate, run
from snndeploy.verbs.training import finetune, search, train
from snndeploy.verbs.verifying import conformance, verify

__all__ = [
    "advise",
    "budget",
    "bundle",
    "capture",
    "card",
    "certify",
    "compare",
    "compare_engines",
    "compare_methods",
    "conformance",
    "cost",
    "diagnose",
    "encode",
    "evaluate",
    "export",
    "finetune",
    "identify",
    "lint",
    "place",
    "quantize",
    "read",
    "report",
    "run",
    "search",
    "to_norse",
    "to_snntorch",
    "train",
    "verify",
    "visualise",
    "why",
    "write",
]
