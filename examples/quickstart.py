"""From a trained snnTorch module to Loihi's integers, and proof that nothing was lost on the way.

Run it: python examples/quickstart.py
"""

import tempfile
from pathlib import Path

import numpy as np

import snndeploy as sd
from snndeploy import models
from snndeploy.train.loop import train

# a model file has build(), data() and TRAIN; your own file works the same: models.load("path/to/mine.py")
file = models.load("digits_csnn")
data = file.data()
module = models.build_seeded("digits_csnn")
print(f"trained: {train(module, data, **{**file.TRAIN, 'epochs': 3}).accuracy:.1%} of the test digits")

# spikes are (time, batch, *shape) everywhere
spikes = data.test[:, :20]
net = sd.capture(module, spikes, dt=file.DT, decision="spike-count")
print(net)

# a NIR file that any reader opens, and that comes back bit for bit
path = Path(tempfile.mkdtemp()) / "digits.nir"
sd.write(net, path)
net = sd.read(path)

for finding in sd.lint(net, target="loihi2"):
    print(finding)
q = sd.quantize(net, target="loihi2", calibration=data.train[:, :64])
print(sd.place(q, target="loihi2"))

# inside a form every engine agrees exactly
reference = sd.run(q, spikes, engine="reference", record=("spikes", "u", "v"))
lava = sd.run(q, spikes, engine="lava", record=("spikes", "u", "v"))
print(sd.compare(reference, lava))

# between the forms the distance is measured
print(sd.compare(sd.run(net, spikes, record=("spikes", "v")), reference).first)
print(f"correct as integers: {np.mean(reference.decisions() == data.test_labels[:20]):.0%}")

# for people who have neither: an archive that proves itself with NumPy alone, and a page to look at
labels = data.test_labels[:20]
proof = sd.bundle(q, spikes, path.with_suffix(".zip"), labels=labels, engines=("reference", "lava"))
print(f"{path.with_suffix('.zip')}: {proof['bins']:,} golden numbers, SHA-256 {proof['sha256']}")
sd.report(net, spikes, path.with_suffix(".html"), integers=q, labels=labels, target="loihi2")
print(f"{path.with_suffix('.html')}: open it in a browser")
