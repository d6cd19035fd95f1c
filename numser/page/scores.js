"use strict";

// The headline: UA, WA and F1, chance, their intervals, and how far folds lie apart.

const SCORES = [
  ["ua", "UA", "unweighted accuracy: the mean of the emotions' recalls"],
  ["wa", "WA", "weighted accuracy: the share of all utterances that was recognised"],
  ["f1", "F1", "macro F1: precision and recall together, the mean over emotions"],
];

function scoresSection(report) {
  const figures = SCORES.map(([key, name, meaning]) => {
    const { mean, sd } = report.scores[key];
    const [low, high] = report.intervals[key];
    const spread = sd === null ? null : element("span", { class: "spread" }, `± ${fixed(sd)}`);
    return element(
      "div",
      { class: "figure" },
      element("dt", {}, name),
      element("dd", {}, element("strong", {}, fixed(mean)), spread),
      element("dd", {}, "95\u00a0% interval: ", fixed(low), " to ", fixed(high)),
      element("dd", { class: "soft" }, meaning),
    );
  });
  return element(
    "section",
    { id: "scores", "aria-label": "Scores" },
    element("dl", { class: "figures" }, ...figures),
    element("p", {}, ...sentences(report)),
    ...report.remarks.map((remark) => element("p", { class: "remark" }, text(remark))),
    chart(described(report), 150, (width) => strips(report, width)),
    report.crossvalidation ? foldTable(report) : null,
  );
}

function sentences(report) {
  const ended = report.folds.filter((fold) => fold.ended).length;
  const spread = ended > 1 ? `Each figure is the mean of ${ended} folds, ± their standard deviation. ` : "";
  const anew = report.ua_interval_holds_runs ? " and the network trained anew" : "";
  const mean = ended > 1 ? "the mean UA" : "UA";
  return [
    `Tested on ${count(report.tested, "utterance")}. ${spread}Always the same answer would have UA `,
    element("b", {}, fixed(report.chance)),
    ` (chance). Were other recordings of the same kind tested${anew}, ${mean} should lie between `,
    between(report.intervals.ua),
    ` (95 % interval, by drawing these recordings anew${anew ? ", and by how these runs differ" : ""}).`,
    ...(report.ua_interval_speakers === null
      ? []
      : [` With other people it should lie between `, between(report.ua_interval_speakers), ` (95 % interval, by how these speakers differ).`]),
  ];
}

function between(interval) {
  return element("b", {}, interval.map((x) => fixed(x)).join(" and "));
}

function described(report) {
  const means = SCORES.map(([key, name]) => {
    const [low, high] = report.intervals[key].map((x) => fixed(x));
    return `${name} ${fixed(report.scores[key].mean)}, 95 % interval ${low} to ${high}`;
  });
  return `${means.join("; ")}; UA by chance ${fixed(report.chance)}`;
}

function strips(report, width) {
  const box = { left: 36, right: width - 14, top: 8, bottom: 112 };
  const x = scale([0, 1], [box.left, box.right]);
  const ended = report.folds.filter((fold) => fold.ended);
  const chance = x(report.chance);
  const shapes = ticks(0, 1, width < 500 ? 5 : 10).flatMap((v) => [
    line(x(v), box.top, x(v), box.bottom, "grid"),
    words(x(v), box.bottom + 18, v.toFixed(1), "tick", "middle"),
  ]);
  shapes.push(
    line(chance, box.top, chance, box.top + 38, "chance"), // it is UA's alone
    chance < box.right - 50
      ? words(chance + 5, box.top + 8, "chance", "tick")
      : words(chance - 5, box.top + 8, "chance", "tick", "end"),
  );
  SCORES.forEach(([key, name], i) => {
    const y = box.top + 22 + i * 33;
    const { mean } = report.scores[key];
    shapes.push(words(0, y + 5, name, "name"));
    const [low, high] = report.intervals[key];
    shapes.push(shape("rect", { x: x(low), y: y - 9, width: x(high) - x(low), height: 18, rx: 4, class: "interval" }));
    if (ended.length > 1) {
      shapes.push(...ended.map((f) => dot(x(f[key]), y, 5, "fold", `${f.name}: ${fixed(f[key])}`)));
    }
    shapes.push(line(x(mean), y - 12, x(mean), y + 12, "mean"));
  });
  const key = ended.length > 1 ? "dot: a fold; line: their mean; " : "line: the score; ";
  shapes.push(words(box.right, box.bottom + 36, `${key}bar: 95 % interval`, "tick", "end"));
  return shapes;
}

function foldTable(report) {
  const head = ["fold", "tested on", "UA", "WA", "F1", "step kept", "validation UA", "minutes"];
  const rows = report.folds.map((fold) => {
    if (!fold.ended) {
      const step = fold.history.length ? fold.history.at(-1)[0] : 0;
      const state = `not ended: step ${step} of ${fold.steps}`;
      return element(
        "tr",
        { class: "soft" },
        element("th", { scope: "row" }, text(fold.name)),
        element("td", { colspan: head.length - 1, class: "state" }, state),
      );
    }
    const cells = [fold.tested, fixed(fold.ua), fixed(fold.wa), fixed(fold.f1), fold.best_step];
    cells.push(fold.best_validation_ua === null ? "–" : fixed(fold.best_validation_ua), fixed(fold.seconds / 60, 1));
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, text(fold.name)),
      ...cells.map((cell) => element("td", {}, String(cell))),
    );
  });
  const heads = head.map((name) => element("th", { scope: "col" }, name));
  return region("Folds", "numbers", element("tr", {}, ...heads), rows);
}
