"""The public verbs. Each imports what it needs when it is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from snndeploy.conform import Comparison
    from snndeploy.conform.budget import Budget
    from snndeploy.conform.diagnosis import Diagnosis
    from snndeploy.conform.identify import Identified
    from snndeploy.conform.suite.report import Report
    from snndeploy.conform.tiers import Tolerances
    from snndeploy.conform.verification import Verification
    from snndeploy.conform.why import Why
    from snndeploy.deliver import Delivered
    from snndeploy.encoding.names import Named
    from snndeploy.engines import Trace
    from snndeploy.errors import Finding
    from snndeploy.frontends.onnx import Interface
    from snndeploy.frontends.said import Kinds, Times
    from snndeploy.network import Network
    from snndeploy.network.network import Decision, InputKinds
    from snndeploy.placement import Placement
    from snndeploy.placement.cost import Cost
    from snndeploy.placement.rates import Given as Rates
    from snndeploy.placement.tried import Advice
    from snndeploy.quantize import Certificate
    from snndeploy.report.html.content import Content
    from snndeploy.searching import Searched
    from snndeploy.shards import Evaluation
    from snndeploy.targets import Target
    from snndeploy.train.finetune import FineTuned
    from snndeploy.tuning import Score

Path = str | os.PathLike[str]


def capture(
    module: Any,
    sample: Any,
    dt: float = 1e-3,
    decision: Decision | str | None = None,
    input_kind: Kinds = None,
    time: Times = None,
) -> Network:
    """The network that a snnTorch or Norse module computes, proven on a sample.

    The module is traced with the first step of the sample, then the module and the network run on the whole of it; they
    must give the same spikes in every bin but proven ties. `provenance["proof"]` says on how many spikes they agree,
    `provenance["silent"]` which populations never spiked, of which the sample so proves little.

    Args:
        module: a torch module in eval mode, as trained; forward does one step, or holds the loop over time.
        sample: (time, batch, *shape), NumPy or torch; what the network will be fed with. Several inputs: a tuple in the
            order of forward's arguments, or a dict by their names, which are then the names of the network's inputs.
        dt: seconds per step.
        decision: how classes are decided, "spike-count", "last-v" or "max-v", of several outputs "output:rule"; None:
            the network decides nothing.
        input_kind: "binary", "counts" or "real", or a dict by input; read from the sample if nothing is said.
        time: where the loop over time is: "outside" forward, "inside" it (x: (time, batch, *shape)), "batch-first" for
            (batch, time, *shape) while the sample stays as it is, or "held": inside, and forward gets one frame that it
            repeats (the sample is that frame, repeated). A dict by input where some are held and others are not. None:
            found out.

    Raises:
        SnnDeployError SD3xx: the module holds something that the network cannot; all of it is named.
        VerdictError SD810: module and network differ; names the first spike.
    """
    from snndeploy.conform.proven import proven

    return proven(module, sample, dt, decision, input_kind, time)


def to_snntorch(
    network: Network, sample: Any = None, learn: Iterable[str] | None = None, spike_grad: Any = None
) -> Any:
    """A snnTorch module that computes a float network: trainable, in eval mode, proven on input.

    A chain becomes an `nn.Sequential` with hidden states (`snntorch.utils.reset` clears them); everything else a module
    with `out, state = module(x, state)`, state None at the start; of several inputs x is a dict by name or a tuple, and
    several outputs stand in front of the state. Weights, decays and thresholds are the nearest
    float32; where a membrane is that close to its threshold, rounding decides. `capture` gives the network back.

    Args:
        sample: (time, batch, *shape) input to prove it on; None: random input of the network's kind.
        learn: of "alpha", "beta", "threshold": these are parameters; None: as in the module the network came from.
        spike_grad: a function of `snntorch.surrogate`; None: snnTorch's own default.

    Raises:
        SnnDeployError SD330: snnTorch has no such neuron; everything that it cannot hold is named.
        VerdictError SD331: module and network differ by more than proven ties.
    """
    from snndeploy.conform.rebuilt import rebuilt

    return rebuilt("snntorch", network, sample, learn=learn, spike_grad=spike_grad)


def to_norse(network: Network, sample: Any = None, method: str = "super", alpha: float = 100.0) -> Any:
    """A Norse module that computes a float network: trainable, in eval mode, proven on input.

    `out, state = module(x, state)`, state None at the start, several inputs and outputs as in `to_snntorch`; a chain is
    a `SequentialState`. Norse multiplies what arrives by dt/tau, so weights are divided by it. All numbers are the
    nearest float32, as in `to_snntorch`.

    Args:
        sample: (time, batch, *shape) input to prove it on; None: random input of the network's kind.
        method, alpha: Norse's surrogate gradient.

    Raises:
        SnnDeployError SD330: Norse has no such cell; everything that it cannot hold is named.
        VerdictError SD331: module and network differ by more than proven ties.
    """
    from snndeploy.conform.rebuilt import rebuilt

    return rebuilt("norse", network, sample, method=method, alpha=alpha)


def read(
    path: Path,
    dt: float | None = None,
    reset: str | None = None,
    *,
    delays: Mapping[tuple[str, str], int] | None = None,
    kind: InputKinds = "binary",
    integrators: str = "per-second",
    unit: str | None = None,
    ignore_block: bool = False,
) -> Network:
    """The network in a NIR file, or in an exchange file of lava-dl (.net); what the file is decides, not its name.

    Args:
        dt: seconds per step; needed for files that snndeploy did not write.
        reset: what a spike does, for files that do not say so ("to-zero", "by-threshold", ...).
        delays: {(source, target): steps}, for loops over several neurons that can be read in several ways.
        kind: of the inputs, "binary", "counts" or "real", or a dict by input.
        integrators: whether r of I and IF is "per-second", as NIR says, or "per-step", as some writers mean it.
        unit: of the times in the file, "s", "ms" or "steps", for files whose time constants are no plausible seconds.
        ignore_block: read the plain fields of a file that snndeploy wrote, as any other reader does.

    Raises:
        SnnDeployError SD4xx: the file is damaged, ambiguous, or holds something that the network cannot.
    """
    from snndeploy.frontends.nir import read as read_nir

    said = {"delays": delays, "kind": kind, "integrators": integrators, "unit": unit, "ignore_block": ignore_block}
    return read_nir(path, dt=dt, reset=reset, **said)


def write(network: Network, path: Path, style: str = "standard", for_: str | None = None) -> tuple[str, ...]:
    """Writes a network of either form as a NIR file that any reader opens; `read` gives back the same network.

    Args:
        style: "standard", or "decomposed": soft resets by NIR's primitives alone, exact for readers of plain NIR.
        for_: "norse" or "snntorch": that library's own importer then builds a module with the same spikes.

    Returns:
        How to import the file where that needs saying, a line each.

    Raises:
        SnnDeployError: the network is not legal (SD1xx), the style or the reader cannot hold it (SD415, SD416), or the
            file cannot be written.
    """
    from snndeploy.frontends.nir import write as write_nir

    return write_nir(network, path, style, for_)


def export(
    network: Network,
    path: Path,
    form: str = "sequence",
    *,
    dtype: str = "float32",
    batch: int | None = None,
    states: bool = False,
    record: Iterable[str] = ("spikes",),
    everywhere: bool = False,
    largest: int | Mapping[str, int] | None = None,
    opset: int | None = None,
    sample: Any = None,
) -> Interface:
    """Writes a network of either form as an ONNX file, which onnxruntime runs without snndeploy.

    Before it is there, the model is checked by onnx and run by onnxruntime, and must give the network's spikes (of
    integers also v), but for proven ties of the float form. The integer form uses integer types and wraps, clips and
    truncates as the registers do.

    Args:
        form: "sequence": (time, batch, *shape) in, all steps of the outputs out. "step": one step (batch, *shape), with
            a tensor `NAME.before` in and `NAME.after` out for each state; all zeros are the start.
        dtype: "float32" or "float64", of the float form.
        batch: samples; None: any number.
        states: the sequence takes and gives states as a step does, so that long recordings run in parts.
        record: of "spikes", "u" and "v"; an output without threshold gives v.
        everywhere: of all populations, not of the outputs alone.
        largest: the largest count or signed number that comes in, or by name of input; the type is the smallest that
            holds it. None: counts are uint8, signed numbers int8.
        opset: of ONNX, 21 or more; None: the newest that the installed onnx knows, at most 28.
        sample: (time, batch, *shape) input to prove it on; None: random input of the network's kind. The file itself
            takes the events of a network with encodings, not what they encode.

    Returns:
        The names of inputs, outputs and states in the file; they are in its metadata too.

    Raises:
        SnnDeployError: the network is not legal (SD1xx), counts may leave 64 bits (SD523), a setting is not offered
            (SD541), the file would be too large (SD540), a number does not fit (SD543) or it cannot be written (SD802).
        VerdictError SD542: the model is not what the network computes. MissingEngineError SD502.
    """
    from snndeploy.conform.exported import export as write_onnx

    chosen: dict[str, Any] = {"states": states, "record": record, "everywhere": everywhere, "largest": largest}
    return write_onnx(network, path, form, dtype, batch, opset=opset, sample=_events(network, sample), **chosen)


def lint(network: Network, target: str | Target | None = None, data: Any = None) -> list[Finding]:
    """Everything worth knowing before deploying: errors, warnings and notes, all at once.

    Args:
        target: a name ("loihi2"), a path to a .toml file, or None to check the network alone.
        data: (time, batch, *shape), or a mapping by name of input, which may also hold "labels"; it is run.

    Raises:
        SnnDeployError: the target cannot be loaded (SD2xx), or the data do not fit (SD1xx).
    """
    from snndeploy.lint import lint as find

    if network.encodings and isinstance(data, Mapping) and "labels" in data:
        rest = {name: each for name, each in data.items() if name != "labels"}
        data = {**_events(network, rest), "labels": data["labels"]}
    else:
        data = _events(network, data)
    return list(find(network, None if target is None else _target(target), data))


def quantize(
    network: Network,
    target: str | Target,
    calibration: Any = None,
    method: str = "adaptive",
    uncertified: Literal["refuse", "allow"] = "refuse",
    cores: int | None = None,
    synapses: int | None = None,
    encoding: Named | None = None,
) -> Network:
    """The integer form of a float network for a target; only exactly representable integers are emitted.

    Args:
        calibration: (time, batch, *shape) input, or a mapping by name, from which the scales are chosen.
        method: how scales and integers are chosen; names of `quantize.METHODS` joined by "+", or "auto", which tries
            them on halves of the calibration (`snndeploy.tuning.auto` returns what it tried too).
        cores, synapses: for "auto": the most cores, and synapses per weight (1 or 2; 2 if nothing is said).
        uncertified: "refuse" a network whose currents could wrap around (see `certify`), or "allow" it; "auto" refuses.
        encoding: how real inputs, and counts where the target takes none, become events; see `encode`.

    Raises:
        SnnDeployError SD6xx: something has no integer form on this target, the calibration set is empty, the method is
            unknown, or none fits the budget.
        VerdictError SD608: an input could make a current wrap around.
    """
    from snndeploy.errors import error
    from snndeploy.quantize import quantize as to_integers
    from snndeploy.tuning import auto

    if encoding is not None:
        network = encode(network, target, calibration, encoding)
    calibration = _events(network, calibration)
    if method == "auto":
        return auto(network, _target(target), calibration, cores, 2 if synapses is None else synapses).network
    if cores is not None or synapses is not None:
        raise error("SD609", f"method {method!r}", "cores and synapses are settings of auto", "leave them out")
    return to_integers(network, _target(target), calibration, method, uncertified)


def encode(network: Network, target: str | Target, calibration: Any, encoding: Named) -> Network:
    """A float network whose inputs are events, from one that takes real numbers or counts.

    It carries its encodings: verbs and commands take what the network took before, and make the events themselves.
    `snndeploy.encoding.costs` measures what each encoding changes; `quantize(..., encoding=...)` does it in one step.

    Args:
        calibration: (time, batch, *shape) input, or a mapping by name, on which the encodings choose their numbers.
        encoding: "graded", "planes", "rate", "delta", or "counts" for what is exact on the target; settings behind a
            colon ("graded:bits=4"); a mapping by input where they differ.

    Raises:
        SnnDeployError SD611: an input cannot be encoded so; SD606: no calibration; SD601: integer form.
    """
    from snndeploy.encoding import encode as with_events

    return with_events(network, _target(target), calibration, encoding)


def certify(
    network: Network,
    target: str | Target | None = None,
    data: Any = None,
    *,
    largest: Mapping[str, int] | None = None,
    steps: int | None = None,
    strict: bool = False,
    search: bool = True,
) -> Certificate:
    """Whether any input makes an integer network leave its registers: `.proven`, `.witnesses`, `.bounds`.

    For every neuron: proven by intervals; refuted by an input that was run and does it; or open. A current that leaves
    its register wraps around, on Lava and on the chip, and says so nowhere; a membrane saturates, which counts only
    if `strict`.

    Args:
        target: whose registers; None: of the target it was quantised for.
        data: (time, batch, *shape) input to run and watch.
        largest: the largest count per step of inputs that count, by name.
        steps: the longest sample; None: any length.
        search: look for inputs that do it.

    Raises:
        SnnDeployError SD209: the network is in the float form. SD606: nothing says how much an input counts at most.
    """
    from snndeploy.quantize import certify as prove

    limits: dict[str, Any] = {"largest": largest, "steps": steps, "strict": strict, "search": search}
    return prove(network, None if target is None else _target(target), _events(network, data), **limits)


def compare_methods(
    network: Network,
    target: str | Target,
    calibration: Any,
    methods: Iterable[str] | None = None,
    test: Any = None,
    labels: Any = None,
    encoding: Named | None = None,
) -> list[Score]:
    """Methods of quantisation side by side: accuracy, decisions and spikes kept, synapses, axons, cores.

    Args:
        calibration: (time, batch, *shape) input, from which the methods choose.
        methods: names as for `quantize`, without "auto"; None: all of them alone.
        test: what they are scored on; None: the calibration. labels: classes of these samples.
        encoding: as for `quantize`; the row of the float network is then that of the float network on events.

    Returns:
        A row per method, behind the row of the float network; `snndeploy.tuning.table` prints them.

    Raises:
        SnnDeployError SD6xx: as `quantize`; what one method alone refuses stands in its row.
    """
    from snndeploy.quantize import METHODS
    from snndeploy.tuning import compare_methods as side_by_side

    chosen = list(METHODS) if methods is None else list(methods)
    if encoding is not None:
        network = encode(network, target, calibration, encoding)
    calibration, test = _events(network, calibration), _events(network, test)
    return side_by_side(network, _target(target), calibration, chosen, test, labels)


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
            made = (_events(network, held[0]), held[1])
            data, settings = (made, settings) if name == "data" else (data, {**settings, "test": made})
    return train(network, _target(target), data, **settings)


def budget(
    net: Network, made: Network, data: Any, labels: Any = None, engine: str = "reference", continuous: bool = False
) -> Budget:
    """Which part of `made = quantize(net, ...)` costs how much on `data`: decays, weights, thresholds, truncation.

    Each part alone, each left out, and what they do together beyond that: spikes that moved, decisions, accuracy.
    Where `made` has encodings, "float" is the float network on the same events; `encoding.costs` says what these cost.

    Args:
        data: (time, batch, *shape) input. labels: class of each sample (batch,); without, no accuracy.
        engine: runs the float network and the integer one.
        continuous: the network stands for one in continuous time; says what exact decays would change.

    Raises:
        SnnDeployError SD209: the networks do not belong together; SD1xx: the data or the labels do not fit.
    """
    from snndeploy.conform.budget import budget as measure
    from snndeploy.encoding import encoded_as

    net = encoded_as(net, made)
    return measure(net, made, _events(net, data), labels, engine, continuous)


def place(
    network: Network,
    target: str | Target,
    *,
    rates: Rates = None,
    arrange: str = "metis",
    seed: int = 0,
    strategy: str = "best",
) -> Placement:
    """Which core holds which neurons, axons and synapses, and where on the mesh it lies.

    Args:
        rates: what the arrangement of cores is chosen for: the trace of a run, spikes per neuron and step, or a mapping
            of them by name of input and population; None: every neuron alike.
        arrange: "metis": METIS and swaps; "greedy"; "rows".
        seed: of "metis"; the same one gives the same placement.
        strategy: how populations are split over cores: "best"; "greedy", first-fit, the baseline; "boxes", "places",
            "channels" or "fewest".

    Raises:
        SnnDeployError SD250, SD251: the rates do not fit the network, or there is no such arrangement. SD244: no such
        strategy.
        VerdictError SD2xx: it does not fit; every limit that is exceeded is named.
    """
    from snndeploy.placement import place as on_cores

    return on_cores(network, _target(target), rates=rates, arrange=arrange, seed=seed, strategy=strategy)


def cost(placement: Placement | Path, network: Network, trace: Trace, target: str | Target | None = None) -> Cost:
    """Energy and time of a placed network, per step and per inference, as intervals.

    Every coefficient is between two numbers of the target, whose sources `.sources` lists; static power is apart. On
    Loihi 2 the intervals are as wide as what has been published. `.neurobench` has NeuroBench's measures.

    Args:
        placement: what `place` made of this network, or a file of it.
        trace: a run of it, with the spikes of all populations; record u and v too, and active updates are known.
        target: that it was placed on; None: the shipped one of that name.

    Raises:
        SnnDeployError SD250, SD260: trace or placement are not of this network. SD252: the target has no [energy],
            [time] or [power].
    """
    from snndeploy.placement.cost import cost as of_trace
    from snndeploy.placement.plan_file import read as read_plan

    if isinstance(placement, (str, os.PathLike)):
        placement = read_plan(os.fspath(placement), network)
    return of_trace(placement, network, trace, None if target is None else _target(target))


def advise(
    network: Network,
    target: str | Target,
    data: Any = None,
    labels: Any = None,
    *,
    calibration: Any = None,
    seconds: float = 60.0,
    progress: Callable[..., None] | None = None,
) -> Advice:
    """What makes a network fit a target, or need fewer cores: changes that are made, placed and, with data, run.

    Args:
        network: in the integer form; a float one is quantised.
        data: (time, batch, *shape) input on which every change is run and compared; labels: class of each sample.
        calibration: from which a float network is quantised; None: data.
        seconds: no change is begun after so many.

    Returns:
        `.tried`, cheapest first, each with its network and plan; `.best`, the cheapest that fits; print it to read it.

    Raises:
        SnnDeployError: data or labels do not fit the network.
    """
    from snndeploy.placement.advice import advise as tried

    own, typical = _events(network, data), _events(network, calibration)
    return tried(network, _target(target), own, labels, calibration=typical, seconds=seconds, progress=progress)


def run(
    network: Network,
    spikes: Any,
    engine: str = "reference",
    record: Iterable[str] = ("spikes",),
    raw: bool = False,
    progress: Callable[[int, int], None] | None = None,
    only: Iterable[str] | None = None,
    placement: Placement | Path | None = None,
    **options: Any,
) -> Trace:
    """Runs a network on one engine.

    Args:
        spikes: (time, batch, *shape); for several inputs a mapping by name, or a tuple in the network's order. A
            network with encodings takes what these take; `net.with_(encodings=())` takes the events.
        engine: "reference", "torch", "lava", "onnx", "snntorch" or "norse".
        record: of "spikes", "u", "v".
        raw: keep the engine's own time, latency included, instead of network time.
        only: populations that are recorded, for example `network.outputs`; None: all.
        placement: what `place` made of this network, or a file of it: its cores run as networks of their own, joined
            by the spikes that cross; the trace is the same bits. engine="cores" then executes the address tables alone.
        options: the engine's own, for example device="cuda" or mode="runtime".

    Raises:
        SnnDeployError: the network is not legal, the input does not fit, or the engine refuses the network. SD26x: the
            placement is of another network, or cannot be cut into cores for this engine.
        MissingEngineError: the engine is not installed.
    """
    if placement is not None:
        from snndeploy.placement.placed import run_placed
        from snndeploy.placement.plan_file import read as read_plan

        if isinstance(placement, (str, os.PathLike)):
            placement = read_plan(os.fspath(placement), network)
        given = _events(network, spikes)
        return run_placed(network, placement.core_of, given, engine, record, raw, progress, only, **options)
    from snndeploy.engines import run as execute

    return execute(network, _events(network, spikes), engine, record, raw, progress, only, **options)


def evaluate(
    network: Network,
    data: Any,
    labels: Any = None,
    engine: str = "reference",
    record: Iterable[str] = ("spikes",),
    output: Path | None = None,
    *,
    raw: bool = False,
    shard_size: int | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    memory: int | str | None = None,
    fresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Runs a network over a data set, shard by shard; a shard is a block of samples, and only shards are in memory.

    Finished shards lie in `<output>.parts/` until the output is whole. The same call goes on where an earlier one
    ended, however it ended; with another network, engine, option or other data it refuses. What comes out does not
    depend on shards and workers (float engines may round sums of products differently in batches of another size).

    Args:
        data: a .npy or .npz file, (time, batch, *shape) each; a folder of them, with a sample (time, *shape) or a block
            of samples in each, in the natural order of names; an array; a mapping of these by input; or an object
            that reads samples itself, see `snndeploy.shards.Source`. A .npz and a folder may hold `labels`.
        labels: whole numbers (samples,), the class of each sample, or the path of a .npy file; gives the accuracy.
        engine, record, raw, options: as for `run`.
        output: a .npz file for the trace, which `compare` and `trace_file.read` read; a .json file for the counts,
            decisions and accuracy alone; None: nothing is written, and there is nothing to go on from.
        shard_size: samples per shard; None: what `memory` allows, 256 at most.
        workers: processes; 1: this process. Each gets cores / workers threads. One that dies is tried again.
        scheduler: tcp://host:port of a Dask scheduler, whose workers then run the shards.
        memory: bytes ("2GiB") for the arrays of all shards at work; None: half of what is free.
        fresh: remove what an earlier call left, and begin again.
        progress: called with (samples done, samples in all).

    Returns:
        `.decisions`, `.accuracy` with `.interval` (Wilson, 95 %), `.spikes` by population; print it to read it.

    Raises:
        SnnDeployError: as `run`; a sample that does not fit is named by file and number, and the other shards are kept.
            SD808: one sample needs more memory. SD820: a worker died whenever it ran some shard. SD821: the finished
            shards are of another call. SD822: another call is at work there. SD823: the cluster cannot be used. SD802:
            the disk is full or not writable.
    """
    from snndeploy.shards import How
    from snndeploy.shards import evaluate as over_shards

    how = How(shard_size, workers, memory, fresh, progress, scheduler)
    return over_shards(network, data, labels, engine, record, output, raw=raw, how=how, **options)


