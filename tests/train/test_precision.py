"""Products in bf16: what is rounded, what is not, what is refused, and that the result says so."""

import numpy as np
import pytest
import snntorch as snn
import torch
from norse.torch import LIFCell, LIFParameters, SequentialState
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.train.forwards import forward_of
from snndeploy.train.loop import score, train
from snndeploy.train.settings import Settings


def in_snntorch():
    return nn.Sequential(
        nn.Linear(8, 6), snn.Leaky(0.9, init_hidden=True), nn.Linear(6, 3), snn.Leaky(0.9, init_hidden=True)
    )


def in_norse():
    p = LIFParameters(v_th=torch.tensor(0.1))
    return SequentialState(nn.Linear(8, 6), LIFCell(p), nn.Linear(6, 3), LIFCell(p))


def samples(kind="binary"):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 48)
    lit = np.repeat(np.eye(4)[labels], 2, axis=1)
    x = (rng.random((8, 48, 8)) < 0.1 + 0.8 * lit).astype(np.float32)
    return {"binary": x, "counts": 3 * x, "many": 257 * x, "real": 0.3 * x}[kind], labels


@pytest.mark.parametrize("make", [in_snntorch, in_norse])
def test_neurons_get_float32_and_products_are_rounded(make):
    torch.manual_seed(0)
    module = make()
    x = {"input": torch.from_numpy(samples()[0])}
    unrolled = forward_of(module, x, Settings()).unrolled
    unrolled.full_states = True
    seen = []
    handles = [each.register_forward_hook(lambda m, a, o: seen.append((type(m), a[0].dtype, o))) for each in module]
    with torch.autocast("cpu", torch.bfloat16):
        unrolled(x)
    for handle in handles:
        handle.remove()
    assert {o.dtype for kind, _, o in seen if kind is nn.Linear} == {torch.bfloat16}
    assert {dtype for kind, dtype, _ in seen if kind is not nn.Linear} == {torch.float32}


@pytest.mark.parametrize("kind", ["binary", "counts"])
@pytest.mark.parametrize("make", [in_snntorch, in_norse])
def test_training_says_what_it_rounded_and_scores_in_float32(make, kind):
    torch.manual_seed(0)
    module, (x, y) = make(), samples(kind)
    done = train(module, (x, y), test=(x, y), epochs=6, batch=16, lr=0.02, precision="bf16-mixed")
    assert len(done.notes) == 1
    assert done.notes[0].startswith("bf16-mixed: ")
    assert done.accuracy == score(module, (x, y), test=(x, y))[0].accuracy > 0.7
    assert {each.dtype for each in module.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", ["many", "real"])
def test_an_input_that_bf16_rounds_is_refused(kind):
    with pytest.raises(SnnDeployError, match=r"SD807 precision 'bf16-mixed': input 'input' has numbers .*32-true"):
        train(in_snntorch(), samples(kind), epochs=1, precision="bf16-mixed")
