"use strict";
// What a policy or an environment wrote, as nodes: never as markup.

// Controls that change how text reads, or do not show, are shown as what they are; so are halves of
// surrogate pairs.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
// Characters: a browser lays out no megabyte for one glance, and most prompts are read once.
const SHOWN_AT_FIRST = 20000;
const SHOWN_OF_PROMPT = 700;

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function textNodes(text) {
  const nodes = [];
  let start = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > start) nodes.push(document.createTextNode(text.slice(start, match.index)));
    const code = match[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(element("span", "mark-char", "U+" + code));
    start = match.index + match[0].length;
  }
  nodes.push(document.createTextNode(text.slice(start)));
  return nodes;
}

function preformatted(text, limit) {
  const query = state.query;
  // What is searched for is shown; so is what would be hardly shorter when cut.
  const at = query ? text.toLowerCase().indexOf(query) : -1;
  const shown = text.length < 1.5 * limit ? text.length : Math.max(limit, at < 0 ? 0 : at + limit);
  const block = element("pre", "", ...textNodes(text.slice(0, shown)));
  if (text.length <= shown) return [block];
  block.append("…");
  const rest = (text.length - shown).toLocaleString("en");
  const button = element("button", "", "Show " + rest + " more characters");
  button.type = "button";
  button.addEventListener("click", () => {
    block.lastChild.remove();
    block.append(...textNodes(text.slice(shown)));
    button.remove();
    highlight(state.query);
  });
  return [block, button];
}

function highlight(query) {
  if (!window.Highlight || !CSS.highlights) return;
  CSS.highlights.delete("found");
  if (!query) return;
  const ranges = [];
  const walker = document.createTreeWalker(dom.detail, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && ranges.length < 2000; node = walker.nextNode()) {
    const text = node.data.toLowerCase();
    for (let at = text.indexOf(query); at >= 0; at = text.indexOf(query, at + query.length)) {
      if (at + query.length > node.data.length) break;  // lower case may be longer
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + query.length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}
