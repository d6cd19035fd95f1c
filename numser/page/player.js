"use strict";

// One sound at a time. `watch` is told the sound's key and the second it is at, whenever that changes.

const ICONS = { play: "M2.5 1v10l8.5-5z", stop: "M2 1h3v10H2zM7 1h3v10H7z" };

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

function playButton(name, click) {
  const icon = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, shape("path", { d: ICONS.play }));
  return element("button", { type: "button", class: "play", "aria-label": `play ${name}`, click }, icon);
}

// A click or a drag in the picture, which is so many seconds long, goes to that second.
function letSeek(picture, length, seek) {
  const go = (event) => {
    const { left, width } = picture.getBoundingClientRect();
    seek(Math.min(Math.max((event.clientX - left) / width, 0), 1) * length());
  };
  picture.addEventListener("pointerdown", (event) => {
    picture.setPointerCapture(event.pointerId);
    go(event);
  });
  picture.addEventListener("pointermove", (event) => {
    if (picture.hasPointerCapture(event.pointerId)) go(event);
  });
}

// Show by `parts` = {play, cursor, time, seconds} at which second the sound called `key` is, if it was chosen.
function showPlace(parts, player, key, name, second) {
  const does = player.key === key && player.playing ? "stop" : "play";
  parts.play.querySelector("path").setAttribute("d", ICONS[does]);
  parts.play.setAttribute("aria-label", `${does} ${name}`);
  parts.cursor.hidden = player.key !== key;
  parts.cursor.style.left = `${Math.min(100, (100 * second) / parts.seconds)}%`;
  const clock = parts.cursor.hidden ? "" : `${fixed(second, 2)} / `;
  const failed = player.failed === key;
  parts.time.textContent = failed ? "this browser cannot play it" : `${clock}${fixed(parts.seconds, 2)} s`;
}