def compare_engines(
    network: Network,
    data: Any,
    engines: Iterable[str] = ("reference", "torch"),
    output: Path | None = None,
    *,
    shard_size: int | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    memory: int | str | None = None,
    fresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Comparison]:
    """Runs a data set on several engines, shard by shard, and compares each with the first.

    Args:
        data, shard_size, workers, scheduler, memory, fresh, progress: as for `evaluate`.
        output: a .json file for the comparisons; a run that was stopped goes on from where it ended.

    Returns:
        What `compare` finds of each engine after the first and the first, over all samples: counts added up, the first
        difference of all by step, order of update and sample.

    Raises:
        SnnDeployError: as `evaluate`.
    """
    from snndeploy.shards import How
    from snndeploy.shards import compare_engines as over_shards

    return over_shards(network, data, engines, output, how=How(shard_size, workers, memory, fresh, progress, scheduler))


def bundle(
    network: Network,
    data: Any,
    path: Path,
    *,
    labels: Any = None,
    placement: Placement | None = None,
    engines: Iterable[str] = ("reference",),
    states: bool = True,
) -> dict[str, Any]:
    """Writes an integer network, a golden run and their proof as one archive, which needs NumPy alone to prove itself.

    `snndeploy verify model.zip` checks every byte and runs it again, and so does `python model.zip`, which runs code
    out of the archive: for people who trust its sender.

    Args:
        data: (time, batch, *shape) input. labels: class of each sample (batch,).
        placement: of `place`; it is packed as well.
        engines: who must give the golden run bit for bit, before anything is written.
        states: with u and v of every neuron.

    Returns:
        What was proven; "sha256" of the whole file is what to tell whom you send it to.

    Raises:
        SnnDeployError SD209: the network is in the float form. SD802: the file cannot be written.
        VerdictError SD867: an engine computes something else.
    """
    from snndeploy.bundle.writing import bundle as pack

    chosen: dict[str, Any] = {"labels": labels, "placement": placement, "engines": engines, "states": states}
    return pack(network, _events(network, data), path, **chosen)


