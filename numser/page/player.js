"use strict";

// One sound at a time. `watch` is told the sound's key and the second it is at, whenever that changes.

class Player {
  constructor(watch) {
    this.audio = new Audio();
    this.key = null;
    this.address = null;
    this.watch = watch;
    this.failed = null;
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const tell = () => this.watch(this.key, this.audio.currentTime);
    const follow = () => {
      tell();
      if (this.playing && !calm.matches) requestAnimationFrame(follow);
    };
    this.audio.addEventListener("play", follow);
    for (const event of ["pause", "seeked", "timeupdate", "ended"]) this.audio.addEventListener(event, tell);
    this.audio.addEventListener("error", () => {
      this.failed = this.key;
      tell();
    });
  }

  get playing() {
    return this.key !== null && !this.audio.paused && !this.audio.ended;
  }

  // Make the sound called `key`, which `load` brings as a Blob, the one that plays; the last one is forgotten.
  choose(key, load) {
    if (key === this.key) return;
    const before = this.key;
    if (this.address) URL.revokeObjectURL(this.address);
    this.key = key;
    this.failed = null;
    this.address = URL.createObjectURL(load());
    this.audio.src = this.address; // which stops what was playing
    if (before !== null) this.watch(before, 0);
  }

  toggle() {
    if (this.playing) this.audio.pause();
    else this.audio.play().catch(() => this.watch(this.key, this.audio.currentTime)); // the error event says why
  }

  seek(second) {
    this.audio.currentTime = Math.max(0, second);
    this.watch(this.key, this.audio.currentTime);
  }
}
