"use strict";

// The list: every test utterance as an article of the same height, which is filled when it comes near the window and
// emptied when it goes. So thousands scroll as easily as ten.

const ORDERS = {
  tested: ["as tested", () => 0],
  surest: ["surest first", (a, b) => confidence(b) - confidence(a)],
  unsure: ["least sure first", (a, b) => confidence(a) - confidence(b)],
};

const LONGEST = 7; // seconds of an utterance that the network is shown

class Utterances {
  constructor(report) {
    this.report = report;
    this.articles = report.utterances.map((_, index) => this.article(index));
    this.chosen = report.utterances.map(() => 0); // which of its predictions an utterance shows
    this.parts = new Map(); // of the articles that are filled
    this.places = new Map(); // of the articles that are listed, by their index
    this.listed = [];
    this.player = new Player((index, second) => this.moved(index, second));
    const kind = foldsMatter(report) ? "many" : null;
    const keydown = (event) => this.key(event);
    this.feed = element("div", { role: "feed", "aria-label": "Utterances", class: kind, keydown });
    this.status = element("p", { role: "status" });
    this.form = filterForm(report, this.status, () => this.list());
    this.observer = new IntersectionObserver((entries) => this.near(entries), { rootMargin: "800px 0px" });
    this.articles.forEach((article) => this.observer.observe(article));
    new ResizeObserver(() => this.draw(this.parts.keys())).observe(this.feed);
    darkness.addEventListener("change", () => this.draw(this.parts.keys()));
    this.list();
  }

  section() {
    return element(
      "section",
      { id: "utterances" },
      element("h2", {}, "Utterances"),
      element("p", {}, explained(this.report)),
      this.form,
      this.feed,
    );
  }

  article(index) {
    const article = element("article", { tabindex: -1, "data-index": index });
    article.addEventListener("focus", () => this.makeCurrent(article));
    return article;
  }

  // Show only what the form lets through, in its order.
  list() {
    const { lets, order } = filterOf(this.form);
    const { utterances } = this.report;
    this.listed = [];
    utterances.forEach((utterance, index) => {
      const fits = (prediction) => lets(utterance, prediction);
      if (!fits(utterance.predictions[this.chosen[index]])) {
        const first = utterance.predictions.findIndex(fits);
        if (first < 0) return;
        this.chosen[index] = first;
      }
      this.listed.push(index);
    });
    const shown = (index) => utterances[index].predictions[this.chosen[index]];
    this.listed.sort((a, b) => ORDERS[order][1](shown(a), shown(b)));
    this.places = new Map(this.listed.map((index, place) => [index, place]));
    this.listed.forEach((index, place) => {
      this.articles[index].setAttribute("aria-posinset", place + 1);
      this.articles[index].setAttribute("aria-setsize", this.listed.length);
    });
    if (this.player.playing && !this.places.has(this.player.key)) this.player.toggle();
    this.feed.replaceChildren(...this.listed.map((index) => this.articles[index]));
    this.status.textContent = `${this.listed.length} of ${count(utterances.length, "utterance")}`;
    for (const index of [...this.parts.keys()]) this.places.has(index) ? this.fill(index) : this.empty(index);
    this.draw(this.parts.keys());
    if (this.listed.length) this.makeCurrent(this.articles[this.listed[0]]);
  }

  // Choose what is listed, and go there. `wanted` has values of the form by name; the others are let go.
  show(wanted) {
    this.form.reset();
    for (const [name, value] of Object.entries(wanted)) this.form.elements[name].value = value;
    this.list();
    this.form.scrollIntoView({ block: "start" });
    if (this.listed.length) this.articles[this.listed[0]].focus({ preventScroll: true });
  }

  near(entries) {
    const fresh = [];
    for (const entry of entries) {
      const index = Number(entry.target.dataset.index);
      if (entry.isIntersecting && !this.parts.has(index)) {
        this.fill(index);
        fresh.push(index);
      } else if (!entry.isIntersecting && !entry.target.contains(document.activeElement)) this.empty(index);
    }
    this.draw(fresh);
  }

  fill(index) {
    const on = {
      play: () => this.play(index),
      seek: (second) => this.seek(index, second),
      fold: (prediction) => this.choose(index, prediction),
    };
    this.parts.set(index, fillCard(this.articles[index], this.report, index, this.chosen[index], on));
    if (this.player.key === index) this.moved(index, this.player.audio.currentTime);
  }

  empty(index) {
    if (this.parts.delete(index)) this.articles[index].replaceChildren();
  }

  draw(indices) {
    for (const index of indices) {
      const parts = this.parts.get(index);
      if (parts.canvas) drawUtterance(parts.canvas, parts);
    }
  }

  choose(index, prediction) {
    this.chosen[index] = prediction;
    this.fill(index);
    this.draw([index]);
    this.articles[index].querySelector("select").focus();
  }

  play(index) {
    this.select(index);
    this.player.toggle();
  }

  seek(index, second) {
    this.select(index);
    this.player.seek(second);
  }

  select(index) {
    this.player.choose(index, () => {
      const { sound, kind } = data(`sound-${index}`);
      return new Blob([bytes(sound)], { type: kind });
    });
  }

  // The sound of an utterance is at this second: let its article show it.
  moved(index, second) {
    const parts = this.parts.get(index);
    if (parts?.play) showPlace(parts, this.player, index, this.report.utterances[index].name, second);
  }

  makeCurrent(article) {
    this.feed.querySelector('[tabindex="0"]')?.setAttribute("tabindex", -1);
    article.setAttribute("tabindex", 0); // Tab comes here; arrows go on
  }

  key(event) {
    const article = event.target.closest("article");
    if (!article || event.target.matches("select") || event.ctrlKey || event.altKey || event.metaKey) return;
    const index = Number(article.dataset.index);
    const last = this.listed.length - 1;
    const place = this.places.get(index);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5, Home: -last, End: last };
    const second = this.player.key === index ? this.player.audio.currentTime : 0;
    const playable = this.parts.get(index)?.play;
    if (event.key in steps) this.go(Math.min(Math.max(place + steps[event.key], 0), last));
    else if (playable && event.key === "ArrowLeft") this.seek(index, second - 0.1);
    else if (playable && event.key === "ArrowRight") this.seek(index, second + 0.1);
    else if (playable && event.key === " " && event.target === article) this.play(index);
    else return;
    event.preventDefault();
  }

  go(place) {
    const article = this.articles[this.listed[place]];
    article.focus({ preventScroll: true });
    article.scrollIntoView({ block: "nearest" });
  }
}

function explained(report) {
  const predictions = report.utterances.flatMap((utterance) => utterance.predictions);
  const attentive = predictions.some((prediction) => prediction.attention);
  const sentences = ["The log-mel frames that the network gets, high frequencies at the top."];
  if (report.utterances.some((utterance) => utterance.syllables.length)) {
    sentences.push("Below, the syllables that are spoken, as the corpus has them.");
  }
  if (attentive) {
    sentences.push("Below, in the same seconds, the attention it pays to each moment (dotted: if all counted alike).");
  }
  if (report.utterances.some((utterance) => utterance.seconds > LONGEST)) {
    sentences.push(`Of more than ${LONGEST} seconds it gets the middle.`);
  }
  sentences.push("↑ and ↓ go through the list.");
  if (report.audible) sentences.push("Space plays and stops the chosen one, ← and → move in it.");
  return sentences.join(" ");
}
