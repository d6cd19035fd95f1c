"use strict";

// Learning curves: a row of a fold's history is [step, loss, validation loss, validation UA], the last two null where
// what would validate trained as well.

function learningSection(report) {
  const folds = report.folds.filter((fold) => fold.history.length);
  const section = element("section", { id: "learning" }, element("h2", {}, "Learning"));
  if (!folds.length) {
    section.append(element("p", { class: "soft" }, "There is no learning curve: history.csv is not there."));
    return section;
  }
  const each = folds.length > 1 ? " One thin line is one fold." : "";
  const validated = folds.some((fold) => fold.history.some((row) => row[2] !== null));
  const kept =
    report.kept === "best"
      ? "The parameters of the step with the best validation UA are kept (ringed)."
      : "The parameters of the last step are kept (ringed); nothing is chosen.";
  section.append(
    element(
      "p",
      {},
      validated
        ? `The loss on what the network learns from, and on the validation utterances, which it does not. ${kept}${each}`
        : `The loss on what the network learns from. What would validate trained as well.${each}`,
    ),
    element(
      "div",
      { class: "pair" },
      element(
        "div",
        {},
        element("h3", {}, "Loss"),
        legend(["curve training", "training"], ...(validated ? [["curve validation", "validation"]] : [])),
        chart(lossInWords(folds), 260, (width, height) => lossCurves(folds, width, height)),
      ),
      ...(validated ? [validationUa(folds, report.validation_chance)] : []),
    ),
    numbers(
      ["fold", "step", "training loss", "validation loss", "validation UA"],
      folds.flatMap((fold) =>
        fold.history.map(([step, ...rest]) => [text(fold.name), String(step), ...rest.map((x) => (x === null ? "–" : fixed(x)))]),
      ),
    ),
  );
  return section;
}

function validationUa(folds, chance) {
  return element(
    "div",
    {},
    element("h3", {}, "Validation UA"),
    legend(["curve validation", "validation"], ...(chance === null ? [] : [["chance", "chance"]])),
    chart(uaInWords(folds), 260, (width, height) => uaCurves(folds, chance, width, height)),
  );
}

function lossCurves(folds, width, height) {
  const rows = folds.flatMap((fold) => fold.history);
  const highest = Math.max(...rows.flatMap(([, loss, validation]) => [loss, validation]));
  const { box, x, y, grid } = plane(rows, highest * 1.05 || 1, width, height);
  const lines = [
    ["training", 1],
    ["validation", 2],
  ].flatMap(([kind, column]) => curves(folds, kind, column, x, y));
  return [...grid, ...lines, ...marks(folds, box, x, (row) => y(row[2]))];
}

function uaCurves(folds, chance, width, height) {
  const rows = folds.flatMap((fold) => fold.history);
  const { box, x, y, grid } = plane(rows, 1, width, height);
  const lines = curves(folds, "validation", 3, x, y);
  const guess = chance === null ? [] : [line(box.left, y(chance), box.right, y(chance), "chance")];
  return [...grid, ...guess, ...lines, ...marks(folds, box, x, (row) => y(row[3]))];
}

function curves(folds, kind, column, x, y) {
  const thin = folds.length > 1 ? " thin" : "";
  return folds
    .map((fold) => fold.history.filter((row) => row[column] !== null).map((row) => [x(row[0]), y(row[column])]))
    .filter((points) => points.length)
    .map((points) => path(points, `curve ${kind}${thin}`));
}

function plane(rows, highest, width, height) {
  const box = { left: 38, right: width - 12, top: 10, bottom: height - 44 };
  const last = Math.max(...rows.map(([step]) => step));
  const x = scale([0, last], [box.left, box.right]);
  const y = scale([0, highest], [box.bottom, box.top]);
  const steps = ticks(0, last, width < 400 ? 4 : 6);
  const write = (v) => (Number.isInteger(v) ? String(v) : v.toFixed(highest < 0.5 ? 2 : 1));
  return { box, x, y, grid: axes(box, x, y, steps, ticks(0, highest, 5), "step", write) };
}

function bests(folds) {
  return folds
    .map((fold) => ({ fold, row: fold.history.find(([step]) => step === fold.best_step) }))
    .filter(({ row }) => row && row[2] !== null);
}

// A ring at each fold's best step; where there is one fold, with a line down to the step.
function marks(folds, box, x, height) {
  return bests(folds).flatMap(({ fold, row }) => {
    const title = `${fold.name}: step ${row[0]}, validation UA ${fixed(row[3])}`;
    const plumb = folds.length > 1 ? [] : [line(x(row[0]), height(row), x(row[0]), box.bottom, "best")];
    return [...plumb, dot(x(row[0]), height(row), 4, "ring", title)];
  });
}

function lossInWords(folds) {
  const of = (fold) => {
    const [first, last] = [fold.history[0], fold.history.at(-1)];
    const [training, validation] = [1, 2].map((i) => first[i] !== null && `${fixed(first[i])} to ${fixed(last[i])}`);
    return `${fold.name}: training ${training}${validation ? `, validation ${validation}` : ""}`;
  };
  return `Loss from the first to the last validation. ${folds.map(of).join("; ")}`;
}

function uaInWords(folds) {
  const of = ({ fold, row }) => `${fold.name}: ${fixed(row[3])} at step ${row[0]}`;
  return `Validation UA of the parameters that are kept. ${bests(folds).map(of).join("; ")}`;
}
