// The fleets: a card each with its counts, and the facilities of the chosen one as a grid or a table.

import { attribute, byId, el, keyed, reshape, shape, write } from "./dom.js";
import { STATES, age, ago, clock, count, fixed, pf, plural, probability, temperature, version } from "./words.js";

const CROWDED = 240;
/** More facilities than this are drawn as small squares without words. */

const COLUMNS = [
  { name: "id", title: "Facility", text: (f) => String(f.id), rank: (f) => f.id },
  { name: "state", title: "State", text: (f) => f.state, rank: (f) => STATES.indexOf(f.state) },
  { name: "pf", title: "Power factor", text: (f) => pf(f.pf), rank: (f) => f.pf, number: true },
  { name: "probability", title: "Probability", text: (f) => probability(f.probability), rank: (f) => f.probability, number: true },
  { name: "temperature", title: "Temperature", text: (f) => temperature(f.temperature), rank: (f) => f.temperature, number: true },
  { name: "model", title: "Model", text: (f) => version(f.model_version), rank: (f) => f.model_version },
  { name: "at", title: "Last grade", text: (f) => ago(f.at), rank: (f) => -Date.parse(f.at), number: true },
];

/** Cards of all fleets; a click chooses one. */
export function drawFleets(fleets, chosen, choose) {
  keyed(
    byId("fleets"),
    fleets,
    (fleet) => fleet.name,
    (fleet) =>
      el(
        "button",
        { type: "button", class: "fleet panel", title: fleet.description, onclick: () => choose(fleet.name) },
        el("span", { class: "fleet-head" }, el("strong"), el("span", { class: "quiet small", text: fleet.description }), el("span", { class: "quiet" })),
        el("span", { class: "bar", "aria-hidden": "true" }),
        el("span", { class: "counts" }),
      ),
    (card, fleet) => {
      attribute(card, "aria-pressed", fleet.name === chosen);
      card.classList.toggle("stale", fleet.trouble !== "");
      const [head, bar, counts] = card.children;
      const total = Object.values(fleet.states).reduce((sum, number) => sum + number, 0);
      write(head.children[0], fleet.name);
      write(head.children[2], standing(fleet, total));
      const states = Object.entries(fleet.states);
      keyed(bar, states.filter(([, number]) => number), ([state]) => state, ([state]) => el("i", { class: `fill ${state}` }), (part, [, number]) => {
        part.style.flexGrow = number;
      });
      keyed(
        counts,
        states,
        ([state]) => state,
        ([state]) => el("span", { class: `count ${state}` }, shape(state), el("b"), el("span", { text: state })),
        (chip, [, number]) => {
          chip.classList.toggle("none", number === 0);
          write(chip.children[1], count(number));
        },
      );
    },
  );
}

function standing(fleet, total) {
  if (fleet.trouble) return fleet.answered_at ? `as of ${clock(fleet.answered_at)}` : "not known";
  const silent = fleet.silent ? `, ${count(fleet.silent)} silent` : "";
  return `${plural(total, "facility", "facilities")}${silent}`;
}

/** The facilities of one fleet, as a grid or a table; a click opens one. */
export class Facilities {
  constructor(open) {
    this.open = open;
    this.sort = { by: "id", falling: false };
    this.shown = "grid";
    byId("as-grid").addEventListener("click", () => this.show("grid"));
    byId("as-table").addEventListener("click", () => this.show("table"));
    this.rows = el("tbody");
    this.titles = COLUMNS.map((column) =>
      el("th", { scope: "col", class: column.number ? "number" : null }, el("button", { type: "button", text: column.title, onclick: () => this.sortBy(column.name) })),
    );
    byId("table").append(el("table", { class: "sortable" }, el("thead", {}, el("tr", {}, ...this.titles)), this.rows));
    this.show("grid");
  }

  show(shown) {
    this.shown = shown;
    attribute(byId("as-grid"), "aria-pressed", shown === "grid");
    attribute(byId("as-table"), "aria-pressed", shown === "table");
    byId("tiles").hidden = shown !== "grid";
    byId("table").hidden = shown !== "table";
    if (this.fleet) this.draw(this.fleet, this.opened);
  }

