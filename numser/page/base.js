"use strict";

// What every page needs: elements, numbers and data. Text becomes text nodes, never markup, whatever it holds.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  return furnished(document.createElement(name), attributes, children);
}

function shape(name, attributes = {}, ...children) {
  return furnished(document.createElementNS(SVG, name), attributes, children);
}

// A function is what to do at the event of its key's name; null and false leave an attribute out.
function furnished(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

// A piece of text that is not ours, such as a label: it keeps its own direction of writing.
function text(content) {
  return element("span", { class: "text", title: content }, content); // which a narrow place may cut
}

function data(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function fixed(number, digits = 3) {
  return number === null ? "–" : number.toFixed(digits);
}

function percent(share) {
  return `${Math.round(100 * share)}\u00a0%`;
}

function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

function scale([from, to], [start, end]) {
  return (value) => start + ((value - from) / (to - from || 1)) * (end - start);
}

// Round numbers from `low` to `high`, about so many.
function ticks(low, high, about) {
  const rough = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const marks = Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => (first + i) * step);
  return marks.map((mark) => Number(mark.toPrecision(10)));
}
