"use strict";

// What the browser makes of a sound file, as a WAV file; null if it makes nothing of it.

async function decoded(file) {
  const context = new OfflineAudioContext(1, 1, 48000);
  try {
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    const channels = Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i));
    const woven = new Float32Array(sound.length * channels.length);
    channels.forEach((channel, i) => channel.forEach((sample, at) => (woven[at * channels.length + i] = sample)));
    return wav([woven], sound.sampleRate, channels.length);
  } catch {
    return null;
  }
}

// Samples from -1 to 1, in parts, as a WAV file of 16 bits. Channels take turns.

function wav(parts, rate, channels = 1) {
  const count = parts.reduce((sum, part) => sum + part.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const word = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate * channels, true); // bytes a second
  view.setUint16(32, 2 * channels, true); // bytes an instant
  view.setUint16(34, 16, true); // bits
  word(36, "data");
  view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const part of parts) {
    for (const sample of part) {
      view.setInt16(at, Math.max(-32768, Math.min(32767, Math.round(32768 * sample))), true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}
