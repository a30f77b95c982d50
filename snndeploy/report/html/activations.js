"use strict";
/* Layers as tiles, one neuron a pixel of a small picture that is enlarged without smoothing. Names are set as text. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const slider = byId("step"), kind = byId("spikes"), part = byId("part"), play = byId("play");
  const steps = data.steps;

  function bytes(text) {
    const raw = atob(text), held = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) held[i] = raw.charCodeAt(i);
    return held;
  }

  /* tiles: channels side by side with a gap; a vector: a field that is wider than high, a short one a row */
  function plan(shape) {
    const count = shape.reduce((a, b) => a * b, 1);
    let [tiles, high, wide] = [1, 1, count];
    if (shape.length >= 2) {
      wide = shape[shape.length - 1];
      high = shape[shape.length - 2];
      tiles = count / (wide * high);
    } else if (count > 32) {
      wide = Math.ceil(Math.sqrt(count * 2));
      high = Math.ceil(count / wide);
    }
    const gap = tiles > 1 ? 1 : 0;
    const across = Math.max(1, Math.min(tiles, Math.round(Math.sqrt(tiles * 1.6 * high / wide))));
    const down = Math.ceil(tiles / across);
    return { count, tiles, high, wide, gap, across, width: across * (wide + gap) - gap, height: down * (high + gap) - gap };
  }

  const layers = data.layers.map((told, index) => {
    const section = byId("layer" + index), find = (name) => section.querySelector(name);
    const form = plan(told.shape), at = new Int32Array(form.count), back = new Int32Array(form.width * form.height).fill(-1);
    for (let i = 0; i < form.count; i++) {
      const each = form.high * form.wide, tile = Math.floor(i / each), rest = i % each;
      const x = (tile % form.across) * (form.wide + form.gap) + (rest % form.wide);
      const y = Math.floor(tile / form.across) * (form.high + form.gap) + Math.floor(rest / form.wide);
      at[i] = y * form.width + x;
      back[at[i]] = i;
    }
    const values = new Int16Array(bytes(told.v).buffer), bits = told.spikes ? bytes(told.spikes) : null;
    let top = 1;
    for (const v of values) top = Math.max(top, Math.abs(v));
    return { told, section, find, form, at, back, values, bits, top, picked: -1, name: told.name };
  });

  const fired = (layer, t, i) => {
    const k = t * layer.form.count + i;
    return (layer.bits[k >> 3] >> (7 - (k & 7))) & 1;
  };
  const membrane = (layer, t, i) => layer.values[t * layer.form.count + i] * layer.told.scale;
  const short = (x) => String(Number(x.toPrecision(4)));
  let step = 0, waits = false, colours;

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    const parsed = (name) => [1, 3, 5].map((k) => parseInt(style.getPropertyValue("--" + name).trim().slice(k, k + 2), 16));
    const text = (name) => style.getPropertyValue("--" + name).trim();
    colours = { card: parsed("card"), ink: parsed("ink"), line: parsed("line"), low: parsed("low"), high: parsed("high"), text };
  }

  function paint(canvas, layer, shade) {
    const { width, height, count } = layer.form;
    if (canvas.width !== width) { canvas.width = width; canvas.height = height; }
    const tall = height > width * 1.6;
    canvas.style.width = tall ? Math.round(100 * 1.6 * width / height) + "%" : "100%";
    const context = canvas.getContext("2d"), image = context.createImageData(width, height), pixels = image.data;
    for (let p = 0; p < width * height; p++) pixels.set([...colours.line, 255], 4 * p);
    for (let i = 0; i < count; i++) {
      const [colour, share] = shade(i), p = 4 * layer.at[i];
      for (let k = 0; k < 3; k++) pixels[p + k] = colours.card[k] + (colour[k] - colours.card[k]) * share;
    }
    context.putImageData(image, 0, 0);
  }

  function spikeShade(layer) {
    if (kind.value === "now") return (i) => [colours.ink, fired(layer, step, i)];
    const counts = new Uint16Array(layer.form.count);
    let most = 1;
    for (let t = 0; t <= step; t++) {
      for (let i = 0; i < counts.length; i++) if (fired(layer, t, i)) most = Math.max(most, ++counts[i]);
    }
    return (i) => [colours.ink, counts[i] / most];
  }

  function draw() {
    waits = false;
    for (const layer of layers) {
      const { told, form, section } = layer;
      section.hidden = part.value !== "" && layers[part.value] !== layer;
      if (section.hidden) continue;
      const start = step * form.count;
      paint(layer.find("canvas.v"), layer, (i) => {
        const v = layer.values[start + i];
        return [v < 0 ? colours.low : told.kind === "input" ? colours.ink : colours.high, Math.sqrt(Math.abs(v) / layer.top)];
      });
      layer.find(".range").textContent = `±${short(layer.top * told.scale)}` + (told.theta === null ? "" : `, threshold ${short(told.theta)}`);
      let spoken = "";
      if (layer.bits) {
        paint(layer.find("canvas.spikes"), layer, spikeShade(layer));
        let now = 0, all = 0;
        for (let t = 0; t <= step; t++) for (let i = 0; i < form.count; i++) if (fired(layer, t, i)) { all++; if (t === step) now++; }
        spoken = `${now.toLocaleString("en")} of ${form.count.toLocaleString("en")} neurons spike in step ${step}, ${all.toLocaleString("en")} spikes so far`;
        layer.section.dataset.now = now;
      }
      layer.find(".said").textContent = spoken;
      if (layer.picked >= 0) line(layer);
    }
    byId("now").textContent = step;
    document.body.dataset.step = step;
  }

  function ask() {
    if (!waits) { waits = true; requestAnimationFrame(draw); }
  }

  function place(row, shape) {
    const found = [];
    for (let i = shape.length - 1; i >= 0; i--) { found.unshift(row % shape[i]); row = Math.floor(row / shape[i]); }
    return `[${found.join(", ")}]`;
  }

  function told(layer, i) {
    const spikes = layer.bits ? `, ${fired(layer, step, i) ? "a spike" : "no spike"}` : "";
    return `${layer.name}${place(i, layer.told.shape)}, step ${step}: ${layer.told.kind === "input" ? "" : "v = "}${short(membrane(layer, step, i))}${spikes}`;
  }

  function line(layer) {
    const canvas = layer.find("canvas.line"), box = (canvas.hidden = false, canvas.getBoundingClientRect()), ratio = devicePixelRatio || 1;
    canvas.width = box.width * ratio; canvas.height = box.height * ratio;
    const c = canvas.getContext("2d"), i = layer.picked, right = 10, top = 20, bottom = 18;
    c.scale(ratio, ratio);
    c.font = "12px system-ui, sans-serif";
    const v = Array.from({ length: steps }, (_, t) => membrane(layer, t, i));
    const theta = layer.told.theta, all = theta === null ? [0, ...v] : [0, theta, ...v];
    const low = Math.min(...all), high = Math.max(...all), reach = (high - low) || 1;
    const left = 14 + Math.max(...[low, high].map((n) => c.measureText(short(n)).width));
    const x = (t) => left + (t + 0.5) / steps * (box.width - left - right);
    const y = (n) => top + (high - n) / reach * (box.height - top - bottom);
    c.fillStyle = colours.text("soft");
    c.textAlign = "right";
    for (const n of [low, high]) c.fillText(short(n), left - 6, y(n) + 4);
    c.textAlign = "left";
    c.fillText(`${layer.name}${place(i, layer.told.shape)}`, left, 13);
    c.strokeStyle = colours.text("line");
    c.beginPath(); c.moveTo(left, y(0)); c.lineTo(box.width - right, y(0)); c.stroke();
    if (theta !== null) {
      c.setLineDash([5, 4]); c.strokeStyle = colours.text("soft");
      c.beginPath(); c.moveTo(left, y(theta)); c.lineTo(box.width - right, y(theta)); c.stroke(); c.setLineDash([]);
    }
    c.fillStyle = colours.text("mark");
    c.fillRect(x(step) - 4, top - 4, 8, box.height - top - bottom + 8);
    c.strokeStyle = colours.text("a"); c.lineWidth = 1.6;
    c.beginPath(); v.forEach((n, t) => (t ? c.lineTo(x(t), y(n)) : c.moveTo(x(t), y(n)))); c.stroke();
    c.fillStyle = colours.text("ink");
    if (layer.bits) for (let t = 0; t < steps; t++) if (fired(layer, t, i)) c.fillRect(x(t) - 1.5, top - 6, 3, 8);
    c.textAlign = "center"; c.fillStyle = colours.text("soft");
    for (let t = 0; t < steps; t += Math.max(1, Math.ceil(steps / 12))) c.fillText(t, x(t), box.height - 4);
  }

  function neuron(event, layer) {
    const box = event.target.getBoundingClientRect(), { width, height } = layer.form;
    const px = Math.floor((event.clientX - box.left) / box.width * width), py = Math.floor((event.clientY - box.top) / box.height * height);
    return px >= 0 && px < width && py >= 0 && py < height ? layer.back[py * width + px] : -1;
  }

  for (const layer of layers) {
    for (const canvas of layer.section.querySelectorAll("canvas.spikes, canvas.v")) {
      canvas.setAttribute("aria-label", `${canvas.className === "v" ? "values" : "spikes"} of ${layer.name}`);
      canvas.addEventListener("pointermove", (event) => {
        const i = neuron(event, layer);
        if (i >= 0) layer.find(".readout").textContent = told(layer, i);
      });
      const pick = (i) => {
        if (i < 0) return;
        layer.picked = i;
        layer.section.dataset.picked = i;
        layer.find(".readout").textContent = told(layer, i);
        ask();
      };
      canvas.addEventListener("click", (event) => pick(neuron(event, layer)));
      canvas.addEventListener("keydown", (event) => {
        if (event.key === "Enter") pick((layer.picked + 1) % layer.form.count);
      });
    }
  }

  function go(to) {
    step = Math.max(0, Math.min(steps - 1, to));
    slider.value = step;
    ask();
  }
  let timer = 0;
  function playing(on) {
    clearInterval(timer);
    timer = on ? setInterval(() => go(step + 1 < steps ? step + 1 : 0), 250) : 0;
    play.setAttribute("aria-pressed", String(on));
    play.textContent = on ? "❚❚ stop" : "▶ play";
  }
  slider.addEventListener("input", () => go(Number(slider.value)));
  kind.addEventListener("change", ask);
  part.addEventListener("change", ask);
  play.addEventListener("click", () => playing(!timer));
  addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, button")) return;
    if (event.key === "ArrowRight") go(step + 1);
    else if (event.key === "ArrowLeft") go(step - 1);
    else if (event.key === " ") { event.preventDefault(); playing(!timer); }
  });
  addEventListener("resize", ask);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); ask(); });
  readColours();
  draw();
})();
