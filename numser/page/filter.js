"use strict";

// Which utterances are listed, and in which order: a form, and what it lets through.

function filterForm(report, status, change) {
  const numbered = (names) => names.map((name, i) => [i, name]);
  const levels = [...new Set(report.utterances.map((u) => u.difficulty))].sort();
  const ended = numbered(report.folds.map((fold) => fold.name)).filter(([i]) => report.folds[i].ended);
  const choices = [
    ["truth", "spoken", numbered(report.labels)],
    ["predicted", "recognised as", numbered(report.labels)],
    ["speaker", "speaker", numbered(report.speakers.map((s) => s.name))],
    ["difficulty", "difficulty", levels.map((level) => [level, LEVELS[level]])],
    ["fold", "fold", foldsMatter(report) ? ended : []],
  ].map(([name, title, options]) => selection(name, title, [["", "all"], ...options], change, options.length < 2));
  const orders = Object.entries(ORDERS).map(([value, [title]]) => [value, title]);
  const all = () => {
    form.reset();
    change();
  };
  const name = { type: "search", name: "name", autocomplete: "off", size: 7, input: change };
  const mistakes = { type: "checkbox", name: "mistakes", autocomplete: "off", change };
  const form = element(
    "form",
    { class: "filter", "aria-label": "Which utterances", submit: (event) => event.preventDefault() },
    ...choices,
    selection("order", "order", orders, change),
    element("label", {}, "name", element("input", name)),
    element("label", { class: "tick" }, element("input", mistakes), "mistakes only"),
    element("div", { class: "found" }, status, element("button", { type: "button", click: all }, "show all")),
  );
  return form;
}

function selection(name, title, options, change, hidden = false) {
  const list = options.map(([value, content]) => element("option", { value }, content));
  return element("label", { hidden }, title, element("select", { name, autocomplete: "off", change }, ...list));
}

function filterOf(form) {
  const value = (name) => form.elements[name].value;
  const same = (name, found) => value(name) === "" || value(name) === String(found);
  const sought = value("name").trim().toLowerCase();
  const mistakes = form.elements.mistakes.checked;
  const lets = (utterance, prediction) =>
    same("truth", utterance.truth) &&
    same("speaker", utterance.speaker) &&
    same("difficulty", utterance.difficulty) &&
    same("predicted", prediction.predicted) &&
    same("fold", prediction.fold) &&
    !(mistakes && isRight(utterance, prediction)) &&
    utterance.name.toLowerCase().includes(sought);
  return { lets, order: value("order") };
}
