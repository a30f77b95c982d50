"""Two neurons on every engine, compared with the reference."""

from __future__ import annotations

from typing import Any

from snndeploy.errors import MissingEngineError, SnnDeployError


def two_neurons(name: str, **options: Any) -> tuple[str, str]:
    """("runs" | "missing" | "wrong", one line). Engines of a framework run what they capture; the others both forms."""
    import numpy as np

    from snndeploy import engines
    from snndeploy.conform import compare
    from snndeploy.files import short

    spikes = np.array([[1, 0], [1, 1], [0, 1], [1, 1], [0, 0], [1, 1], [1, 0], [1, 1]])[:, None]
    try:
        engines.base.load(name)
        networks = [_captured(name)] if name in ("snntorch", "norse") else _both_forms()
        same = []
        for network in networks:
            reference = engines.run(network, spikes, record=("spikes", "v"))
            same.append(compare(reference, engines.run(network, spikes, name, ("spikes", "v"), **options)))
    except MissingEngineError as problem:
        return "missing", " ".join(filter(None, (problem.findings[0].what, problem.findings[0].fix)))
    except SnnDeployError as problem:
        return "wrong", str(problem.findings[0])
    except Exception as problem:  # an engine that breaks is what a doctor looks for
        return "wrong", f"{type(problem).__name__}: {short(problem)}"
    if not all(each.agrees for each in same):
        return "wrong", f"two neurons differ from the reference: {next(each.first for each in same if not each.agrees)}"
    forms = " and ".join(network.form for network in networks)
    return "runs", f"{same[0].b}: two neurons, {forms} form, {same[0].verdict}"


def _both_forms() -> list[Any]:
    """One layer of two neurons in each form; all numbers are dyadic."""
    import numpy as np

    from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers, Rule

    weight = np.array([[0.75, 0.5], [-0.25, 1.0]])

    def network(rule: Rule | Registers, dense: Dense, form: Format | None) -> Network:
        out = Population("out", (2,), rule)
        projections = (Projection("in", "out", (dense,), format=form),)
        return Network(1e-3, (Input("in", (2,)),), (out,), projections, ("out",))

    return [
        network(Rule(beta=0.5, threshold=1.0), Dense(weight), None),
        network(Registers(du=4095, dv=2048, vth=64), Dense((weight * 64).astype(int)), Format()),
    ]


def _captured(framework: str) -> Any:
    """Two neurons in a module of the framework, captured."""
    import numpy as np
    import torch

    from snndeploy.frontends import capture

    linear = torch.nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[0.75, 0.5], [-0.25, 1.0]]))
    module: Any
    if framework == "snntorch":
        import snntorch

        module = torch.nn.Sequential(linear, snntorch.Leaky(beta=0.5, init_hidden=True))
    else:
        from norse.torch import LIFBoxCell, LIFBoxParameters, SequentialState

        p = LIFBoxParameters(tau_mem_inv=torch.tensor(500.0), v_th=torch.tensor(0.5))
        module = SequentialState(linear, LIFBoxCell(p, dt=1e-3))
    return capture(module.eval(), np.ones((2, 1, 2)), 1e-3)
