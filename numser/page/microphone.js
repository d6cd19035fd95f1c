"use strict";

// The microphone, at its own sampling rate, and as it is: nothing that browsers do to make calls pleasant.

const AS_IT_IS = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const WHY_NOT = {
  NotAllowedError: "The browser may not use the microphone. Allow it beside the page's address, or choose a sound file.",
  NotFoundError: "No microphone was found. Plug one in, or choose a sound file.",
  NotReadableError: "The microphone cannot be used now; another program may have it. Close that, or choose a sound file.",
};

class Microphone {
  // `arrived` gets samples from -1 to 1; `unplugged` is called when no more can come.
  constructor(arrived, unplugged) {
    this.arrived = arrived;
    this.unplugged = unplugged;
  }

  // Throws an error whose message is for people.
  async open() {
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "NotAllowedError");
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
      await this.connect();
    } catch (error) {
      this.close();
      throw new Error(WHY_NOT[error.name] ?? `The microphone cannot be used (${error.message || error.name}).`);
    }
  }

  async connect() {
    const [track] = this.stream.getAudioTracks();
    const { sampleRate } = track.getSettings();
    this.context = new AudioContext(sampleRate ? { sampleRate } : {});
    await this.context.audioWorklet.addModule("recorder.js");
    this.node = new AudioWorkletNode(this.context, "recorder", { channelCount: 1, channelCountMode: "explicit" });
    this.node.port.onmessage = ({ data: samples }) => (samples === null ? this.last() : this.arrived(samples));
    track.addEventListener("ended", this.unplugged);
    this.context.createMediaStreamSource(this.stream).connect(this.node).connect(this.context.destination);
    await this.context.resume();
  }

  get rate() {
    return this.context.sampleRate;
  }

  // Let what was heard until now arrive, and hear no more.
  async finish() {
    const all = new Promise((resolve) => (this.last = resolve));
    this.node.port.postMessage("end");
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 500))]); // a stopped context answers never
    this.close();
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.context?.state !== "closed") this.context?.close();
  }
}
