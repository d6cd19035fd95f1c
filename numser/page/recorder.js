"use strict";

// Hands on what the microphone hears, 2048 samples a time. Runs on the browser's thread for sound, not in the page.

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.kept = new Float32Array(2048);
    this.count = 0;
    this.ended = false;
    this.port.onmessage = () => (this.ended = true);
  }

  process([[samples]]) {
    for (const sample of samples ?? []) {
      this.kept[this.count++] = sample;
      if (this.count === this.kept.length) this.send();
    }
    if (!this.ended) return true;
    this.send();
    this.port.postMessage(null); // that was all
    return false;
  }

  send() {
    this.port.postMessage(this.kept.slice(0, this.count));
    this.count = 0;
  }
}

registerProcessor("recorder", Recorder);
