"use strict";
/* A raster of up to millions of spikes. Events are sorted by step; what is drawn is what the view holds: a sign per
   spike where there is room for one, else a pixel per bin, in which a difference always wins over what is equal. */
const SIGNS = ["", "matched", "early", "late", "missing", "extra"];
const MARGIN = { left: 54, right: 10, top: 8, bottom: 30 };
const GLYPHS = 20000, FEW = 300;

class Raster {
  constructor(canvas, told) {
    this.canvas = canvas;
    this.told = told;
    this.shown = [false, true, true, true, true, true];
    this.events = { step: new Uint16Array(0), row: new Uint16Array(0), kind: new Uint8Array(0) };
    this.steps = 1;
    this.rows = 1;
    this.picked = -1;
    this.waits = false;
    this.view = [0, 1, 0, 1];
    this.colours();
    new ResizeObserver(() => this.ask()).observe(canvas);
    this.listen();
  }

  colours() {
    const style = getComputedStyle(document.documentElement);
    this.ink = (name) => style.getPropertyValue("--" + name).trim();
    this.paint = SIGNS.map((name) => (name ? this.ink(name) : ""));
    this.packed = this.paint.map((text) => {
      const n = parseInt(text.slice(1, 7), 16);
      return text ? (255 << 24) | ((n & 255) << 16) | (n & 0xff00) | (n >> 16) : 0;
    });
    this.ask();
  }

  load(events, steps, rows) {
    Object.assign(this, { events, steps, rows, picked: -1 });
    this.whole();
  }

  whole() {
    this.look(0, this.steps, 0, this.rows);
  }

  look(x0, x1, y0, y1) {
    const fit = (a, b, most, least) => {
      const span = Math.min(most, Math.max(least, b - a));
      const start = Math.min(most - span, Math.max(0, a + (b - a - span) / 2));
      return [start, start + span];
    };
    this.view = [...fit(x0, x1, this.steps, Math.min(4, this.steps)), ...fit(y0, y1, this.rows, Math.min(4, this.rows))];
    this.ask();
  }

  zoom(factor, px = 0.5, py = 0.5) {
    const [x0, x1, y0, y1] = this.view;
    const x = x0 + (x1 - x0) * px, y = y0 + (y1 - y0) * py;
    this.look(x - (x - x0) * factor, x + (x1 - x) * factor, y - (y - y0) * factor, y + (y1 - y) * factor);
  }

  pan(dx, dy) {
    const [x0, x1, y0, y1] = this.view;
    const w = x1 - x0, h = y1 - y0;
    const x = Math.min(this.steps - w, Math.max(0, x0 + dx * w)), y = Math.min(this.rows - h, Math.max(0, y0 + dy * h));
    this.look(x, x + w, y, y + h);
  }

