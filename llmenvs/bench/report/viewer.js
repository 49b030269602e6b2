"use strict";
// The list of episodes, its filters, and the keys. Only the rows in sight are in the document.

const ROW_HEIGHT = 58;  // pixels, as in the style
const MARGIN_ROWS = 8;
const ORDERS = {
  "as played": null,
  "lowest reward first": (one, other) => one.reward - other.reward,
  "highest reward first": (one, other) => other.reward - one.reward,
  "most turns first": (one, other) => other.turn_rewards.length - one.turn_rewards.length,
};

const data = JSON.parse(document.getElementById("data").textContent);
const dom = Object.fromEntries(["list", "rows", "detail", "filters", "count", "help", "help-button"]
  .map((id) => [id, document.getElementById(id)]));
const state = {shown: [], selected: 0, turn: -1, query: "", lowered: null, frame: 0};

function fillChoices() {
  const seen = (values) => [...new Set(values)].filter(Boolean).sort();
  const choices = {
    outcome: ["solved", "failed", "invalid"].filter(
      (name) => data.episodes.some((episode) => episode.outcome === name)),
    failure: seen(data.episodes.flatMap((episode) => episode.failures)),
    env: seen(data.episodes.map((episode) => episode.env)),
    category: seen(data.episodes.map((episode) => episode.category)),
  };
  for (const [name, values] of Object.entries(choices)) {
    const select = dom.filters.elements[name];
    select.append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
    select.closest("label").hidden = values.length < 2 && name !== "outcome";
  }
  dom.filters.elements.order.append(...Object.keys(ORDERS).map((name) => new Option(name, name)));
}

function applyFilters() {
  const form = dom.filters.elements;
  const before = state.shown[state.selected];
  state.query = form.text.value.toLowerCase();
  const found = textsWith(state.query);
  state.shown = data.episodes.filter((episode) =>
    (!form.outcome.value || episode.outcome === form.outcome.value)
    && (!form.failure.value || episode.failures.includes(form.failure.value))
    && (!form.env.value || episode.env === form.env.value)
    && (!form.category.value || episode.category === form.category.value)
    && (!found || holds(episode, found)));
  const order = ORDERS[form.order.value];
  if (order) state.shown = [...state.shown].sort(order);
  dom.count.value = state.shown.length.toLocaleString("en") + " of "
    + data.episodes.length.toLocaleString("en") + " episodes";
  dom.rows.style.height = state.shown.length * ROW_HEIGHT + "px";
  select(Math.max(0, state.shown.indexOf(before)));
}

function textsWith(query) {
  if (!query) return null;
  state.lowered ??= data.texts.map((text) => text.toLowerCase());
  return state.lowered.map((text) => text.includes(query));
}

function holds(episode, found) {
  return episode.segments.some(([, text]) => found[text])
    || episode.task.toLowerCase().includes(state.query)
    || (episode.reason || "").toLowerCase().includes(state.query);
}

function select(index) {
  const count = state.shown.length;
  state.selected = Math.min(Math.max(index, 0), Math.max(count - 1, 0));
  const top = state.selected * ROW_HEIGHT;
  const {scrollTop, clientHeight} = dom.list;
  if (top < scrollTop) dom.list.scrollTop = top;
  else if (top + ROW_HEIGHT > scrollTop + clientHeight) {
    dom.list.scrollTop = top + ROW_HEIGHT - clientHeight;
  }
  drawRows();
  const episode = state.shown[state.selected];
  showEpisode(episode);
  if (episode) history.replaceState(null, "", "#episode=" + encodeURIComponent(episode.key));
}

function drawRows() {
  const first = Math.max(0, Math.floor(dom.list.scrollTop / ROW_HEIGHT) - MARGIN_ROWS);
  const last = Math.ceil((dom.list.scrollTop + dom.list.clientHeight) / ROW_HEIGHT) + MARGIN_ROWS;
  dom.rows.replaceChildren(
    ...state.shown.slice(first, last).map((episode, offset) => rowOf(episode, first + offset)));
  if (state.shown.length) dom.list.setAttribute("aria-activedescendant", "row-" + state.selected);
  else dom.list.removeAttribute("aria-activedescendant");
}

function rowOf(episode, index) {
  const sign = element("span", "sign " + episode.outcome, SIGNS[episode.outcome]);
  sign.setAttribute("aria-label", episode.outcome);
  const note = number(episode.reward) + " · " + (episode.failures[0] || episode.reason || "");
  const row = element("div", "row", sign, element("span", "name", ...textNodes(episode.task)),
    element("span", "note", ...textNodes(note)));
  row.id = "row-" + index;
  row.style.top = index * ROW_HEIGHT + "px";
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", String(index === state.selected));
  row.setAttribute("aria-posinset", index + 1);
  row.setAttribute("aria-setsize", state.shown.length);
  row.addEventListener("click", () => select(index));
  return row;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || dom.help.open) return;
  if (event.target.matches("input, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const inList = event.target === dom.list;
  const actions = {
    j: () => select(state.selected + 1),
    k: () => select(state.selected - 1),
    ArrowDown: inList && (() => select(state.selected + 1)),
    ArrowUp: inList && (() => select(state.selected - 1)),
    Home: inList && (() => select(0)),
    End: inList && (() => select(state.shown.length - 1)),
    ArrowRight: () => stepTurn(1),
    ArrowLeft: () => stepTurn(-1),
    "/": () => dom.filters.elements.text.focus(),
    "?": () => dom.help.showModal(),
  };
  if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  }
}

function openLinked() {
  const wanted = decodeURIComponent(location.hash.replace(/^#episode=/, ""));
  const index = state.shown.findIndex((episode) => episode.key === wanted);
  if (index >= 0) {
    select(index);
    document.getElementById("transcripts").scrollIntoView();
  }
}

function soon(draw) {
  cancelAnimationFrame(state.frame);
  state.frame = requestAnimationFrame(draw);
}

fillChoices();
const linked = location.hash;
applyFilters();
if (linked) {
  history.replaceState(null, "", linked);
  openLinked();
}
dom.filters.addEventListener("submit", (event) => event.preventDefault());
dom.filters.addEventListener("input", () => soon(applyFilters));
dom.list.addEventListener("scroll", () => soon(drawRows));
dom["help-button"].addEventListener("click", () => dom.help.showModal());
window.addEventListener("resize", () => soon(drawRows));
window.addEventListener("hashchange", openLinked);
document.addEventListener("keydown", onKey);
