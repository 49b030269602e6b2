"use strict";
// One episode: its verdict, the calls beside those that were wanted, and who wrote what.

const SIGNS = {solved: "✓", failed: "✗", invalid: "?"};
const CALL_SIGNS = {same: "=", different: "≠", missing: "−", extra: "+"};
const CALL_WORDS = {same: "the same", different: "different", missing: "missing", extra: "not wanted"};

function showEpisode(episode) {
  if (!episode) {
    dom.detail.replaceChildren(element("p", "none", "No episode fits these filters."));
    return;
  }
  dom.detail.replaceChildren(
    titleOf(episode), factsOf(episode), verdictOf(episode), ...callsOf(episode),
    ...segmentsOf(episode));
  dom.detail.scrollTop = 0;
  state.turn = -1;
  highlight(state.query);
}

function titleOf(episode) {
  const chip = element("span", "chip " + episode.outcome,
    SIGNS[episode.outcome] + " " + episode.outcome);
  const failures = episode.failures.map((name) => element("span", "chip plain", name));
  return element("div", "title", element("h3", "", ...textNodes(episode.task)), chip, ...failures);
}

function factsOf(episode) {
  const facts = [
    episode.env, "episode " + episode.episode,
    episode.sample === null ? "" : "sample " + episode.sample, episode.category,
    episode.difficulty && "difficulty " + episode.difficulty, "reward " + number(episode.reward),
    plural(episode.turn_rewards.length, "turn"), plural(episode.generated, "generated token"),
    "ended: " + episode.stop,
  ];
  return element("p", "facts", ...textNodes(facts.filter(Boolean).join(" · ")));
}

function verdictOf(episode) {
  const box = element("div", "verdict " + episode.outcome);
  for (const [label, text] of [["", episode.reason], ["Error: ", episode.error],
    ["Read: ", episode.extracted], ["Target: ", episode.target], ["Cannot be read: ", episode.problems.join("; ")]]) {
    if (text) box.append(element("p", "", label, ...textNodes(text)));
  }
  const parts = element("div", "parts");
  for (const [name, value] of Object.entries(episode.parts)) {
    const meter = element("meter");
    meter.max = Math.max(1, value);
    meter.value = value;
    meter.setAttribute("aria-hidden", "true");
    parts.append(element("span", "", name), meter, element("span", "", number(value)));
  }
  box.append(parts);
  return box;
}

function callsOf(episode) {
  if (!episode.calls.length) return [];
  const head = element("tr", "", ...["", "wanted", "called"].map((word) => element("th", "", word)));
  const body = element("tbody");
  for (const call of episode.calls) {
    body.append(callRow("call " + call.state, call.state, call.wanted, call.called));
    for (const [name, state, wanted, called] of call.parameters) {
      body.append(callRow(state, state, wanted && "  " + name + " = " + wanted,
        called && "  " + name + " = " + called));
    }
  }
  const table = element("table", "calls", element("thead", "", head), body);
  return [element("h3", "", "Calls"), table];
}

function callRow(className, state, wanted, called) {
  const mark = element("td", "mark", CALL_SIGNS[state]);
  mark.title = CALL_WORDS[state];
  mark.setAttribute("aria-label", CALL_WORDS[state]);
  return element("tr", className, mark, element("td", "", ...textNodes(wanted || "")),
    element("td", "", ...textNodes(called || "")));
}

function segmentsOf(episode) {
  return episode.segments.map(([who, text, turn, tokens]) => {
    const isPolicy = who === "policy";
    const label = isPolicy ? "policy · turn " + (turn + 1) : who;
    const heading = element("h4", "", ...textNodes(label));
    if (!isPolicy && tokens) {
      heading.append(element("span", "", plural(tokens, "token") + ", masked"));
    }
    if (isPolicy) {
      heading.append(element("span", "", "generated, " + plural(tokens, "token")));
      heading.append(element("span", "", "reward " + number(episode.turn_rewards[turn] ?? 0)));
    }
    const section = element("section", "segment " + (isPolicy ? "policy" : "world"), heading,
      ...preformatted(data.texts[text], who === "prompt" ? SHOWN_OF_PROMPT : SHOWN_AT_FIRST));
    if (isPolicy) section.dataset.turn = turn;
    return section;
  });
}

function stepTurn(by) {
  const turns = [...dom.detail.querySelectorAll(".segment.policy")];
  if (!turns.length) return;
  state.turn = Math.min(Math.max(state.turn + by, 0), turns.length - 1);
  turns.forEach((turn, index) => turn.classList.toggle("current", index === state.turn));
  turns[state.turn].scrollIntoView({block: "nearest"});
}

function number(value) {
  return value === null ? "unknown" : String(Math.round(value * 10000) / 10000);
}

function plural(count, noun) {
  if (count === null) return "";
  return count.toLocaleString("en") + " " + noun + (count === 1 ? "" : "s");
}
