"""Pictures of populations: what is drawn is what the arrays say."""

import numpy as np
import pytest

from snndeploy.errors import SnnDeployError
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
    assert figure.axes[0].get_title(loc="right").startswith(f"{spikes[:, 1].sum()} spikes")
