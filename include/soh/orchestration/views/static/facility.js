// One facility: its last grade in words, and charts of its last hours.

import { Charts } from "./charts.js";
import { attribute, byId, el, keyed, reshape, shape, write } from "./dom.js";
import { ago, clock, pf, probability, temperature, version } from "./words.js";

export const SPANS = { "1h": "1 h", "6h": "6 h", "24h": "24 h" };

/** The panel beside the facilities; `ask` fetches a path of the page's API. */
export class Facility {
  constructor(ask, changed) {
    this.ask = ask;
    this.charts = new Charts(byId("charts"));
    this.trouble = el("p", { class: "notice warning", hidden: true });
    byId("charts").before(this.trouble);
    for (const [span, words] of Object.entries(SPANS)) {
      byId("spans").append(el("button", { type: "button", "data-span": span, text: words, onclick: () => changed({ span }) }));
    }
    byId("close").addEventListener("click", () => changed({ facility: null }));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.id !== null) changed({ facility: null });
    });
    this.id = null;
  }

  /** Show facility `id` of `fleet`, or close the panel when it is null. */
  async draw(fleet, id, span) {
    const another = this.id !== id || this.span !== span || this.fleet !== fleet.name;
    Object.assign(this, { id, span, fleet: fleet.name });
    byId("facility").hidden = id === null;
    byId("board").classList.toggle("split", id !== null);
    if (id === null) return;
    write(byId("facility-title"), `Facility ${id}`);
    for (const button of byId("spans").children) attribute(button, "aria-pressed", button.dataset.span === span);
    this.drawNow(fleet, fleet.facilities.find((facility) => facility.id === id));
    if (another) this.charts.clear();
    let history;
    try {
      history = await this.ask(`api/fleets/${encodeURIComponent(fleet.name)}/facilities/${id}?span=${span}`);
    } catch {
      // The page says already that Airflow does not answer; the charts stay as they are.
      return;
    }
    if (this.id !== id || this.span !== span || this.fleet !== fleet.name) return;
    byId("facility").classList.toggle("stale", history.trouble !== "");
    const nothing = history.points.length === 0 ? "It has no grade in this time." : "";
    this.trouble.hidden = !history.trouble && !nothing;
    write(this.trouble, history.trouble ? `InfluxDB does not answer; these are the hours as last known. ${history.trouble}` : nothing);
    this.charts.update(history, fleet);
  }

  drawNow(fleet, facility) {
    const items = facility
      ? [
          { name: "state", text: facility.state },
          fleet.has_pf && { name: "power factor", text: pf(facility.pf) },
          { name: "probability", text: probability(facility.probability) },
          { name: "temperature", text: temperature(facility.temperature) },
          { name: "model", text: version(facility.model_version) },
          { name: "last grade", text: ago(facility.at), title: clock(facility.at) },
        ].filter(Boolean)
      : [{ name: "state", text: "no grade in the last 24 hours" }];
    keyed(
      byId("facility-now"),
      items,
      (item) => item.name,
      (item) => el("div", {}, el("span", { class: "quiet small", text: item.name }), el("b")),
      (box, item) => {
        const value = box.lastElementChild;
        if (item.name === "state" && facility) {
          if (!value.querySelector("svg")) value.replaceChildren(shape(facility.state), el("span"));
          reshape(value.firstElementChild, facility.state);
          write(value.lastElementChild, item.text);
        } else write(value, item.text);
        attribute(box, "title", item.title);
      },
    );
  }
}
