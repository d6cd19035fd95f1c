"use strict";

// Confusion matrix, and recall by speaker. A cell is a button that shows its utterances in the list below.

function confusionSection(report, show) {
  const { labels, confusion } = report;
  const head = element(
    "tr",
    {},
    element("td", { class: "corner" }, "spoken ↓   recognised →"),
    ...labels.map((label) => element("th", { scope: "col" }, element("span", {}, text(label)))),
    element("th", { scope: "col" }, element("span", {}, "recall")),
  );
  const rows = confusion.map((counts, truth) => {
    const total = counts.reduce((sum, n) => sum + n, 0);
    const cells = counts.map((n, predicted) => {
      const share = total ? n / total : 0;
      const label = `${n} of ${total} ${labels[truth]} recognised as ${labels[predicted]}: show them`;
      const button = cell(n, share, label, () => show({ truth, predicted }));
      return element("td", { class: truth === predicted ? "same" : null }, button);
    });
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, text(labels[truth])),
      ...cells,
      element("td", { class: "recall" }, total ? percent(counts[truth] / total) : "–"),
    );
  });
  const taken = labels.map((_, predicted) => confusion.reduce((sum, counts) => sum + counts[predicted], 0));
  const precision = taken.map((n, i) => element("td", {}, n ? percent(confusion[i][i] / n) : "–"));
  const name = element("th", { scope: "row" }, "precision");
  rows.push(element("tr", { class: "precision" }, name, ...precision, element("td", { class: "corner" })));
  return element(
    "section",
    { id: "confusion" },
    element("h2", {}, "Confusion"),
    element(
      "p",
      {},
      `What was spoken, and what it was taken for${ofAllFolds(report)}. Stronger blue is a larger share of the row. `,
      `Recall is the share of an emotion that was recognised, precision the share of an answer that was right. `,
      `Choose a number to see and hear its utterances.`,
    ),
    region("Confusion matrix", "matrix", head, rows),
  );
}

function ofAllFolds(report) {
  return report.folds.filter((fold) => fold.ended).length > 1 ? ", in all folds together" : "";
}

function speakersSection(report, show) {
  const section = element("section", { id: "speakers" }, element("h2", {}, "Speakers"));
  if (!report.speakers.length) {
    section.append(element("p", { class: "soft" }, "The corpus does not say who speaks."));
    return section;
  }
  const heads = ["speaker", "recognised", ...report.labels].map((name, i) =>
    element("th", { scope: "col" }, element("span", {}, i > 1 ? text(name) : name)),
  );
  const rows = report.speakers.map(({ name, counts, hits }, speaker) => {
    const total = counts.reduce((sum, n) => sum + n, 0);
    const right = hits.reduce((sum, n) => sum + n, 0);
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, text(name)),
      element(
        "td",
        { class: "bar" },
        bar(right / total),
        element("span", {}, `${right}/${total}`),
        element("span", {}, percent(right / total)),
      ),
      ...counts.map((n, truth) => {
        const of = { "data-label": report.labels[truth] };
        if (!n) return element("td", { class: "none", ...of }, "–");
        const label = `${hits[truth]}/${n} recognised, ${report.labels[truth]}, speaker ${name}: show them`;
        const button = cell(`${hits[truth]}/${n}`, hits[truth] / n, label, () => show({ truth, speaker }));
        return element("td", of, button);
      }),
    );
  });
  section.append(
    element("p", {}, "How many of each speaker's utterances were recognised, in all and by what was spoken."),
    region("Recall by speaker", "matrix speakers", element("tr", {}, ...heads), rows),
  );
  return section;
}

// A table that scrolls sideways by itself where it is wider than the page.
function region(label, kind, head, rows) {
  const table = element("table", { class: kind }, element("thead", {}, head), element("tbody", {}, ...rows));
  return element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": label }, table);
}

function cell(content, share, label, onClick) {
  const attributes = { type: "button", "aria-label": label, title: label, click: onClick };
  const button = element("button", attributes, String(content));
  button.style.setProperty("--share", share.toFixed(3));
  return button;
}
