"use strict";

// Send sound to the server that this page came from, and return its answer. Throws an error whose message is for
// people, and which is `unreadable` if the sound has a form that numser does not read; or, if `signal` ended it, an
// AbortError.

const GONE = "numser does not answer; start python -m numser.demo again, and open the page that it names";

// A sentence of the server's, which does not know the file's name.
function withoutName(sentence) {
  return sentence.replace(/^this recording: /, "");
}

async function ask(path, sound, signal) {
  let response, answer;
  try {
    response = await fetch(path, { method: "POST", body: sound, signal });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(GONE);
  }
  if (!response.ok) throw Object.assign(new Error(answer.error), { unreadable: response.status === 415 });
  return answer;
}
