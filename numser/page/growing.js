"use strict";

// The log-mel of a recording that still goes on. The server computes it piece by piece, with sound on both sides of
// each piece, so that the pieces together are as the whole will be.

const MARGIN = 5; // instants of sound beside a piece, 0.1 s
const LEAST = 5; // instants that are worth a request
const RANGE = 80; // dB below the maximum that are seen
const QUIET = -10; // dB; a maximum below that is no speech yet

class Growing {
  constructor(canvas, rate, least) {
    Object.assign(this, { canvas, rate, least });
    this.columns = []; // an Int8Array of decibels for each instant
    this.loudest = QUIET;
    this.asked = false;
    this.over = false; // something else is drawn on the canvas
  }

  get whole() {
    return this.columns.length;
  }

  // `parts` are all samples until now, and `count` their number. One request at a time, so that a slow machine is asked
  // for fewer and longer pieces.
  async grow(parts, count) {
    this.seconds = count / this.rate;
    const end = Math.floor(this.seconds / INSTANT) - MARGIN;
    if (this.asked || end < this.whole + LEAST) return;
    this.asked = true;
    const begin = Math.max(this.whole - MARGIN, 0);
    const from = Math.round(begin * INSTANT * this.rate);
    try {
      const piece = await ask("log-mel", wav(cut(parts, from), this.rate));
      const decibels = new Int8Array(bytes(piece.decibels).buffer);
      for (let k = this.whole; k < end; k++) this.columns.push(decibels.subarray((k - begin) * BANDS, (k - begin + 1) * BANDS));
      this.loudest = Math.max(this.loudest, piece.loudest);
    } catch {
      // it is drawn again with the next piece; whether the server is there is seen at the end
    } finally {
      this.asked = false;
    }
    if (!this.over) this.draw();
  }

  get picture() {
    const floor = this.loudest - RANGE;
    const picture = new Uint8ClampedArray(this.whole * BANDS);
    this.columns.forEach((column, k) => picture.set(shaded(column, floor), k * BANDS));
    return picture;
  }

  draw() {
    const seconds = Math.max(this.seconds, this.least);
    drawUtterance(this.canvas, { seconds, picture: this.picture, attention: [] });
  }
}

function shaded(column, floor) {
  return Float32Array.from(column, (decibels) => ((decibels - floor) * 255) / RANGE);
}

// The samples from the one with this number on, in parts.
function cut(parts, from) {
  const rest = [];
  let end = 0;
  for (const part of parts) {
    end += part.length;
    if (end > from) rest.push(part.subarray(Math.max(part.length - (end - from), 0)));
  }
  return rest;
}