def report(
    network: Network,
    data: Any,
    path: Path,
    *,
    integers: Network | None = None,
    labels: Any = None,
    engines: str | Iterable[str] = "all",
    placement: Placement | None = None,
    target: str | Target | None = None,
    budget: bool = True,
    samples: int = 4,
    title: str = "",
    progress: Callable[..., None] | None = None,
) -> Content:
    """Writes one HTML file, which fetches nothing, about a network: engines against engines, spikes side by side,
    membranes around the first difference, error budget, cores, accuracy with intervals, versions and hashes.

    Args:
        network: of either form. integers: what `quantize` made of it, to be compared with it.
        data: (time, batch, *shape) input. labels: class of each sample (batch,), for accuracies.
        engines: as for `verify`.
        placement: of `place`, for the map of cores. target: that it is on, for the traffic between them; without a
            placement, the integers are placed on it.
        budget: attribute what quantising costs to its parts; needs `integers`.
        samples: how many, from the first on, have their spikes on the page; 10^6 spikes at most.

    Returns:
        What is on the page; `.agrees` says whether all engines reach the tier "ties" in every pair.

    Raises:
        SnnDeployError SD209: `integers` is not the integer form of `network`. SD802: the file cannot be written. Else
            as `verify`.
    """
    from snndeploy.encoding import encoded_as
    from snndeploy.files import check_output
    from snndeploy.report.html.collect import collect
    from snndeploy.report.html.page import write as write_page

    check_output(path)
    if integers is not None and network.form == "float":
        network = encoded_as(network, integers)
    chip = None if target is None else _target(target)
    if chip is not None and placement is None:
        placement = place(network if integers is None else integers, chip)
    tell = progress or (lambda done, total, text=None: None)
    events = _events(network, data)
    shown: dict[str, Any] = {"budget": budget, "samples": samples, "title": title}
    found = collect(network, events, integers, labels, engines, placement, chip, **shown, progress=tell)
    write_page(found, path)
    return found


