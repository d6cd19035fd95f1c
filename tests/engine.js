"use strict";

// node engine.js PACKAGE MODEL INPUT JOBS: the probabilities of each job's input, as JSON.

const fs = require("fs");
const [, , place, model, name, jobs] = process.argv;
const ort = require(place);

async function main() {
  if (ort.env.wasm) ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(model);
  const found = [];
  for (const { file, shape } of JSON.parse(jobs)) {
    const x = new Float32Array(new Uint8Array(fs.readFileSync(file)).buffer);
    const { probabilities } = await session.run({ [name]: new ort.Tensor("float32", x, shape) });
    found.push(Array.from(probabilities.data));
  }
  console.log(JSON.stringify(found));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
