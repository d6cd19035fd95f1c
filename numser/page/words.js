"use strict";

// What the demo's page says of itself and of its model.

function header({ learned }) {
  return element(
    "header",
    {},
    element("h1", {}, "What does your voice sound like?"),
    element("p", {}, "Press the button and speak. A small neural network guesses the emotion, and shows where it looked."),
    element(
      "p",
      { class: "notice" },
      element("b", {}, "A demonstration, not a lie detector. "),
      `The network learned from ${learned}. It guesses how a voice sounds, not what a person feels. `,
      "With voices, languages and microphones it never heard it may be no better than chance, and as sure of itself. ",
      "Do not judge people by it.",
    ),
  );
}

function explained({ window }) {
  return (
    "The picture is what the network gets: log-mel frames, high frequencies at the top. Below, in the same seconds, " +
    "is the attention it pays to each moment (dotted: if all counted alike). " +
    `More than ${window} seconds are recognised window by window. ` +
    "With the answer chosen, Space plays the recording, ← and → move in it."
  );
}

function aboutModel({ about }) {
  const facts = about.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, text(value))]);
  return element("section", {}, element("h2", {}, "The model"), element("dl", { class: "facts" }, ...facts));
}
