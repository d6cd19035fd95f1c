"use strict";

// Shares of a whole as bars, each beside its number.

function bar(share) {
  const full = element("i", { "aria-hidden": "true" }, element("b"));
  full.firstChild.style.width = `${100 * share}%`;
  return full;
}

function labelledBar(label, share, number, kind = null) {
  return element("li", { class: kind }, text(label), bar(share), element("span", {}, number));
}
