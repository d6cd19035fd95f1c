"use strict";

// Send sound to the server that this page came from, and return its answer. Throws an error whose message is for
// people; or, if `signal` ended it, an AbortError.

async function ask(path, sound, signal) {
  let response, answer;
  try {
    response = await fetch(path, { method: "POST", body: sound, signal });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("numser does not answer; start python -m numser.demo again, and open the page that it names");
  }
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
