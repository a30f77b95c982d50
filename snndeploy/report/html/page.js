"use strict";
/* The controls around the raster. Names come from files of strangers: they are only ever set as text. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const canvas = byId("raster");
  if (!canvas) return;
  const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };
  const kept = new Map();

  function decoded(text, type) {
    const raw = atob(text), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return new TYPES[type](bytes.buffer);
  }

  function events(key, held) {
    if (!kept.has(key)) {
      const made = {};
      for (const part of ["step", "row", "kind"]) made[part] = decoded(held[part].data, held[part].type);
      kept.set(key, made);
    }
    return kept.get(key);
  }

  function place(row, shape) {
    const found = [];
    for (let i = shape.length - 1; i >= 0; i--) { found.unshift(row % shape[i]); row = Math.floor(row / shape[i]); }
    return `[${found.join(", ")}]`;
  }

  const pair = () => data.pairs[byId("pair").value], layer = () => pair().layers[byId("layer").value];
  const sample = () => Number(byId("sample").value);
  const number = (n) => n.toLocaleString("en");
  let said = "";

  function told(raster) {
    const { step, row, kind } = raster.events, i = raster.picked, [x0, x1, y0, y1] = raster.view;
    const view = `Steps ${number(Math.ceil(x0))} to ${number(Math.min(raster.steps, Math.ceil(x1)) - 1)}, neurons ${number(Math.ceil(y0))} to ${number(Math.min(raster.rows, Math.ceil(y1)) - 1)}: ${number(Number(canvas.dataset.drawn))} spikes.`;
    const spike = i < 0 ? "" : ` Chosen: step ${number(step[i])}, neuron ${number(row[i])} ${place(row[i], layer().shape)}, ${SIGNS[kind[i]]}.`;
    if (said === view + spike) return;
    said = view + spike;
    byId("readout").textContent = said;
    canvas.setAttribute("aria-label", `Spikes of ${layer().name}. ${said}`);
  }

  const raster = new Raster(canvas, told);
  const fill = (select, names) => select.replaceChildren(...names.map((name, i) => new Option(name, i)));

  function loaded() {
    const held = layer().samples[sample()];
    raster.load(events(`${byId("pair").value}/${byId("layer").value}/${sample()}`, held), pair().steps, layer().neurons);
    const lost = held.counts.slice(2).reduce((a, b) => a + b, 0);
    byId("counts").textContent = SIGNS.slice(1).map((name, k) => `${number(held.counts[k + 1])} ${name}`).join(", ");
    for (const id of ["next", "previous"]) byId(id).disabled = lost === 0;
  }

  function chosen() {
    fill(byId("layer"), pair().layers.map((each) => `${each.name} (${number(each.neurons)} neurons)`));
    byId("layer").value = pair().shown;
    fill(byId("sample"), pair().samples.map((n) => `sample ${number(n)}`));
    byId("sample").value = pair().first;
    loaded();
  }

  fill(byId("pair"), data.pairs.map((each) => each.title));
  byId("pair").addEventListener("change", chosen);
  byId("layer").addEventListener("change", loaded);
  byId("sample").addEventListener("change", loaded);
  const buttons = { in: () => raster.zoom(1 / 1.6), out: () => raster.zoom(1.6), whole: () => raster.whole(), left: () => raster.pan(-0.25, 0),
    right: () => raster.pan(0.25, 0), up: () => raster.pan(0, -0.25), down: () => raster.pan(0, 0.25), next: () => raster.jump(1), previous: () => raster.jump(-1) };
  for (const [id, act] of Object.entries(buttons)) byId(id).addEventListener("click", act);
  for (const box of document.querySelectorAll("fieldset.kinds input"))
    box.addEventListener("change", () => { raster.shown[Number(box.value)] = box.checked; raster.ask(); });
  const repaint = () => raster.colours();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  // on paper everything is open, and light whatever the screen is
  const paper = (on) => { document.documentElement.classList.toggle("paper", on); raster.colours(); raster.draw(); };
  addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("details")) each.open = true; paper(true); });
  addEventListener("afterprint", () => paper(false));
  chosen();
})();