def compare(a: Trace | Path, b: Trace | Path) -> Comparison:
    """How two runs differ: `.identical`, `.verdict`, `.first`, `.lag`, `.table`.

    Args:
        a, b: traces, or files of traces, of which a shard at a time is read.

    Raises:
        SnnDeployError SD7xx: the two cannot be compared. SD801, SD806: a file is missing or damaged.
    """
    from snndeploy.shards import compare_files

    return compare_files(a, b)


def diagnose(a: Trace | Path, b: Trace | Path) -> Diagnosis:
    """Why two runs differ: the first difference, the layer that makes it by itself, and the cause.

    Args:
        a, b: traces, or files of traces; with u and v recorded every step is looked at by itself, and numbers are
            solved for. Of one network, or of a float network and its integer form (then: which rounding it was).

    Raises:
        SnnDeployError SD7xx: the two cannot be compared. SD801, SD806: a file is missing or damaged.
    """
    from snndeploy.conform.diagnosis.diagnose import diagnose as search
    from snndeploy.engines import Trace, trace_file

    one, two = (each if isinstance(each, Trace) else trace_file.read(each) for each in (a, b))
    return search(one, two)


def identify(
    model: Network | Path,
    data: Any,
    spikes: Any,
    v: Any = None,
    population: str | None = None,
    others: Mapping[str, Any] | None = None,
    dt: float | None = None,
) -> Identified:
    """Which reading of a network another simulator computed, from what it recorded of one population.

    Decays (forward or backward Euler, exponential), gains, reset (to a value, by the threshold, in this step or the
    next), order of current and membrane, comparator, onset of constants and latency are tried in all combinations.

    Args:
        model: a float network, or a NIR file; a file also says which constant comes with a loop.
        data: what it was fed with, as for `run`.
        spikes: recorded, (time, batch, *shape), or (time, *shape) for one sample. v: membranes, in any unit.
        population: its name; None: the only one that inputs alone feed.
        others: spikes of other populations that feed it, by name.
        dt: seconds per step, for a file that does not say it.

    Raises:
        SnnDeployError SD723: the population cannot be read in several ways, or its sources were not recorded. SD722: a
            recording does not fit. Else as `read` and `run`.
    """
    from snndeploy.conform.reread import identify_recording

    return identify_recording(model, data, spikes, v, population, others, dt)


