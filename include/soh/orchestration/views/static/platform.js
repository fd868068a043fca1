// What keeps the grades coming: models, readers of Kafka, and banners that say what is wrong.

import { attribute, byId, el, keyed, reshape, shape, write } from "./dom.js";
import { goTo } from "./theme.js";
import { ago, clock, count, fixed, plural, version } from "./words.js";

const SHAPES = { error: "bad", warning: "attention", note: "note" };

const dagPath = (dag) => `/dags/${encodeURIComponent(dag)}`;

function dagButton(dag) {
  return el("button", {
    type: "button",
    class: "link",
    text: dag,
    onclick: (event) => {
      event.stopPropagation();
      goTo(dagPath(dag));
    },
  });
}

/** A banner for each notice; one that stays is the same element, so that it can be read and unfolded. */
export function drawNotices(notices) {
  keyed(
    byId("notices"),
    notices,
    (notice) => `${notice.severity} ${notice.dag_id} ${notice.what.replace(/[0-9]/g, "")}`,
    (notice) =>
      el(
        "div",
        { class: `notice ${notice.severity}`, role: notice.severity === "error" ? "alert" : null },
        shape(SHAPES[notice.severity]),
        el(
          "div",
          {},
          el("strong"),
          " ",
          el("span"),
          " ",
          notice.dag_id ? dagButton(notice.dag_id) : "",
          " ",
          el("details", {}, el("summary", { text: "details" }), el("code")),
        ),
      ),
    (banner, notice) => {
      const said = banner.lastElementChild;
      const details = said.lastElementChild;
      write(said.children[0], notice.what);
      write(said.children[1], notice.do);
      details.hidden = !notice.detail;
      write(details.lastElementChild, notice.detail);
    },
  );
}

/** One sentence that says whether somebody must act. */
export function drawSummary(notices, fleets, unreachable) {
  const errors = notices.filter((notice) => notice.severity === "error").length;
  const warnings = notices.filter((notice) => notice.severity === "warning").length;
  let [light, words] = ["good", "The platform is well"];
  if (unreachable) [light, words] = ["bad", unreachable];
  else if (errors) [light, words] = ["bad", `${plural(errors + warnings, "thing needs", "things need")} a hand`];
  else if (warnings) [light, words] = ["attention", `${plural(warnings, "thing", "things")} to look at`];
  const ill = fleets.flatMap((fleet) => ["danger", "warning"].filter((state) => fleet.states[state]).map((state) => [fleet, state]));
  const facilities = ill.map(([fleet, state]) => `${count(fleet.states[state])} of ${fleet.name} in ${state}`);
  const summary = byId("summary");
  if (!summary.querySelector("svg")) summary.replaceChildren(shape(light), el("b"), el("span"));
  reshape(summary.firstElementChild, light);
  write(summary.children[1], words);
  write(summary.children[2], unreachable ? "" : facilities.length ? facilities.join(", ") : "no facility in warning or danger");
}

export function drawModels(models) {
  keyed(
    byId("models"),
    models,
    (model) => model.fleet,
    (model) =>
      el(
        "article",
        { class: "model" },
        el("h3", {}, el("span", { text: model.fleet }), el("span", { class: "quiet small", text: model.model })),
        el("dl"),
        el("p", { class: "refused" }),
        el("details", {}, el("summary", { text: "last trainings" }), el("ol", { class: "plain-list" })),
      ),
    (card, model) => {
      const [, facts, refused, trainings] = card.children;
      card.classList.toggle("stale", model.in_use_asked.trouble !== "");
      keyed(facts, modelFacts(model), (fact) => fact.name, (fact) => el("div", {}, el("dt", { text: fact.name }), el("dd")), (row, fact) => {
        write(row.lastElementChild, fact.text);
        attribute(row, "title", fact.title);
      });
      refused.hidden = !model.refused;
      write(refused, model.refused ? `Refused ${model.refused}` : "");
      trainings.hidden = model.newest.length === 0;
      keyed(trainings.lastElementChild, model.newest, (each) => each.version, () => el("li", {}, el("b"), el("span")), (line, each) => {
        write(line.children[0], `v${each.version}, macro-F1 ${fixed(each.macro_f1, 3)}, ${ago(each.created_at)}`);
        write(line.children[1], each.reason);
      });
    },
  );
}

function modelFacts(model) {
  const { in_use: used, champion } = model;
  const facts = [];
  if (!used) facts.push({ name: "in use", text: model.in_use_asked.trouble ? "not known: HDFS does not answer" : "no batch graded yet" });
  else {
    const words = { rule: "the declared power-factor rule", none: "no model: everything is unknown" }[used.version];
    facts.push({ name: "in use", text: words ?? `version ${used.version}` });
    facts.push({ name: "since", text: ago(used.since), title: clock(used.since) });
    if (!words) facts.push({ name: "macro-F1", text: fixed(used.macro_f1, 3) });
  }
  if (model.registry_asked.trouble && !champion) facts.push({ name: "champion", text: "not known: the registry does not answer" });
  else if (!champion) facts.push({ name: "champion", text: "none yet" });
  else if (used && used.version === champion.version) facts.push({ name: "champion", text: "the same", title: champion.reason });
  else facts.push({ name: "champion", text: `version ${champion.version}, macro-F1 ${fixed(champion.macro_f1, 3)}`, title: champion.reason });
  return facts;
}

export function drawReaders(readers) {
  const box = byId("readers");
  if (!box.firstElementChild) {
    const titles = Object.entries({ Reader: null, State: "state", Unread: "number", "Last commit": "number", Dag: "wide" }).map(
      ([text, name]) => el("th", { scope: "col", class: name, text }),
    );
    box.append(el("table", {}, el("thead", {}, el("tr", {}, ...titles)), el("tbody")));
  }
  const bad = readers.filter((reader) => reader.light === "bad").length;
  write(byId("readers-note"), bad ? `${count(bad)} of ${count(readers.length)} in trouble` : `${count(readers.length)} readers of Kafka`);
  keyed(
    box.querySelector("tbody"),
    readers,
    (reader) => reader.name,
    (reader) =>
      el(
        "tr",
        {},
        el("td", { class: "name", title: reader.description, text: reader.name }),
        el("td", {}, el("span", { class: "light" }, shape(reader.light), el("span")), el("span", { class: "reason small" })),
        el("td", { class: "number" }),
        el("td", { class: "number" }),
        el("td", { class: "wide quiet" }, reader.dag_id ? dagButton(reader.dag_id) : reader.kind),
      ),
    (line, reader) => {
      const [, state, lag, commit] = line.children;
      if (line.className !== reader.light) line.className = reader.light;
      reshape(state.firstElementChild.firstElementChild, reader.light);
      write(state.firstElementChild.lastElementChild, reader.state);
      write(state.lastElementChild, reader.light === "good" ? "" : reader.trouble ? "no answer; see above" : reader.reason);
      attribute(state, "title", reader.reason);
      write(lag, reader.lag === null ? "–" : count(reader.lag));
      write(commit, reader.kind === "stream" ? ago(reader.last_commit_at) : "");
      attribute(commit, "title", reader.last_commit_at ? clock(reader.last_commit_at) : null);
    },
  );
}
