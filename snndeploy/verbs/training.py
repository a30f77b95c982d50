"""Training of modules, and of the integers themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snndeploy.verbs.given import Path, events_of, target_of
from snndeploy.verbs.quantizing import encode

if TYPE_CHECKING:
    from snndeploy.deliver import Delivered
    from snndeploy.network import Network
    from snndeploy.searching import Searched
    from snndeploy.targets import Target
    from snndeploy.train.finetune import FineTuned


def train(model: Any, data: Any = None, **settings: Any) -> Delivered:
    """Trains a module of snnTorch or Norse neurons, and delivers its best epoch as a network that is proven.

    The module is captured before training, so that nothing is trained that cannot be deployed, and again after it, with
    proof on real samples. With a folder, it holds checkpoints and logs, and a killed run is resumed as if nothing had
    happened.

    Args:
        model: a module, which is trained in place; or a model file or its name, see `snndeploy.models`.
        data: (x, labels), x (time, sample, *shape); `train.data.Data`; a torch Dataset or DataLoader; None: what
            `data()` of the model file returns.
        settings: out, resume, epochs, batch, lr, optimizer, scheduler, loss, rates, seed, validation, patience, device,
            devices, precision, ...; see `snndeploy.deliver.train`, `snndeploy.train.loop.train` and
            `snndeploy.train.settings.Settings`.

    Returns:
        `.network`, the float form; `.accuracy`, `.history`; print it to read it.

    Raises:
        SnnDeployError SD3xx, SD845: the module cannot be captured. SD8xx: settings, samples, checkpoint or disk.
        VerdictError SD810: module and network differ; names the first spike.
    """
    from snndeploy.deliver import train as train_and_deliver

    return train_and_deliver(model, data, **settings)


def search(model: str | Path, ranges: Any, out: str | Path, data: Any = None, **settings: Any) -> Searched:
    """Trains a model file with many settings, and says which were best on samples held back; the test is not looked at.

    Args:
        model: a model file or its name. ranges: `snndeploy.searching.Range`s of settings, and of arguments of build()
            and data(). out: folder of the search, which goes on where it stopped. data: as for `train`.
        settings: trials, validation, seed, arguments, progress; else what all trials have in common, as for `train`.

    Raises:
        MissingEngineError SD885: Optuna is missing. SnnDeployError: as `snndeploy.searching.search`.
    """
    from snndeploy.searching import search as by_trials

    return by_trials(model, ranges, out, data, **settings)


def finetune(network: Network, target: str | Target, data: tuple[Any, Any], **settings: Any) -> FineTuned:
    """Trains with a forward that is the deployed integer arithmetic, bit for bit, from where rounding left it.

    Args:
        network: the float form, quantised first; or an integer form.
        data: (samples, labels), samples as for `run`.
        settings: encoding (as for `quantize`), test, reset, start, epochs, batch, lr, learn, surrogate, slope, seed,
            device, progress; see `snndeploy.train.finetune`.

    Returns:
        `.network`, the integer form; `.stages`, the accuracy before and after; print it to read it.

    Raises:
        SnnDeployError: it cannot be quantised, a setting or a sample does not fit, or training left the registers.
    """
    from snndeploy.encoding import encoded_as
    from snndeploy.train.finetune import finetune as train

    start, encoding = settings.get("start"), settings.pop("encoding", None)
    if encoding is not None:
        network = encode(network, target, data[0], encoding)
    elif start is not None:
        network = encoded_as(network, start)
    for name, held in (("data", data), ("test", settings.get("test"))):
        if held is not None and network.encodings:
            made = (events_of(network, held[0]), held[1])
            data, settings = (made, settings) if name == "data" else (data, {**settings, "test": made})
    return train(network, target_of(target), data, **settings)
