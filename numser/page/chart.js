"use strict";

// Pictures in SVG that are drawn anew when their width changes, so that their letters keep their size.

function chart(label, height, draw) {
  const holder = element("div", { class: "chart" });
  let drawn = 0;
  holder.style.height = `${height}px`;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width === drawn || width < 1) return;
    drawn = width;
    const shapes = draw(width, height);
    holder.replaceChildren(shape("svg", { role: "img", "aria-label": label, width, height }, ...shapes));
  }).observe(holder);
  return holder;
}

function line(x1, y1, x2, y2, kind) {
  return shape("line", { x1, y1, x2, y2, class: kind });
}

function words(x, y, content, kind = "", anchor = "start") {
  return shape("text", { x, y, class: kind, "text-anchor": anchor }, content);
}

// A line through points; what is not finite, such as a loss that overflowed, leaves a gap.
function path(points, kind) {
  let d = "";
  let pen = "M";
  for (const [x, y] of points) {
    const drawable = Number.isFinite(x) && Number.isFinite(y);
    if (drawable) d += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = drawable ? "L" : "M";
  }
  return shape("path", { d, class: kind });
}

function dot(x, y, r, kind, title) {
  return shape("circle", { cx: x, cy: y, r, class: kind }, shape("title", {}, title));
}

// Grid, numbers and names of two axes, inside `box` = {left, right, top, bottom}.
function axes(box, x, y, xTicks, yTicks, xName, write = String) {
  return [
    ...yTicks.flatMap((v) => [
      line(box.left, y(v), box.right, y(v), "grid"),
      words(box.left - 8, y(v) + 4, write(v), "tick", "end"),
    ]),
    ...xTicks.map((v) => words(x(v), box.bottom + 18, write(v), "tick", "middle")),
    words(box.right, box.bottom + 36, xName, "tick", "end"),
  ];
}

function legend(...entries) {
  const sample = (kind) => shape("svg", { width: 26, height: 10, "aria-hidden": "true" }, line(0, 5, 26, 5, kind));
  return element("p", { class: "legend" }, ...entries.map(([kind, name]) => element("span", {}, sample(kind), name)));
}

// The same as numbers, for whoever cannot see the picture, or wants them.
function numbers(head, rows) {
  const cells = (kind, row) => element("tr", {}, ...row.map((cell) => element(kind, {}, cell)));
  const table = element(
    "table",
    { class: "numbers" },
    element("thead", {}, cells("th", head)),
    element("tbody", {}, ...rows.map((row) => cells("td", row))),
  );
  return element("details", {}, element("summary", {}, "as numbers"), element("div", { class: "wide" }, table));
}