def why(
    given: Trace | Network | Path,
    neuron: str | tuple[str, Any],
    step: int,
    data: Any = None,
    sample: int = 0,
    depth: int = 0,
    most: int = 3,
) -> Why:
    """Why a neuron spiked, or did not: its membrane as a sum, with a term for every event that arrived.

    An event counts with what is left of it: through the decays of u and v, up to the last reset to a value. Biases,
    first states, resets, floors, and of integers every rounding, are terms of their own; all add up to p exactly.

    Args:
        given: a trace, or the file of one; or a network, which is then run on `data`.
        neuron: "hidden[3]", "conv[0,4,2]", or ("hidden", 3).
        sample: its number. depth: how often to ask the same of the `most` source neurons that contributed most.

    Returns:
        `.p`, `.theta`, `.margin`, `.terms` (largest first), `.sources` (events of a neuron together), `.rounding`.

    Raises:
        SnnDeployError SD724: there is no such neuron, step or sample, or what feeds it was not recorded.
    """
    from snndeploy.conform.why import why as trace_back
    from snndeploy.engines import Trace, trace_file
    from snndeploy.network import Network

    shown = given if isinstance(given, Trace | Network) else trace_file.read(given)
    fed = _events(shown, data) if isinstance(shown, Network) else None
    return trace_back(shown, neuron, step, fed, sample, depth, most)


