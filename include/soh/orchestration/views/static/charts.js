// Charts of one facility over time: a band of states, and lines that share its axis and one crosshair.

import { attribute, el, svg, write } from "./dom.js";
import { clock, pf, probability, temperature } from "./words.js";

const LEFT = 44;
const RIGHT = 10;
const BAND = 26;
const LINE = 92;
const PAD = 6;
const AXIS = 20;

const LINES = [
  { name: "pf", title: "Power factor", format: pf, ticks: (v) => v.toFixed(2), least: 0.1, within: [0, 1] },
  { name: "probability", title: "Probability of the state", format: probability, ticks: probability, fixed: [0, 1] },
  { name: "temperature", title: "Temperature", format: temperature, ticks: (v) => v.toFixed(0), least: 2 },
];

const STEPS = [5, 10, 15, 30, 60, 120, 180, 240, 360].map((minutes) => minutes * 60_000);

/** Charts in `box`; `update` draws what the server said of one facility, `fleet` says which lines it has. */
export class Charts {
  constructor(box) {
    this.box = box;
    this.history = null;
    this.hovered = null;
    this.rows = [];
    box.addEventListener("pointermove", (event) => this.hover(event));
    box.addEventListener("pointerleave", () => this.show(null));
    new ResizeObserver(() => this.draw()).observe(box);
  }

  update(history, fleet) {
    if (this.fleet?.name !== fleet.name || this.rows.length === 0) this.build(fleet);
    this.fleet = fleet;
    this.history = history;
    this.draw();
  }

  clear() {
    this.history = null;
    this.rows = [];
    this.box.replaceChildren();
  }

  build(fleet) {
    this.rows = [row({ name: "state", title: "State", height: BAND })];
    for (const line of LINES) {
      if (line.name !== "pf" || fleet.has_pf) this.rows.push(row({ ...line, height: LINE }));
    }
    this.axis = svg("svg", { class: "axis", height: AXIS, "aria-hidden": "true" });
    this.box.replaceChildren(...this.rows.map((each) => each.figure), this.axis);
  }

  draw() {
    const width = this.box.clientWidth;
    if (!this.history || width < 80) return;
    this.width = width;
    const { points } = this.history;
    for (const each of this.rows) {
      attribute(each.svg, "viewBox", `0 0 ${width} ${each.height}`);
      if (each.name === "state") drawBand(each, this);
      else drawLine(each, this, points, this.fleet.pf_limits);
    }
    this.drawAxis();
    this.show(this.hovered);
  }

  x(moment) {
    const from = Date.parse(this.history.from);
    const to = Date.parse(this.history.to);
    return LEFT + ((moment - from) / (to - from)) * (this.width - LEFT - RIGHT);
  }

  drawAxis() {
    const from = Date.parse(this.history.from);
    const to = Date.parse(this.history.to);
    const most = Math.max(2, Math.floor(this.width / 90));
    const step = STEPS.find((each) => (to - from) / each <= most) ?? STEPS.at(-1);
    const shift = new Date(from).getTimezoneOffset() * 60_000;
    const ticks = [];
    for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) {
      const x = Math.min(Math.max(this.x(at), LEFT), this.width - 18);
      ticks.push(svg("text", { x, y: 14, text: clock(at, false).slice(-5) }));
    }
    attribute(this.axis, "viewBox", `0 0 ${this.width} ${AXIS}`);
    this.axis.replaceChildren(...ticks);
  }

  hover(event) {
    if (!this.history?.points.length) return;
    const x = event.clientX - this.box.getBoundingClientRect().left;
    const distance = (point) => Math.abs(this.x(Date.parse(point.at)) - x);
    const nearest = this.history.points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
    this.show(distance(nearest) < 24 ? nearest.at : null);
  }

  /** Show the values at a moment, or the newest ones. */
  show(moment) {
    this.hovered = moment;
    const points = this.history?.points ?? [];
    const hit = moment && points.find((point) => point.at === moment);
    const point = hit || points.at(-1);
    for (const each of this.rows) {
      const value = point ? (each.name === "state" ? point.state : each.format(point[each.name])) : "–";
      write(each.value, hit ? `${value} at ${clock(hit.at)}` : value);
      attribute(each.cross, "visibility", hit ? "visible" : "hidden");
      if (!hit) continue;
      const x = this.x(Date.parse(hit.at) + (each.name === "state" ? this.history.interval_ms / 2 : 0));
      for (const end of ["x1", "x2"]) attribute(each.cross, end, x);
    }
  }
}

