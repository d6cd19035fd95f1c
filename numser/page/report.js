"use strict";

// The page of a report, from top to bottom.

function reportPage(report) {
  const utterances = new Utterances(report);
  const show = (wanted) => utterances.show(wanted);
  const sections = [
    scoresSection(report),
    learningSection(report),
    confusionSection(report, show),
    speakersSection(report, show),
    calibrationSection(report),
    utterances.section(),
    aboutSection(report),
  ];
  return [header(report), ...sections];
}

function header(report) {
  const names = ["learning", "confusion", "speakers", "calibration", "utterances", "about"];
  const links = names.map((name) => element("a", { href: `#${name}` }, name));
  return element(
    "header",
    {},
    element("h1", {}, text(report.title)),
    unfinished(report),
    madeUp(report),
    element("nav", { "aria-label": "Sections" }, ...links),
  );
}

function unfinished(report) {
  const ended = report.folds.filter((fold) => fold.ended).length;
  const all = report.planned ?? report.folds.length;
  if (!report.crossvalidation || (ended === all && report.planned !== null)) return null;
  const known = `${ended} of ${report.planned === null ? `the ${all} folds in this folder` : `${all} folds`}`;
  return element("p", { class: "notice" }, `${known} have ended. All figures are of these.`);
}

function madeUp(report) {
  if (!report.made_up) return null;
  const why = "Made-up speech: a program spoke these sentences. How well it is recognised says nothing about people.";
  return element("p", { class: "notice" }, why);
}

function aboutSection(report) {
  const facts = report.about.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, text(value))]);
  const recordings = report.audible
    ? "The recordings are inside this file: share it only as their licence allows. "
    : "This file was made without sound. ";
  return element(
    "section",
    { id: "about" },
    element("h2", {}, "About this run"),
    element("dl", { class: "facts" }, ...facts),
    element(
      "p",
      { class: "soft" },
      recordings,
      "What the network says are guesses about how a voice sounds, not about what a person feels.",
    ),
  );
}

document.getElementById("page").replaceChildren(...reportPage(data("data")));