def verify(
    network: Network,
    data: Any,
    engines: str | Iterable[str] = "all",
    labels: Any = None,
    require: str = "ties",
    *,
    recordings: Mapping[str, Any] | None = None,
    leaks: bool = True,
    tolerances: Tolerances | None = None,
    progress: Callable[..., None] | None = None,
) -> Verification:
    """Runs a network on several engines and compares each with each: a matrix of tiers, engine × engine.

    The tiers, from the strongest: "state-identical", "spike-identical", "ties" (identical but for proven ties), "lag"
    (up to a constant lag per population), "jitter", "rate", "decision", "different"; `conform.tiers.DEFINITIONS` says
    what each means. Where two runs differ by more than ties, the verdict holds a diagnosis. Samples are also run in
    another order and alone, so that none depends on its neighbours.

    Args:
        data: as for `run`; all of it is held in memory (`compare_engines` goes over a data set in shards).
        engines: "all": those that are installed and take the network, the others are named; or names.
        labels: whole numbers (samples,), the class of each sample, for accuracies and McNemar's test.
        require: the tier that every pair must reach for `.agrees`.
        recordings: what other simulators gave for the same input, by name: a trace, a file (see `conform.recording`),
            or (file, population).
        leaks: run samples in another order and alone.
        tolerances: what "jitter" and "rate" allow.
        progress: called with (done, total, text).

    Raises:
        MissingEngineError: an engine that was named is not installed.
        SnnDeployError SD720: no such tier. SD721: no engine takes the network, or the traces do not fit into memory.
            SD722: a recording does not fit. Else as `run`.
    """
    from snndeploy.conform.tiers.definition import tier_named
    from snndeploy.conform.verify import verify as run_all

    tell = progress or (lambda done, total, text=None: None)
    required = tier_named(require)
    return run_all(network, _events(network, data), engines, labels, required, recordings, leaks, tolerances, tell)