function row(spec) {
  const value = el("span", { class: "value" });
  const cross = svg("line", { class: "cross", y1: 0, y2: spec.height, visibility: "hidden" });
  const marks = svg("g");
  const drawing = svg("svg", { height: spec.height, role: "img", "aria-label": spec.title }, marks, cross);
  const figure = el(
    "figure",
    { class: `chart ${spec.name}` },
    el("figcaption", {}, el("span", { text: spec.title }), value),
    drawing,
  );
  return { ...spec, figure, svg: drawing, marks, cross, value };
}

/** Runs of points that belong together: `apart` says whether a point begins a new one. */
function runs(points, apart) {
  const found = [];
  for (const point of points) {
    const run = found.at(-1);
    if (run && !apart(run.at(-1), point)) run.push(point);
    else found.push([point]);
  }
  return found;
}

function silence(history) {
  const limit = Math.max(3 * history.interval_ms, 30_000);
  return (before, after) => Date.parse(after.at) - Date.parse(before.at) > limit;
}

function drawBand(each, charts) {
  const { history } = charts;
  const apart = silence(history);
  const bars = runs(history.points, (a, b) => a.state !== b.state || apart(a, b)).map((run) => {
    const from = Math.max(LEFT, charts.x(Date.parse(run[0].at)));
    const to = Math.min(charts.width - RIGHT, charts.x(Date.parse(run.at(-1).at) + history.interval_ms));
    const { state } = run[0];
    const bar = svg("rect", { class: `fill ${state}`, x: from, y: 2, width: Math.max(1, to - from), height: BAND - 4 });
    const word = to - from > 62 ? svg("text", { class: `on ${state}`, x: (from + to) / 2, y: BAND / 2 + 4, text: state }) : "";
    return svg("g", {}, svg("title", { text: `${state} from ${clock(run[0].at)}` }), bar, word);
  });
  const ground = svg("rect", { class: "ground", x: LEFT, y: 2, width: charts.width - LEFT - RIGHT, height: BAND - 4 });
  each.marks.replaceChildren(ground, ...bars);
}

function domain(each, values) {
  if (each.fixed) return each.fixed;
  const [least, most] = each.within ?? [-Infinity, Infinity];
  let low = values.length ? Math.min(...values) : 0;
  let high = values.length ? Math.max(...values) : 1;
  const missing = Math.max(0, each.least - (high - low)) / 2 + 0.08 * (high - low);
  low = Math.max(least, low - missing);
  high = Math.min(most, high + missing);
  return [low, high];
}

function drawLine(each, charts, points, limits) {
  const known = points.filter((point) => point[each.name] !== null);
  const [low, high] = domain(each, known.map((point) => point[each.name]));
  const y = (value) => PAD + (1 - (value - low) / (high - low || 1)) * (LINE - 2 * PAD);
  const at = (point) => charts.x(Date.parse(point.at));
  const marks = [];
  for (const value of [low, (low + high) / 2, high]) {
    marks.push(svg("line", { class: "grid", x1: LEFT, x2: charts.width - RIGHT, y1: y(value), y2: y(value) }));
    marks.push(svg("text", { class: "tick", x: LEFT - 6, y: y(value) + 4, text: each.ticks(value) }));
  }
  for (const limit of (each.name === "pf" && limits) || []) {
    if (limit.value <= low || limit.value >= high) continue;
    const place = { x1: LEFT, x2: charts.width - RIGHT, y1: y(limit.value), y2: y(limit.value) };
    marks.push(svg("line", { class: `limit ${limit.state}`, ...place }, svg("title", { text: `${limit.state} below ${limit.value}` })));
  }
  for (const run of runs(known, silence(charts.history))) {
    const line = run.map((point) => `${at(point).toFixed(1)},${y(point[each.name]).toFixed(1)}`);
    if (run.length === 1) marks.push(svg("circle", { class: "dot", cx: at(run[0]), cy: y(run[0][each.name]), r: 1.8 }));
    else {
      const foot = `L${at(run.at(-1)).toFixed(1)},${LINE - PAD} L${at(run[0]).toFixed(1)},${LINE - PAD}Z`;
      marks.push(svg("path", { class: "area", d: `M${line.join(" L")} ${foot}` }));
      marks.push(svg("path", { class: "line", d: `M${line.join(" L")}` }));
    }
  }
  each.marks.replaceChildren(...marks);
}