  sortBy(name) {
    this.sort = { by: name, falling: this.sort.by === name && !this.sort.falling };
    this.draw(this.fleet, this.opened);
  }

  draw(fleet, opened) {
    if (this.fleet && this.fleet.name !== fleet.name) byId("tiles").replaceChildren();
    this.fleet = fleet;
    this.opened = opened;
    write(byId("facilities-title"), `Facilities of ${fleet.name}`);
    write(byId("facilities-note"), note(fleet));
    byId("facilities").classList.toggle("stale", fleet.trouble !== "");
    if (this.shown === "grid") this.drawTiles(fleet, opened);
    else this.drawTable(fleet, opened);
  }

  drawTiles(fleet, opened) {
    byId("tiles").classList.toggle("crowded", fleet.facilities.length > CROWDED);
    keyed(
      byId("tiles"),
      fleet.facilities,
      (facility) => facility.id,
      (facility) =>
        el("button", { type: "button", class: "tile", onclick: () => this.open(facility.id) }, shape(facility.state), el("b"), el("span")),
      (tile, facility) => {
        const words = facility.silent ? `silent ${age(facility.at).replaceAll(" ", "").replace("min", "m")}` : facility.state;
        const name = `tile ${facility.state}${facility.silent ? " silent" : ""}`;
        if (tile.className !== name) tile.className = name;
        attribute(tile, "aria-pressed", facility.id === opened);
        attribute(tile, "data-state", facility.state);
        attribute(tile, "title", tileTitle(facility));
        reshape(tile.children[0], facility.state);
        write(tile.children[1], String(facility.id));
        write(tile.children[2], words);
      },
    );
  }

  drawTable(fleet, opened) {
    const column = COLUMNS.find((each) => each.name === this.sort.by);
    const order = this.sort.falling ? -1 : 1;
    const sorted = [...fleet.facilities].sort((a, b) => order * compare(column.rank(a), column.rank(b)) || a.id - b.id);
    this.titles.forEach((title, place) => {
      const sorting = COLUMNS[place].name === this.sort.by;
      attribute(title, "aria-sort", sorting ? (this.sort.falling ? "descending" : "ascending") : "none");
      title.hidden = COLUMNS[place].name === "pf" && !fleet.has_pf;
    });
    keyed(
      this.rows,
      sorted,
      (facility) => facility.id,
      (facility) =>
        el(
          "tr",
          { onclick: () => this.open(facility.id) },
          ...COLUMNS.map((each) =>
            el("td", { class: each.number ? "number" : null }, each.name === "state" ? shape(facility.state) : "", el("span")),
          ),
        ),
      (line, facility) => {
        line.classList.toggle("opened", facility.id === opened);
        line.classList.toggle("silent", facility.silent);
        COLUMNS.forEach((each, place) => {
          const cell = line.children[place];
          cell.hidden = each.name === "pf" && !fleet.has_pf;
          if (each.name === "state") reshape(cell.firstElementChild, facility.state);
          write(cell.lastElementChild, each.text(facility));
        });
      },
    );
  }
}

function compare(a, b) {
  if (a === b) return 0;
  // What is not known goes last, whatever the order of the rest.
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return a < b ? -1 : 1;
}

function note(fleet) {
  if (fleet.trouble && fleet.answered_at) return `no answer; values of ${clock(fleet.answered_at)}`;
  if (fleet.facilities.length === 0) return fleet.trouble ? "no answer" : "no grade in the last 24 hours";
  if (fleet.left_out) return `the worst ${count(fleet.facilities.length)}; ${count(fleet.left_out)} more are not listed`;
  return "click one for its last hours";
}

function tileTitle(facility) {
  const parts = [`Facility ${facility.id}: ${facility.state}`];
  if (facility.pf !== null) parts.push(`pf ${fixed(facility.pf, 3)}`);
  parts.push(`probability ${probability(facility.probability)}`, temperature(facility.temperature));
  parts.push(version(facility.model_version), `last grade at ${clock(facility.at)}`);
  return parts.join(", ");
}
