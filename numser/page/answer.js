"use strict";

const CLOSE = 0.1; // a label that comes so near to the first one is named beside it
const NAMED = 3; // labels

// What the model makes of one recording: probabilities, log-mel, attention, and the sound itself.

class Answer {
  constructor(labels) {
    this.labels = labels;
    this.key = 0; // of the recording that is shown, for the player
    this.player = new Player((key, second) => key === this.key && this.moved(second));
    this.play = playButton("", () => this.start());
    this.cursor = element("div", { class: "cursor", hidden: true });
    this.time = element("span", { class: "time soft" });
    this.name = element("b");
    this.verdict = element("p", { class: "verdict" });
    this.bars = element("ul", { class: "probabilities" });
    this.canvas = element("canvas", { role: "img" });
    this.picture = element("div", { class: "picture" }, this.canvas, this.cursor);
    this.parts = element("div", { class: "parts" });
    this.notes = element("div", { class: "notes" });
    const keydown = (event) => this.pressed(event);
    this.article = element(
      "article",
      { tabindex: 0, keydown },
      element(
        "div",
        { class: "what" },
        element("h2", { class: "unseen" }, "What it sounds like"),
        element("div", { class: "head" }, this.play, this.name, this.time),
        this.verdict,
        this.notes,
        this.bars,
      ),
      this.picture,
      this.parts,
    );
    letSeek(this.picture, () => this.seconds, (second) => this.seek(second));
    new ResizeObserver(() => this.draw()).observe(this.picture);
    darkness.addEventListener("change", () => this.draw());
    this.clear("");
  }

  // Forget the last recording. The page fills `drawn`, which draws, while the next one grows.
  clear(name) {
    if (this.player.playing) this.player.toggle();
    this.key += 1;
    this.sound = null;
    this.drawn = null;
    this.name.replaceChildren(text(name));
    this.time.textContent = "";
    this.play.hidden = this.cursor.hidden = true;
    this.picture.classList.remove("playable");
    this.verdict.replaceChildren(name ? "…" : "");
    this.bars.replaceChildren(...this.labels.map((label) => labelledBar(label, 0, "–")));
    this.parts.replaceChildren();
    this.notes.replaceChildren();
    this.describe(name ? `${name}, not answered yet` : "no recording yet", "The log-mel of a recording will be here.");
    this.canvas.width = this.canvas.width; // which empties it
  }

  show(answer, name, sound) {
    this.clear(name);
    this.sound = sound;
    this.seconds = answer.seconds;
    const picture = bytes(answer.log_mel);
    const attention = answer.attention.length ? answer.attention : null;
    this.drawn = () => drawUtterance(this.canvas, { seconds: this.seconds, picture, attention });
    this.play.hidden = false;
    this.picture.classList.add("playable");
    this.moved(0);
    const said = this.said(answer);
    this.verdict.replaceChildren("sounds like ", element("strong", { class: said.sure ? null : "unsure" }, text(said.label)));
    this.notes.replaceChildren(...answer.notes.map((note) => element("p", { class: "soft" }, `Note: ${withoutName(note)}.`)));
    const items = answer.probabilities.map((share, i) => {
      return labelledBar(this.labels[i], share, fixed(share), i === answer.predicted ? "right" : null);
    });
    this.bars.replaceChildren(...items);
    if (answer.windows.length > 1) this.parts.replaceChildren(...this.windows(answer.windows));
    const looked = `Log-mel of ${name}, ${fixed(this.seconds, 2)} s. ${attentionInWords(attention)}`;
    this.describe(`${name}: sounds like ${said.label}, ${said.share}`, looked);
    this.draw();
  }

  said({ predicted, probabilities }) {
    if (predicted === null) return { label: "no speech", share: "", bar: 0, sure: true };
    const first = probabilities[predicted];
    const near = probabilities.map((share, i) => [share, i]).filter(([share]) => first - share < CLOSE);
    near.sort(([p, i], [q, j]) => q - p || (j === predicted) - (i === predicted));
    const names = near.map(([, i]) => this.labels[i]);
    const label = names.length > NAMED ? "no one emotion" : names.join(" or ");
    return { label, share: near.slice(0, NAMED).map(([share]) => percent(share)).join(" or "), bar: first, sure: names.length === 1 };
  }

  describe(article, picture) {
    this.article.setAttribute("aria-label", article);
    this.canvas.setAttribute("aria-label", picture);
  }

  windows(windows) {
    const items = windows.map((window) => {
      const said = this.said(window);
      const when = `${fixed(window.start, 1)}–${fixed(window.end, 1)} s`;
      const click = () => this.seek(window.start);
      const what = [element("span", { class: "soft" }, when), text(said.label), bar(said.bar), percent(said.bar)];
      return element("li", {}, element("button", { type: "button", click }, ...what));
    });
    const why = "The network is shown a few seconds at once. The answer above is the mean of its windows'.";
    return [element("h3", {}, "Window by window"), element("p", { class: "soft" }, why), element("ol", {}, ...items)];
  }

  draw() {
    this.drawn?.();
  }

  start() {
    this.choose();
    this.player.toggle();
  }

  seek(second) {
    if (!this.sound) return;
    this.choose();
    this.player.seek(Math.min(second, this.seconds));
  }

  choose() {
    this.player.choose(this.key, () => this.sound);
  }

  moved(second) {
    if (this.sound) showPlace(this, this.player, this.key, this.name.textContent, second);
  }

  pressed(event) {
    if (!this.sound || event.target !== this.article || event.ctrlKey || event.altKey || event.metaKey) return;
    const second = this.player.key === this.key ? this.player.audio.currentTime : 0;
    if (event.key === " ") this.start();
    else if (event.key === "ArrowLeft") this.seek(second - 0.1);
    else if (event.key === "ArrowRight") this.seek(second + 0.1);
    else return;
    event.preventDefault();
  }
}
