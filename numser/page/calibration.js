"use strict";

// Are stated probabilities to be believed? Reliability diagram, with how many utterances stand behind each dot.

function calibrationSection(report) {
  const { bins, error } = report.calibration;
  const each = bins.map((b) => `${b.right} of ${b.count} right at ${percent(b.confidence)}`);
  const label = `Calibration: ${each.join("; ")}`;
  return element(
    "section",
    { id: "calibration" },
    element("h2", {}, "Calibration"),
    element(
      "p",
      {},
      `When the network gives its answer a probability of 80 %, is it right 80 % of the time? Then the dots lie on `,
      `the dashed line; below it the network is too sure of itself. Whiskers are 95 % intervals (Wilson's): few `,
      `answers, little certainty.`,
    ),
    element(
      "p",
      {},
      "The expected calibration error is ",
      element("b", {}, fixed(error)),
      `: how far, on average over all answers, the stated probability is from the share of right answers among `,
      `those of about that probability (ten bins).`,
    ),
    element("div", { class: "square" }, chart(label, 400, (...size) => reliability(bins, ...size))),
    numbers(
      ["stated probability", "mean", "answers", "right", "share right"],
      bins.map((b) => [
        `${percent(b.low)} to ${percent(b.high)}`,
        fixed(b.confidence),
        String(b.count),
        String(b.right),
        fixed(b.right / b.count),
      ]),
    ),
  );
}

function reliability(bins, width, height) {
  const box = { left: 44, right: width - 12, top: 10, bottom: height - 128 };
  const x = scale([0, 1], [box.left, box.right]);
  const y = scale([0, 1], [box.bottom, box.top]);
  const marks = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const floor = height - 42;
  const tallest = Math.max(...bins.map((b) => b.count));
  const tall = scale([0, tallest], [0, 44]);
  return [
    ...marks.flatMap((v) => [
      line(box.left, y(v), box.right, y(v), "grid"),
      words(box.left - 8, y(v) + 4, v.toFixed(1), "tick", "end"),
      words(x(v), floor + 18, v.toFixed(1), "tick", "middle"),
    ]),
    line(box.left, floor, box.right, floor, "grid"),
    words(box.right, floor + 36, "stated probability", "tick", "end"),
    words(box.left + 6, box.top + 12, "share right", "tick"),
    words(box.left + 6, box.bottom + 24, "answers", "tick"),
    line(x(0), y(0), x(1), y(1), "chance"),
    ...bins.flatMap((b) => [
      shape("rect", {
        x: x(b.low) + 1.5,
        width: x(b.high) - x(b.low) - 3,
        y: floor - tall(b.count),
        height: tall(b.count),
        class: "count",
      }),
      words((x(b.low) + x(b.high)) / 2, floor - tall(b.count) - 5, String(b.count), "tick", "middle"),
    ]),
    ...bins.flatMap((b) => {
      const [low, high] = wilson(b.right, b.count);
      const title = `stated ${fixed(b.confidence)}, right ${b.right} of ${b.count}`;
      return [
        line(x(b.confidence), y(low), x(b.confidence), y(high), "whisker"),
        dot(x(b.confidence), y(b.right / b.count), 5.5, "reliable", title),
      ];
    }),
  ];
}

// 95 % interval of a share.
function wilson(hits, n, z = 1.96) {
  const share = hits / n;
  const middle = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return [middle - half, middle + half];
}