  ask() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => { this.waits = false; this.draw(); });
  }

  first(step) {
    let lo = 0, hi = this.events.step.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.events.step[mid] < step) lo = mid + 1; else hi = mid;
    }
    return lo;
  }

  draw() {
    const began = performance.now();
    const { canvas, events } = this, ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const ctx = canvas.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = this.ink("card");
    ctx.fillRect(0, 0, width, height);
    const [x0, x1, y0, y1] = this.view;
    this.box = { left: MARGIN.left, top: MARGIN.top, width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const sx = this.box.width / (x1 - x0), sy = this.box.height / (y1 - y0);
    this.scale = { sx, sy };
    this.axes(ctx);
    const lo = this.first(Math.floor(x0)), hi = this.first(Math.ceil(x1));
    const signs = hi - lo <= GLYPHS && sx >= 3 && sy >= 3;
    const drawn = signs ? this.signs(ctx, lo, hi) : this.bins(ctx, lo, hi, ratio);
    this.cross(ctx);
    Object.assign(canvas.dataset, { mode: signs ? "signs" : "bins", drawn, events: hi - lo, total: events.step.length,
      view: this.view.map((n) => +n.toFixed(3)).join(" "), ms: (performance.now() - began).toFixed(2) });
    this.told(this);
  }

  axes(ctx) {
    const { left, top, width, height } = this.box, [x0, x1, y0, y1] = this.view;
    ctx.font = "11px system-ui, sans-serif";
    ctx.strokeStyle = this.ink("line");
    ctx.lineWidth = 1;
    ctx.fillStyle = this.ink("soft");
    const ticks = (a, b, room) => {
      const raw = (b - a) / Math.max(2, room), power = 10 ** Math.floor(Math.log10(raw));
      const gap = Math.max(1, power * [1, 2, 5, 10].find((m) => m * power >= raw));
      const found = [];
      for (let t = Math.ceil(a / gap) * gap; t < b; t += gap) found.push(Math.round(t));
      return found;
    };
    ctx.textAlign = "center";
    for (const t of ticks(x0, x1, width / 80)) {
      const x = left + (t + 0.5 - x0) * this.scale.sx;
      if (x > left + width) continue;
      ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke();
      ctx.fillText(t.toLocaleString("en"), x, top + height + 13);
    }
    ctx.textAlign = "right";
    for (const r of ticks(y0, y1, height / 45)) {
      const y = top + (r + 0.5 - y0) * this.scale.sy;
      if (y > top + height) continue;
      ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(left + width, y); ctx.stroke();
      ctx.fillText(r.toLocaleString("en"), left - 6, y + 4);
    }
    ctx.fillText("step", left + width, top + height + 26);
    ctx.save();
    ctx.translate(11, top + height / 2); ctx.rotate(-Math.PI / 2); ctx.textAlign = "center";
    ctx.fillText("neuron", 0, 0);
    ctx.restore();
    ctx.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
  }

  /* A sign for each of some events, by kind: square, left, right, cross, plus. Returns how many. */
  marks(ctx, some, size) {
    const { step, row, kind } = this.events, { left, top, width, height } = this.box, [x0, , y0, y1] = this.view;
    const { sx, sy } = this.scale, by = [[], [], [], [], [], []], s = size;
    for (const i of some) if (this.shown[kind[i]] && row[i] >= y0 - 1 && row[i] <= y1) by[kind[i]].push(i);
    ctx.save();
    ctx.beginPath(); ctx.rect(left, top, width, height); ctx.clip();
    ctx.lineWidth = Math.max(1.4, size / 2.6);
    for (let k = 1; k <= 5; k++) {
      ctx.fillStyle = ctx.strokeStyle = this.paint[k];
      ctx.beginPath();
      for (const i of by[k]) {
        const x = left + (step[i] + 0.5 - x0) * sx, y = top + (row[i] + 0.5 - y0) * sy;
        if (k === 1) ctx.rect(x - 0.75 * s, y - 0.75 * s, 1.5 * s, 1.5 * s);
        else if (k === 2) { ctx.moveTo(x - s, y); ctx.lineTo(x + s, y - s); ctx.lineTo(x + s, y + s); ctx.closePath(); }
        else if (k === 3) { ctx.moveTo(x + s, y); ctx.lineTo(x - s, y - s); ctx.lineTo(x - s, y + s); ctx.closePath(); }
        else if (k === 4) { ctx.moveTo(x - s, y - s); ctx.lineTo(x + s, y + s); ctx.moveTo(x + s, y - s); ctx.lineTo(x - s, y + s); }
        else { ctx.moveTo(x - s, y); ctx.lineTo(x + s, y); ctx.moveTo(x, y - s); ctx.lineTo(x, y + s); }
      }
      if (k <= 3) ctx.fill(); else ctx.stroke();
    }
    ctx.restore();
    return by.reduce((sum, each) => sum + each.length, 0);
  }

  signs(ctx, lo, hi) {
    const size = Math.max(2, Math.min(7, 0.42 * Math.min(this.scale.sx, this.scale.sy)));
    return this.marks(ctx, Array.from({ length: hi - lo }, (_, i) => lo + i), size);
  }

  bins(ctx, lo, hi, ratio) {
    const { step, row, kind } = this.events, { left, top, width, height } = this.box, [x0, , y0, y1] = this.view;
    const W = Math.floor(width * ratio), H = Math.floor(height * ratio), sx = W / (this.view[1] - x0), sy = H / (y1 - y0);
    if (!this.grid || this.grid.length !== W * H) {
      this.grid = new Uint16Array(W * H);
      this.over = new Uint8Array(W * H);
      this.image = new ImageData(W, H);
    } else { this.grid.fill(0); this.over.fill(0); }
    const { grid, over, shown } = this, pixels = new Uint32Array(this.image.data.buffer);
    // bins larger than a mark are not filled: a mark sits in their middle
    const limit = 12 * ratio, cw = Math.max(1, Math.min(limit, Math.floor(sx))), ch = Math.max(1, Math.min(limit, Math.floor(sy)));
    const ox = Math.max(0, (sx - cw) / 2), oy = Math.max(0, (sy - ch) / 2), one = cw === 1 && ch === 1;
    let drawn = 0, most = 1;
    const odd = [];
    for (let i = lo; i < hi; i++) {
      const k = kind[i];
      if (!shown[k] || row[i] < y0 || row[i] >= y1) continue;
      drawn++;
      if (k !== 1) { odd.push(i); continue; }
      const x = ((step[i] - x0) * sx + ox) | 0, y = ((row[i] - y0) * sy + oy) | 0;
      if (x < 0 || x >= W || y >= H) continue;
      if (one) {
        const n = ++grid[y * W + x];
        if (n > most) most = n;
      } else {
        const right = Math.min(W, x + cw), low = Math.min(H, y + ch);
        for (let q = y; q < low; q++) grid.fill(1, q * W + x, q * W + right);
      }
    }
    // differences are at least three pixels wide, however many bins share one
    for (const i of odd) {
      const x = ((step[i] - x0) * sx + ox) | 0, y = ((row[i] - y0) * sy + oy) | 0, rim = ratio > 1 ? 2 : 1;
      for (let q = Math.max(0, y - rim); q < Math.min(H, y + Math.max(ch, rim + 1)); q++)
        for (let p = Math.max(0, x - rim); p < Math.min(W, x + Math.max(cw, rim + 1)); p++)
          if (over[q * W + p] < kind[i]) over[q * W + p] = kind[i];
    }
    const alpha = new Uint32Array(most + 1);
    for (let n = 1; n <= most; n++) alpha[n] = Math.round(255 * (0.45 + 0.55 * Math.log2(1 + n) / Math.log2(1 + most))) << 24;
    const base = this.packed[1] & 0xffffff;
    for (let i = 0; i < pixels.length; i++)
      pixels[i] = over[i] ? this.packed[over[i]] : grid[i] ? (alpha[grid[i]] | base) : 0;
    // putImageData would replace the lines behind: the picture is drawn over them
    if (!this.layer) this.layer = document.createElement("canvas");
    if (this.layer.width !== W || this.layer.height !== H) Object.assign(this.layer, { width: W, height: H });
    this.layer.getContext("2d").putImageData(this.image, 0, 0);
    ctx.drawImage(this.layer, left, top, width, height);
    if (odd.length <= FEW) this.marks(ctx, odd, 4.5);
    return drawn;
  }

  cross(ctx) {
    if (this.picked < 0) return;
    const { left, top, width, height } = this.box, [x0, x1, y0, y1] = this.view;
    const s = this.events.step[this.picked], r = this.events.row[this.picked];
    if (s < x0 - 1 || s > x1 || r < y0 - 1 || r > y1) return;
    const x = left + (s + 0.5 - x0) * this.scale.sx, y = top + (r + 0.5 - y0) * this.scale.sy;
    ctx.save();
    ctx.beginPath(); ctx.rect(left, top, width, height); ctx.clip();
    ctx.strokeStyle = this.ink("ink");
    ctx.lineWidth = 1.5;
    ctx.beginPath(); ctx.arc(x, y, 11, 0, 2 * Math.PI); ctx.stroke();
    ctx.restore();
  }

  /* The next (1) or the one before (-1) that differs, from the picked one on. */
  jump(way) {
    const { kind, step, row } = this.events, n = kind.length;
    let i = this.picked < 0 ? (way > 0 ? -1 : n) : this.picked;
    for (let tried = 0; tried < n; tried++) {
      i = (i + way + n) % n;
      if (kind[i] !== 1 && this.shown[kind[i]]) {
        this.picked = i;
        const w = Math.min(this.view[1] - this.view[0], 60), h = Math.min(this.view[3] - this.view[2], 40);
        this.look(step[i] - w / 2, step[i] + w / 2, row[i] - h / 2, row[i] + h / 2);
        return true;
      }
    }
    return false;
  }

  at(event) {
    const rect = this.canvas.getBoundingClientRect();
    return [(event.clientX - rect.left - MARGIN.left) / this.box.width, (event.clientY - rect.top - MARGIN.top) / this.box.height];
  }

  pick(event) {
    const [px, py] = this.at(event), [x0, x1, y0, y1] = this.view;
    const x = x0 + px * (x1 - x0), y = y0 + py * (y1 - y0), reach = 14;
    let best = -1, near = reach * reach;
    const { step, row, kind } = this.events;
    for (let i = this.first(Math.floor(x - reach / this.scale.sx) - 1); i < step.length && step[i] < x + reach / this.scale.sx + 1; i++) {
      if (!this.shown[kind[i]]) continue;
      const dx = (step[i] + 0.5 - x) * this.scale.sx, dy = (row[i] + 0.5 - y) * this.scale.sy, d = dx * dx + dy * dy;
      if (d < near) { near = d; best = i; }
    }
    this.picked = best;
    this.ask();
  }

  listen() {
    const fingers = new Map();
    let apart = 0, moved = 0;
    const { canvas } = this;
    const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); };
    canvas.addEventListener("pointerdown", (e) => {
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(e.pointerId);
      fingers.set(e.pointerId, e);
      moved = 0;
      if (fingers.size === 2) apart = spread();
    });
    canvas.addEventListener("pointermove", (e) => {
      const before = fingers.get(e.pointerId);
      if (!before) return;
      const dx = e.clientX - before.clientX, dy = e.clientY - before.clientY;
      moved += Math.abs(dx) + Math.abs(dy);
      fingers.set(e.pointerId, e);
      if (fingers.size === 1) this.pan(-dx / this.box.width, -dy / this.box.height);
      else { const now = spread(); if (apart > 0 && now > 0) this.zoom(apart / now, ...this.at(e)); apart = now; }
    });
    const up = (e) => { if (fingers.delete(e.pointerId) && moved < 5 && e.type === "pointerup") this.pick(e); };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("wheel", (e) => {
      // the page scrolls past a raster that nobody has chosen
      if (document.activeElement !== canvas && !e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      if (e.shiftKey) this.pan(Math.sign(e.deltaY || e.deltaX) * 0.1, 0);
      else this.zoom(e.deltaY > 0 ? 1.2 : 1 / 1.2, ...this.at(e));
    }, { passive: false });
    const keys = { ArrowLeft: () => this.pan(-0.15, 0), ArrowRight: () => this.pan(0.15, 0), ArrowUp: () => this.pan(0, -0.15),
      ArrowDown: () => this.pan(0, 0.15), "+": () => this.zoom(1 / 1.4), "=": () => this.zoom(1 / 1.4), "-": () => this.zoom(1.4),
      0: () => this.whole(), Home: () => this.whole(), n: () => this.jump(1), p: () => this.jump(-1) };
    canvas.addEventListener("keydown", (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
      e.preventDefault();
      keys[e.key]();
    });
  }
}
