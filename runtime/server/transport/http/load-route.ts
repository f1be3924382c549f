/**
 * POST …/load: a model's name, and optionally a configuration and files in base64.
 */
import { internal, invalid } from "../../../base/errors.js";
import { inSlices, type Sliced } from "../../../base/slices.js";
import type { JsonObject } from "../../../wire/json/json.js";
import { membersOf, SCALARS } from "../../../wire/json/json-kept.js";
import type { Override } from "../../models/override.js";
import { isObject } from "./access.js";
import { type Answer, emptyAnswer } from "./answer.js";
import { type Call, chargedJson } from "./route.js";

/** Files of one request: each is a file of the temporary folder. */
const MOST_FILES = 4096;
/** Characters that are decoded at a time: whole groups of four. */
const TEXT_AT_A_TIME = 2 ** 20;

const PARAMETERS = membersOf({ parameters: SCALARS });

export async function answerLoad(call: Call): Promise<Answer> {
  const { calls, budget } = call.context;
  const charge = budget.open();
  try {
    const body = await chargedJson(call, true, PARAMETERS, charge);
    const parameters = isObject(body) ? body.get("parameters") : undefined;
    if (parameters !== undefined && !isObject(parameters)) throw internal("attempt to get members for non-object");
    // Faults in the parameters precede the refusal to load at all.
    const override =
      parameters &&
      (await inSlices(
        readOverride(parameters, bytes => charge.add(bytes)),
        call.signal,
      ));
    await calls.load(call.path.model!, override);
    return { ...emptyAnswer(), type: "application/json" };
  } finally {
    charge.release();
  }
}

/** @throws RuntimeFault */
function* readOverride(parameters: JsonObject, allocated: (bytes: number) => void): Sliced<Override | undefined> {
  let config: string | undefined;
  const files = new Map<string, Buffer>();
  if (parameters.size > MOST_FILES)
    throw invalid(`the load request has ${parameters.size} parameters; at most ${MOST_FILES} are supported`);
  for (const [key, value] of parameters) {
    if (typeof value !== "string") throw internal("attempt to access JSON non-string as string");
    if (key !== "config" && !key.startsWith("file:")) throw internal("unexpected error on creating Triton parameter");
    if (key === "config") config = value;
    else files.set(key.slice("file:".length), yield* decodeBase64(value, allocated));
  }
  if (config === undefined && files.size === 0) return undefined;
  return { files, ...(config !== undefined && { config }) };
}

function* decodeBase64(text: string, allocated: (bytes: number) => void): Sliced<Buffer> {
  yield;
  allocated(Buffer.byteLength(text, "base64"));
  if (text.length <= TEXT_AT_A_TIME) return Buffer.from(text, "base64");
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(text, "base64"));
  let at = 0;
  for (let from = 0; from < text.length; from += TEXT_AT_A_TIME) {
    const part = text.slice(from, from + TEXT_AT_A_TIME);
    const written = bytes.write(part, at, "base64");
    at += written;
    // Blanks and line ends shift the following groups: the whole is then decoded together.
    if (from + TEXT_AT_A_TIME < text.length && written !== (TEXT_AT_A_TIME / 4) * 3) return Buffer.from(text, "base64");
    yield;
  }
  return bytes.subarray(0, at);
}
