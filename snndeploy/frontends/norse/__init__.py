"""Norse's cells, one family per file. Importing this registers them."""

from snndeploy.frontends.norse import (
    containers,
    iaf,
    li,
    libox,
    lif,
    lifbox,
    lilinear,
    lsnn,
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
    "recurrent",
    "refrac",
    "refused",
]
