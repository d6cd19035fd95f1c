"use strict";

// An utterance as the network gets it, and below, on the same time axis, where it looks. Drawn on a canvas.

const BANDS = 64;
const INSTANT = 0.02; // seconds; instant k is the mean of two frames, centred 5 ms after k · INSTANT
const STRIP = 40; // pixels for the attention
const WORDS = 16; // pixels for the syllables
const AXIS = 20; // pixels for the seconds
const darkness = matchMedia("(prefers-color-scheme: dark)");

// From silence to the loudest: lightness runs one way all along, so that the order shows without colours too.
const INKS = {
  light: ["#f6f4ee", "#cddaea", "#8fb0d6", "#4f7fb9", "#2a4f8f", "#172b5e", "#0a1230"],
  dark: ["#12151b", "#1f2b4d", "#3f4a86", "#775f9f", "#b97a94", "#eab085", "#fff1cf"],
};

// `utterance` = {seconds, picture: Uint8Array or null, attention, syllables}; `attention` is null, one window's {first,
// last, peak, weights}, or a list of several windows', which are drawn to one scale; `syllables`, if they are known, are
// [start, end, text] in seconds.
function drawUtterance(canvas, utterance) {
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const x = scale([0, utterance.seconds], [0, width]);
  const above = height - AXIS - (utterance.attention ? STRIP : 0);
  const said = utterance.syllables?.length ? WORDS : 0;
  if (utterance.picture) drawPicture(pen, utterance.picture, x, above - said);
  if (said) drawSyllables(pen, style, utterance.syllables, x, above - said);
  drawSeconds(pen, style, utterance.seconds, x, width, height);
  const curves = curvesOf(utterance.attention);
  const most = Math.max(...curves.map((curve) => curve.peak));
  pen.globalAlpha = curves.length > 1 ? 0.8 : 1; // the last window may overlap the one before
  for (const curve of curves) drawAttention(pen, style, curve, most, x, above + 4, above + STRIP);
}

function drawPicture(pen, picture, x, height) {
  const stride = Math.ceil(picture.length / BANDS / 4000); // a canvas cannot be as wide as an hour
  const columns = Math.ceil(picture.length / BANDS / stride);
  const image = new ImageData(columns, BANDS);
  const inks = inkTable(darkness.matches ? "dark" : "light");
  const pixels = new Uint32Array(image.data.buffer);
  for (let k = 0; k < columns; k++) {
    for (let band = 0; band < BANDS; band++) {
      pixels[(BANDS - 1 - band) * columns + k] = inks[picture[k * stride * BANDS + band]];
    }
  }
  const small = new OffscreenCanvas(columns, BANDS);
  small.getContext("2d").putImageData(image, 0, 0);
  const left = x(-INSTANT / 4);
  pen.drawImage(small, left, 0, x(columns * stride * INSTANT - INSTANT / 4) - left, height);
}

const tables = new Map();

function inkTable(name) {
  if (!tables.has(name)) {
    const stops = INKS[name].map((ink) => [1, 3, 5].map((i) => parseInt(ink.slice(i, i + 2), 16)));
    const table = Uint32Array.from({ length: 256 }, (_, value) => {
      const place = (value / 255) * (stops.length - 1);
      const stop = Math.min(Math.floor(place), stops.length - 2);
      const mixed = stops[stop].map((from, i) => from + (place - stop) * (stops[stop + 1][i] - from));
      return new Uint32Array(new Uint8Array([...mixed.map(Math.round), 255]).buffer)[0];
    });
    tables.set(name, table);
  }
  return tables.get(name);
}

function curvesOf(attention) {
  return attention ? [attention].flat() : [];
}

// Each where it is said, if there is room for it.
function drawSyllables(pen, style, syllables, x, top) {
  pen.fillStyle = style.getPropertyValue("--soft");
  pen.font = `11px ${style.fontFamily}`;
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  for (const [start, end, syllable] of syllables) {
    pen.fillRect(x(start), top + 2, 1, WORDS - 2);
    pen.fillRect(x(end), top + 2, 1, WORDS - 2);
    const room = x(end) - x(start) - 3;
    if (pen.measureText(syllable).width <= room) pen.fillText(syllable, x((start + end) / 2), top + WORDS / 2 + 1);
  }
}

function drawAttention(pen, style, { first, last, peak, weights }, most, x, top, bottom) {
  const y = (weight) => bottom - Math.min(weight / most, 1) * (bottom - top);
  const step = weights.length > 1 ? (last - first) / (weights.length - 1) : 0.04;
  const points = weights.map((weight, k) => [x(first + k * step), y((weight / 255) * peak)]);
  pen.beginPath();
  pen.moveTo(x(first - step / 2), bottom);
  pen.lineTo(x(first - step / 2), points[0][1]);
  for (const point of points) pen.lineTo(...point);
  pen.lineTo(x(last + step / 2), points.at(-1)[1]);
  pen.lineTo(x(last + step / 2), bottom);
  pen.fillStyle = style.getPropertyValue("--wrong");
  pen.fill();
  const even = y(1 / weights.length); // if all moments counted alike
  pen.setLineDash([2, 3]);
  pen.strokeStyle = style.getPropertyValue("--ink");
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x(first), even);
  pen.lineTo(x(last), even);
  pen.stroke();
}

function drawSeconds(pen, style, seconds, x, width, height) {
  pen.fillStyle = style.getPropertyValue("--soft");
  pen.font = `11px ${style.fontFamily}`;
  pen.textBaseline = "bottom";
  for (const second of ticks(0, seconds, Math.max(2, width / 90))) {
    const label = `${second}${second ? "" : " s"}`;
    pen.fillRect(Math.min(x(second), width - 1), height - AXIS + 1, 1, 4);
    pen.textAlign = second ? (x(second) > width - 14 ? "right" : "center") : "left";
    pen.fillText(label, x(second), height - 1);
  }
}

function attentionInWords(attention) {
  const curves = curvesOf(attention);
  if (!curves.length) return "The model has no attention.";
  const { first, last, weights } = curves.reduce((a, b) => (b.peak > a.peak ? b : a));
  const step = weights.length > 1 ? (last - first) / (weights.length - 1) : 0;
  return `Attention is highest at ${fixed(first + weights.indexOf(255) * step, 2)} s.`;
}
