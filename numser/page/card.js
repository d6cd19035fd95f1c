"use strict";

// One utterance: what was spoken, what it was taken for and how surely, its sound, its log-mel, and the attention.

const LEVELS = { A: "easy (A)", B: "medium (B)", C: "hard (C)" };

// Put what there is to see into an article, and return its parts. `on` = {play, seek, fold}, called with what to do.
function fillCard(article, report, index, chosen, on) {
  const utterance = report.utterances[index];
  const prediction = utterance.predictions[chosen];
  const sound = utterance.absent === null ? data(`sound-${index}`) : null;
  const end = prediction.attention ? prediction.attention.last + 0.03 : null;
  const parts = {
    seconds: utterance.seconds ?? end,
    attention: prediction.attention,
    syllables: utterance.syllables,
    picture: sound ? bytes(sound.log_mel) : null,
    canvas: null,
    cursor: element("div", { class: "cursor", hidden: true }),
    play: sound && sound.sound ? playButton(utterance.name, on.play) : null,
    time: element("span", { class: "time soft" }, sound ? `${fixed(utterance.seconds, 2)} s` : ""),
  };
  const words = inWords(report, utterance, prediction);
  article.setAttribute("aria-label", words);
  article.replaceChildren(
    element(
      "div",
      { class: "what" },
      element("div", { class: "head" }, parts.play, element("b", {}, text(utterance.name)), parts.time),
      element("p", { class: "verdict", title: words }, ...verdict(report, utterance, prediction)),
      about(report, utterance),
      foldsMatter(report) ? folds(report, utterance, chosen, on) : null,
      probabilities(report, utterance, prediction),
    ),
    element("div", { class: "seen" }, ...seen(utterance, parts, on)),
  );
  return parts;
}

function isRight(utterance, prediction) {
  return prediction.predicted === utterance.truth;
}

function confidence(prediction) {
  return prediction.probabilities[prediction.predicted];
}

function inWords(report, utterance, prediction) {
  const [truth, taken] = [report.labels[utterance.truth], report.labels[prediction.predicted]];
  const what = isRight(utterance, prediction) ? `${truth}, recognised` : `${truth}, taken for ${taken}`;
  return `${utterance.name}: ${what}, ${percent(confidence(prediction))}`;
}

function verdict(report, utterance, prediction) {
  const [truth, taken] = [report.labels[utterance.truth], report.labels[prediction.predicted]];
  if (isRight(utterance, prediction)) return ["✓ ", text(truth)];
  return [element("span", { class: "mistake" }, "✗ ", text(truth), " taken for ", text(taken))];
}

function about(report, utterance) {
  const facts = [];
  if (utterance.speaker !== null) facts.push("speaker ", text(report.speakers[utterance.speaker].name), " · ");
  facts.push(LEVELS[utterance.difficulty]);
  return element("p", { class: "about soft" }, ...facts);
}

// Where each fold is a speaker, to say both would be to say it twice.
function foldsMatter(report) {
  const speakers = new Set(report.speakers.map((speaker) => `speaker${speaker.name}`));
  return report.crossvalidation && !report.folds.every((fold) => speakers.has(fold.name) || !fold.ended);
}

function folds(report, utterance, chosen, on) {
  const [first] = utterance.predictions;
  const named = text(report.folds[first.fold].name);
  if (utterance.predictions.length === 1) return element("p", { class: "about soft" }, named);
  const options = utterance.predictions.map((prediction, i) => {
    const mark = isRight(utterance, prediction) ? "✓" : "✗";
    const taken = `${report.labels[prediction.predicted]} ${percent(confidence(prediction))}`;
    const name = `${report.folds[prediction.fold].name}: ${mark} ${taken}`;
    return element("option", { value: i, selected: i === chosen }, name);
  });
  const change = (event) => on.fold(Number(event.target.value));
  const right = utterance.predictions.filter((prediction) => isRight(utterance, prediction)).length;
  const select = element("select", { "aria-label": "which fold's answer", change }, ...options);
  return element("p", { class: "about soft" }, `right in ${right} of ${options.length}: `, select);
}

// The three most probable labels, and the right one.
function probabilities(report, utterance, prediction) {
  const order = prediction.probabilities.map((p, i) => [p, i]).sort(([p, i], [q, j]) => q - p || i - j);
  const listed = order.filter(([, i], place) => place < 3 || i === utterance.truth).slice(0, 4);
  const rows = listed.map(([p, i]) => {
    const kind = i === utterance.truth ? "right" : i === prediction.predicted ? "wrong" : null;
    return labelledBar(report.labels[i], p, percent(p), kind);
  });
  return element("ul", { class: "probabilities" }, ...rows);
}

function seen(utterance, parts, on) {
  const why = `No sound and no log-mel: ${utterance.absent}.`;
  const reason = utterance.absent && element("p", { class: "absent soft" }, why);
  if (parts.seconds === null) return [reason];
  const what = parts.picture ? `Log-mel of ${utterance.name}, ${fixed(parts.seconds, 2)} s. ` : "";
  parts.canvas = element("canvas", { role: "img", "aria-label": what + attentionInWords(parts.attention) });
  const picture = element("div", { class: parts.play ? "picture playable" : "picture" }, parts.canvas, parts.cursor);
  if (parts.play) letSeek(picture, () => parts.seconds, on.seek);
  return [reason || null, picture].filter(Boolean);
}