def conformance(
    adapter: str = "reference",
    include: Iterable[str] = ("*",),
    exclude: Mapping[str, str] | None = None,
    xfail: Mapping[str, str] | None = None,
    *,
    known: bool = True,
    late: int = 0,
    explain: bool = False,
    seconds: float = 60.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Holds a NIR backend against the vectors of the conformance suite, in a process of its own.

    Args:
        adapter: a backend that comes with the suite (an engine, or a library's own importer), or "module:object" with
            a function `run(graph, input, dt) -> spikes`; see `snndeploy.conform.suite`.
        include: patterns of vectors' names, as "lif/*"; `*` crosses slashes.
        exclude: {pattern: reason}: these do not run.
        xfail: {pattern: reason}: these are expected to fail; one that passes is a failure of the report.
        known: the known failures of a backend that comes with the suite are expected too.
        late: steps by which the backend may be late, all its outputs alike.
        explain: look for the reading of NIR that gives what the backend gave, where it differs.
        seconds: that one vector may take; a hang or a crash is a verdict.

    Raises:
        SnnDeployError SD741: there is no such adapter. SD742: it cannot be loaded. SD743: a pattern has no reason.
            SD744: a pattern fits no vector. MissingEngineError SD741: its package is not installed.
    """
    from snndeploy.conform.suite import report

    return report.conformance(
        adapter, include, exclude, xfail, known=known, late=late, explain=explain, seconds=seconds, progress=progress
    )


def _events(network: Network, data: Any) -> Any:
    """What the network itself takes, from what its encodings take."""
    if data is None or not network.encodings:
        return data
    from snndeploy.encoding import events

    return events(network, data)


def _target(target: str | Target) -> Target:
    from snndeploy.targets import Target, load

    return target if isinstance(target, Target) else load(target)
