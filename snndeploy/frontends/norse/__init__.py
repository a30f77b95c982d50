"""Norse's neurons, one family per file. Importing this registers them."""

from snndeploy.frontends.norse import (
    containers,
    iaf,
    li,
    libox,
    lif,
    lifbox,
    lilinear,
    lsnn,
    over_time,
    recurrent,
    refrac,
    refused,
)

__all__ = [
    "containers",
    "iaf",
    "li",
    "libox",
    "lif",
    "lifbox",
    "lilinear",
    "lsnn",
    "over_time",
    "recurrent",
    "refrac",
    "refused",
]
