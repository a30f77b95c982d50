"""Pictures of populations: what is drawn is what the arrays say."""

from dataclasses import replace

import numpy as np
import pytest

from snndeploy.engines import run
from snndeploy.engines.trace import Trace
from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule
from snndeploy.report.pictures import populations as draw
from snndeploy.train.datasets.encoders import population_code
from snndeploy.train.learning.stdp import PairSTDP


def test_the_window_shows_simulated_pairs_on_the_closed_form():
    axis = draw.stdp_window(PairSTDP(1.0, 0.5, 8.0, 16.0), longest=12).axes[0]
    simulated = next(line for line in axis.lines if line.get_label() == "simulated")
    t, w = simulated.get_xdata(), np.asarray(simulated.get_ydata())
    np.testing.assert_allclose(w[t > 0], np.exp(-t[t > 0] / 8), rtol=1e-12)
    np.testing.assert_allclose(w[t < 0], -0.5 * np.exp(t[t < 0] / 16), rtol=1e-12)
    assert w[t == 0] == pytest.approx(0.5)


def test_each_neuron_has_its_tuning_curve():
    axis = draw.tuning_curves(4).axes[0]
    assert [line.get_xdata()[np.argmax(line.get_ydata())] for line in axis.lines] == pytest.approx(
        [0, 1 / 3, 2 / 3, 1], abs=0.01
    )


def test_a_field_is_the_brightness_that_the_weights_of_a_population_say():
    picture = np.zeros((3, 4))
    picture[1, 2] = 1
    weights = population_code(picture, 3).reshape(1, -1)
    figure = draw.fields(weights, (3, 4), 3, np.array([7]))
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert np.unravel_index(shown.argmax(), shown.shape) == (1, 2)
    assert figure.axes[0].get_title() == "7"
    with pytest.raises(SnnDeployError, match="SD103.*not those of 3×3"):
        draw.fields(weights, (3, 3), 3)


def test_what_is_read_back_stands_below_the_original_with_its_distance():
    x = np.random.default_rng(0).random((2, 5, 5))
    figure = draw.reconstruction(x, {"half": x / 2})
    np.testing.assert_array_equal(figure.axes[2].images[0].get_array(), x[0] / 2)
    assert f"rms {np.sqrt((x**2 / 4).mean()):.3f}" in figure.axes[2].get_ylabel()
    with pytest.raises(SnnDeployError, match="SD103"):
        draw.reconstruction(x, {"half": x[:1]})


def test_rasters_of_codes_show_every_spike():
    spikes = (np.random.default_rng(0).random((20, 3, 6)) < 0.3).astype(np.uint8)
    figure = draw.codes({"a": spikes, "b": 1 - spikes}, 1)
    said = f"{spikes[:, 1].sum()} spikes, {spikes[:, 1].mean():.3f} per neuron and step"
    assert figure.axes[0].get_title(loc="right") == said


def test_spikes_under_a_constant_drive_and_the_steps_between_them():
    """What stands beside a panel is the least and the most of the intervals, whatever their order."""
    rule, one = Rule(beta=0.5, threshold=1.0), Projection("x", "a", (Dense(np.ones((1, 1))),))
    network = Network(1e-3, (Input("x", (1,)),), (Population("a", (1,), rule),), (one,), ("a",))

    def at(*steps: int) -> Trace:
        spikes = np.isin(np.arange(20), steps).reshape(20, 1, 1)
        return replace(run(network, np.zeros((20, 1, 1))), spikes={"a": spikes}, v={"a": np.zeros((20, 1, 1))})

    figure = draw.constant_drive({"even": at(2, 5, 8), "uneven": at(1, 4, 9, 10, 13), "one": at(3)})
    said = [axis.get_title(loc="right") for axis in figure.axes]
    assert said == ["3 spikes; 3 steps between", "5 spikes; 1 to 5 steps between", "1 spikes"]
