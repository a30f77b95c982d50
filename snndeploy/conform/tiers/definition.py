"""The tiers, from the strongest to the weakest, and what each one says, exactly.

a[t, i], b[t, i] are the spikes of step t and train i; a train is one neuron in one sample; n(i) counts its spikes.
Every population that both runs recorded must satisfy a tier; a verdict is the strongest tier that holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from snndeploy.errors import error

Tier = Literal["state-identical", "spike-identical", "ties", "lag", "jitter", "rate", "decision", "different"]

DEFINITIONS: dict[Tier, str] = {
    "state-identical": "Spikes, u and v are equal in every bin, bit for bit: every number that the rule carries from "
    "one step to the next was recorded by both (u only where a current has memory).",
    "spike-identical": "a[t, i] = b[t, i] for every t and i. Populations that emit v: equal bit for bit between "
    "integers, within the rounding bound between floats.",
    "ties": "Each run is a valid execution of the network in its own arithmetic: replayed on what it recorded, layer "
    "by layer, it differs from the definition only where |p - θ| is within the rounding bound of that bin.",
    "lag": "For each population there is one constant L with a[t, i] = b[t + L, i] for all i and all steps that both "
    "have; one of these steps has a spike, or the population is silent in both. L is the smallest in magnitude.",
    "jitter": "In every train the spikes of a and b can be matched one to one with |t_a - t_b| <= k, for a k that is "
    "at most `Tolerances.jitter`. The least such k is the distance of the i-th spikes of both, at most.",
    "rate": "In every population the sum over trains of |n_a(i) - n_b(i)| is at most `Tolerances.rate` times the sum "
    "of max(n_a(i), n_b(i)).",
    "decision": "The network's decision (its argmax, the lowest index wins a tie) is the same in every sample.",
    "different": "None of the others.",
}
TIERS: tuple[Tier, ...] = tuple(DEFINITIONS)


def at_least(found: Tier, required: Tier) -> bool:
    """Is `found` as strong as `required`, or stronger?"""
    return TIERS.index(found) <= TIERS.index(required)


def strongest(tiers: Iterable[Tier]) -> Tier:
    """The strongest of some tiers; "different" if there are none."""
    return min(tiers, key=TIERS.index, default="different")


def tier_named(text: str, where: str = "require") -> Tier:
    """The tier of that name.

    Raises:
        SnnDeployError SD720: there is none.
    """
    if text not in TIERS:
        raise error("SD720", where, f"there is no tier {text!r}", f"choose from {', '.join(TIERS)}")
    return text
