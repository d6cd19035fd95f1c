"use strict";

// The page of the demo: record or choose, wait a moment, see.

const MICROPHONE = "M6 7.5a2 2 0 0 0 2-2v-3a2 2 0 0 0-4 0v3a2 2 0 0 0 2 2zM9.5 5.5a3.5 3.5 0 0 1-3 3.46V11h-1V8.96a3.5 3.5 0 0 1-3-3.46h1a2.5 2.5 0 0 0 5 0z";
const SQUARE = "M2.5 2.5h7v7h-7z";

class Demo {
  constructor(about) {
    this.about = about;
    this.answer = new Answer(about.labels);
    this.turn = 0; // what was begun before the last turn is of no interest any more
    this.microphone = null; // while it is open, or opens
    this.growing = null; // while it is open
    this.status = element("p", { role: "status" });
    this.problem = element("p", { role: "alert", class: "notice", hidden: true });
    this.icon = shape("path", { d: MICROPHONE });
    this.button = element(
      "button",
      { type: "button", class: "record", click: () => this.press() },
      shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, this.icon),
      element("span"),
    );
    const change = () => this.take([...this.file.files]);
    this.file = element("input", { type: "file", accept: "audio/*,video/mp4,video/webm,.wav,.flac,.ogg,.mp3,.m4a", class: "unseen", tabindex: -1, "aria-hidden": "true", change });
    this.ready("");
  }

  page() {
    for (const kind of ["dragenter", "dragover"]) addEventListener(kind, (event) => this.over(event, true));
    for (const kind of ["dragleave", "drop"]) addEventListener(kind, (event) => this.over(event, false));
    addEventListener("drop", (event) => this.take([...event.dataTransfer.files]));
    const choose = element("button", { type: "button", click: () => this.file.click() }, "Choose a sound file");
    const hint = element("span", { class: "soft" }, "or drop one anywhere");
    return [
      header(this.about),
      element(
        "section",
        { class: "controls", "aria-label": "Recording" },
        this.button,
        element("div", { class: "files" }, choose, this.file, hint),
        element("div", { class: "files" }, element("span", { class: "soft" }, "Or try a made-up voice:"), ...this.clips()),
        this.status,
      ),
      this.problem,
      this.answer.article,
      element("p", { class: "soft" }, explained(this.about)),
      aboutModel(this.about),
    ];
  }

  clips() {
    return this.about.clips.map((emotion) => element("button", { type: "button", click: () => this.tryOut(emotion) }, emotion));
  }

  async tryOut(emotion) {
    const began = performance.now();
    const turn = this.next();
    const name = `made-up voice, ${emotion}`;
    this.answer.clear(name);
    this.status.textContent = "";
    try {
      const sound = await (await fetch(`clip-${emotion}.wav`)).blob();
      if (turn === this.turn) this.recognise(sound, name, sound, began);
    } catch {
      if (turn === this.turn) this.fail(GONE);
    }
  }

  over(event, is) {
    event.preventDefault();
    document.body.classList.toggle("dropping", is);
  }

  // Nothing of what was begun goes on; what comes next has this number.
  next() {
    this.microphone?.close();
    this.microphone = null;
    if (this.growing) this.growing.over = true;
    this.growing = null;
    this.request?.abort();
    this.problem.hidden = true;
    return ++this.turn;
  }

  ready(message) {
    this.face("Record", MICROPHONE);
    this.status.textContent = message;
  }

  face(label, icon) {
    this.button.lastChild.textContent = label;
    this.button.classList.toggle("on", icon === SQUARE);
    this.icon.setAttribute("d", icon);
  }

  fail(sentence) {
    this.ready("");
    this.answer.clear("");
    this.problem.textContent = sentence;
    this.problem.hidden = false;
  }

  press() {
    if (!this.microphone) this.listen();
    else if (this.growing) this.stop();
    else {
      this.next(); // it has not opened yet
      this.answer.clear("");
      this.ready("");
    }
  }

  async listen() {
    const turn = this.next();
    this.answer.clear("your voice");
    this.face("Cancel", SQUARE);
    this.status.textContent = "The browser may ask whether this page may hear you.";
    const microphone = new Microphone((samples) => this.heard(turn, samples), () => turn === this.turn && this.stop());
    this.microphone = microphone;
    try {
      await microphone.open();
    } catch (error) {
      if (turn !== this.turn) return;
      this.next();
      this.fail(error.message);
      return;
    }
    if (turn !== this.turn) return microphone.close();
    Object.assign(this, { parts: [], count: 0 });
    const growing = new Growing(this.answer.canvas, microphone.rate, this.about.window);
    this.answer.drawn = () => growing.draw();
    this.growing = growing;
    this.face("Stop", SQUARE);
    this.status.textContent = "Listening. Speak a sentence, then press Stop.";
  }

  heard(turn, samples) {
    if (turn !== this.turn || !this.growing) return;
    const { rate } = this.growing;
    this.parts.push(samples);
    this.count += samples.length;
    this.answer.time.textContent = `${fixed(this.count / rate, 1)} s`;
    this.growing.grow(this.parts, this.count);
    const { most } = this.about;
    if (this.count >= Math.min(most.seconds * rate, (most.bytes - 44) / 2) - rate) this.stop();
  }

  async stop() {
    if (this.stopping) return;
    this.stopping = true;
    const began = performance.now();
    const { microphone, turn } = this;
    await microphone.finish();
    this.stopping = false;
    if (turn !== this.turn) return;
    const sound = wav(this.parts, microphone.rate);
    this.recognise(sound, "your voice", sound, began);
  }

  async take(files) {
    const began = performance.now();
    if (!files.length) return;
    const [file] = files;
    this.file.value = ""; // so that the same file may be chosen again
    const turn = this.next();
    if (files.length > 1) return this.fail(`${files.length} files were given; give one at a time`);
    if (file.size > this.about.most.bytes) {
      return this.fail(`${file.name}: it is larger than ${Math.floor(this.about.most.bytes / 1e6)} MB; cut it, or give it as MP3 or FLAC`);
    }
    this.answer.clear(file.name);
    this.status.textContent = "";
    try {
      const sound = new Blob([await file.arrayBuffer()]); // as it is now
      if (turn === this.turn) this.recognise(sound, file.name, file, began);
    } catch {
      if (turn === this.turn) this.fail(`${file.name}: it cannot be read; choose a sound file, not a folder`);
    }
  }

  // What numser cannot read, such as a phone's recording, the browser decodes.
  async answered(sound, signal) {
    try {
      return await ask("recognise", sound, signal);
    } catch (error) {
      const other = error.unreadable ? await decoded(sound) : null;
      if (other === null) throw error;
      return ask("recognise", other, signal);
    }
  }

  // `sound`, a Blob, goes to the server, `playable` to the player.
  async recognise(sound, name, playable, began) {
    const turn = this.next();
    this.request = new AbortController();
    this.ready("Recognising …");
    try {
      const answer = await this.answered(sound, this.request.signal);
      if (turn !== this.turn) return;
      this.answer.show(answer, name, playable);
      const { label, share } = this.answer.said(answer);
      const took = Math.round(performance.now() - began);
      this.ready(`Answered in ${took}\u00a0ms.`);
      this.status.append(element("span", { class: "unseen" }, ` ${name} sounds like ${label}, ${share}.`));
    } catch (error) {
      if (turn === this.turn) this.fail(`${name}: ${withoutName(error.message)}`);
    }
  }
}

document.getElementById("page").replaceChildren(...new Demo(data("data")).page());
