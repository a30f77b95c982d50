"""A file of `snndeploy export --onnx`, run by onnxruntime and NumPy alone: python onnx_alone.py model.onnx x.npy"""

import sys

import numpy as np
import onnxruntime

NUMPY = {"bool": bool, "float": np.float32, "double": np.float64}

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
types = {each.name: each.type.removeprefix("tensor(").removesuffix(")") for each in session.get_inputs()}
given, *states = session.get_inputs()
x = np.load(sys.argv[2])  # (time, batch, *shape)
sizes = {each.name: [x.shape[1] if n == "batch" else n for n in each.shape] for each in states}
held = {name: np.zeros(size, NUMPY.get(types[name], types[name])) for name, size in sizes.items()}
rows = []
for part in [x] if about["graph"] == "sequence" else x:
    found = session.run(None, {given.name: part.astype(NUMPY.get(types[given.name], types[given.name])), **held})
    named = dict(zip([each.name for each in session.get_outputs()], found, strict=True))
    held = {name: named[name.replace(".before", ".after")] for name in held}
    rows.append(found[0])
output = rows[0] if about["graph"] == "sequence" else np.stack(rows)
print(f"{session.get_outputs()[0].name}: {output.shape}, {about['form']} form, dt {about['dt']} s")
print("sums over time, by sample:", output.sum(axis=0).reshape(output.shape[1], -1).tolist())
