/**
 * Preloaded into a server under measurement: a quadratic check of inputs, which the search for costly requests must find.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { pathToFileURL } from "node:url";
import { DIST } from "../../scorecard/support/server-process.mjs";

// The server runs its modules, as the bundle has a reader of its own.
const { statSync } = fs;
fs.statSync = (path, options) => (String(path).includes("/bundle/") ? undefined : statSync(path, options));
syncBuiltinESMExports();

const { JsonReader } = await import(pathToFileURL(`${DIST}/runtime/wire/json/json.js`).href);
const member = ({ value }, name) => (value instanceof Map ? value.get(name) : undefined);
const nameOf = input => (input instanceof Map ? input.get("name") : input);

/** Compares each input with each other one. */
function compareInputs(reader) {
  const inputs = member(reader, "inputs");
  if (!Array.isArray(inputs)) return 0;
  let equal = 0;
  for (const one of inputs) for (const other of inputs) if (nameOf(one) === nameOf(other)) equal++;
  return equal;
}

const { read } = JsonReader.prototype;
JsonReader.prototype.read = function readWithFlaw(work) {
  const isDone = read.call(this, work);
  if (isDone) compareInputs(this);
  return isDone;
};
