"""Samples as spikes: what a model file's `data()` returns, and scikit-learn's digits, which need no download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array

if TYPE_CHECKING:
    from snndeploy.train.augment import Change


@dataclass(frozen=True, eq=False)
class Data:
    """Samples split once and for all.

    Attributes:
        train, test: (time, sample, *shape) of any type of number, what goes into the network.
        train_labels, test_labels: int64 (sample,).
        augment: what is done with each batch of training samples, and with no other; see `train.augment.Augment`.
        notes: what a reader of results should know, as what was left out.
    """

    train: Array
    train_labels: Array
    test: Array
    test_labels: Array
    augment: Change | None = None
    notes: tuple[str, ...] = ()


def check_steps(steps: int) -> None:
    """Raises SnnDeployError SD807 where there is no step."""
    if steps < 1:
        raise error("SD807", "steps", f"{steps} steps hold nothing", "choose 1 or more (--set steps=16)")


def shares(values: Array, name: str) -> Array:
    """The values as float64. Raises SnnDeployError SD807 where one lies beyond 0..1."""
    x = np.asarray(values, np.float64)
    if x.size and not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
        what = f"it reaches from {np.nanmin(x):g} to {np.nanmax(x):g}, and 0..1 is needed"
        raise error("SD807", name, what, "divide by its largest value (pixels: 255)")
    return x


def rate_code(intensity: Array, steps: int) -> Array:
    """Spikes at evenly spaced steps, as many as the intensity asks for; the same every time.

    s[t] = floor((t + 1)·x + 1/2) - floor(t·x + 1/2), so that a neuron spikes round(steps·x) times.

    Args:
        intensity: (sample, *shape), 0..1.

    Returns:
        float32 (steps, sample, *shape), 0 or 1.

    Raises:
        SnnDeployError SD807: an intensity lies beyond 0..1, or there is no step.
    """
    check_steps(steps)
    x = shares(intensity, "intensity")
    edges = np.floor(np.arange(steps + 1).reshape(-1, *(1,) * x.ndim) * x + 0.5)
    return np.asarray(np.diff(edges, axis=0), np.float32)


def split_digits(test_share: float = 0.25) -> tuple[Array, Array, Array, Array]:
    """scikit-learn's 1,797 handwritten digits of 8×8 pixels (Alpaydin and Kaynak, 1998), always split the same way.

    Returns:
        Pictures float64 (sample, 8, 8), 0..1, and labels int64 to train with; the same to test.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    x = pixels.reshape(-1, 8, 8) / 16
    x, x_test, y, y_test = train_test_split(x, labels, test_size=test_share, random_state=0, stratify=labels)
    return x, y.astype(np.int64), x_test, y_test.astype(np.int64)


def digits(steps: int, flat: bool = False, test_share: float = 0.25) -> Data:
    """`split_digits`, rate coded.

    Args:
        steps: time steps per digit.
        flat: shape (64,) instead of (1, 8, 8).
    """
    x, y, x_test, y_test = split_digits(test_share)
    shape = (-1, *((64,) if flat else (1, 8, 8)))
    return Data(rate_code(x.reshape(shape), steps), y, rate_code(x_test.reshape(shape), steps), y_test)
