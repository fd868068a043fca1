// The page: asks every five seconds, and shows what it is told.

import { byId, write } from "./dom.js";
import { Facilities, drawFleets } from "./fleets.js";
import { Facility, SPANS } from "./facility.js";
import { drawModels, drawNotices, drawReaders, drawSummary } from "./platform.js";
import { followTheme } from "./theme.js";
import { age, clock, serverTime } from "./words.js";

const EVERY = 5000;
const PATIENCE = 15000;

/** What is looked at; kept in the address, so that a reload and a shared link show the same. */
const chosen = { fleet: null, facility: null, span: "1h", ...fromAddress() };
let last = null;
let unreachable = "";
let asking = false;

async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE), headers: { Accept: "application/json" } });
  if (response.status === 401 || response.status === 403) throw new Error("signed out");
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

const facility = new Facility(ask, choose);
const facilities = new Facilities((id) => choose({ facility: id === chosen.facility ? null : id }));

function choose(change) {
  const opening = change.facility !== undefined && change.facility !== null;
  Object.assign(chosen, change);
  const address = [chosen.fleet, ...(chosen.facility === null ? [] : [chosen.facility, chosen.span])];
  history.replaceState(null, "", `#${address.map(encodeURIComponent).join("/")}`);
  if (last) draw();
  const panel = byId("facility");
  if (opening && panel.getBoundingClientRect().top > window.innerHeight - 120) panel.scrollIntoView({ block: "start", behavior: "smooth" });
}

function fromAddress() {
  const [fleet, id, span] = location.hash.slice(1).split("/").map(decodeURIComponent);
  const found = {};
  if (fleet) found.fleet = fleet;
  if (/^[0-9]{1,15}$/.test(id ?? "")) found.facility = Number(id);
  if (span in SPANS) found.span = span;
  return found;
}

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    last = await ask("api/overview");
    unreachable = "";
    serverTime(last.at);
  } catch (error) {
    unreachable =
      error.message === "signed out"
        ? "You are signed out, or may not see plugins: reload Airflow to sign in"
        : "Airflow does not answer: this page goes on trying";
  } finally {
    asking = false;
  }
  document.body.classList.toggle("unreachable", unreachable !== "");
  if (last) draw();
  else drawSummary([], [], unreachable || "Asking the servers …");
}

function draw() {
  const fleet = last.fleets.find((each) => each.name === chosen.fleet) ?? last.fleets[0];
  if (chosen.fleet !== fleet.name) Object.assign(chosen, { fleet: fleet.name });
  byId("main").hidden = false;
  drawSummary(last.notices, last.fleets, unreachable);
  drawNotices(last.notices);
  drawFleets(last.fleets, fleet.name, (name) => name !== chosen.fleet && choose({ fleet: name, facility: null }));
  facilities.draw(fleet, chosen.facility);
  facility.draw(fleet, chosen.facility, chosen.span);
  drawModels(last.models);
  drawReaders(last.readers);
}

function drawClock() {
  if (last) write(byId("updated"), unreachable ? `last answer at ${clock(last.at)}, ${age(last.at)} ago` : `as of ${clock(last.at)}`);
}

followTheme();
refresh();
setInterval(() => document.hidden || refresh(), EVERY);
setInterval(drawClock, 1000);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
