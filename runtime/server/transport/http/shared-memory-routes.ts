/**
 * The shared memory API over HTTP: system regions, and CUDA's as a server without GPUs answers them.
 */
import { internal, RuntimeFault, refuse, unsupported } from "../../../base/errors.js";
import type { Json } from "../../../wire/json/json.js";
import { SCALARS } from "../../../wire/json/json-kept.js";
import { type Answer, emptyAnswer, jsonAnswer } from "./answer.js";
import { bodyObject, type Call, type Route, route } from "./route.js";

const SHM_OFF = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.";
const done: Answer = { ...emptyAnswer(), type: "application/json" };
const REGION = "(?:/region/(?<region>[^/]+))?";

function requireShm({ context }: Call): void {
  if (!context.calls.options.allowClientShm) throw unsupported(SHM_OFF);
}

export const SHARED_MEMORY_ROUTES: readonly Route[] = [
  route("GET", "shared-memory", `/v2/systemsharedmemory${REGION}/status`, ({ path, context }) =>
    jsonAnswer(context.calls.memory.status(path.region ?? "")),
  ),
  route("GET", "shared-memory", `/v2/cudasharedmemory${REGION}/status`, ({ path }) => {
    if (path.region === undefined) return jsonAnswer([]);
    throw new RuntimeFault("NOT_FOUND", `Unable to find cuda shared memory region: '${path.region}'`);
  }),
  route("POST", "shared-memory", `/v2/systemsharedmemory${REGION}/unregister`, async call => {
    requireShm(call);
    await call.context.calls.memory.unregister(call.path.region ?? "");
    return done;
  }),
  route("POST", "shared-memory", `/v2/cudasharedmemory${REGION}/unregister`, call => {
    requireShm(call);
    return done;
  }),
  route("POST", "shared-memory", `/v2/systemsharedmemory${REGION}/register`, async call => {
    requireShm(call);
    const name = call.path.region;
    if (name === undefined) refuse("'region name' is necessary to register system shared memory region");
    const members = await bodyObject(call, false, SCALARS);
    const key = members.get("key");
    if (key === undefined) return refuse("Shared memory register request has no 'key' field");
    const offset = members.get("offset");
    const size = members.get("byte_size");
    const region = {
      name: name!,
      key: typeof key === "string" ? key : wrong("string"),
      offset: offset === undefined ? 0 : unsigned(offset),
      byte_size:
        size === undefined ? refuse("Shared memory register request has no 'byte_size' field") : unsigned(size),
    };
    await call.context.calls.memory.register(region);
    return done;
  }),
  route("POST", "shared-memory", `/v2/cudasharedmemory${REGION}/register`, call => {
    requireShm(call);
    return refuse(
      call.path.region === undefined
        ? "'region name' is necessary to register cuda shared memory region"
        : `failed to register CUDA shared memory region: '${call.path.region}', GPUs not supported`,
    );
  }),
];

const wrong = (kind: string): never => {
  throw internal(`attempt to access JSON non-${kind} as ${kind}`);
};
/** Sizes that no double holds are larger than any file. */
const unsigned = (json: Json): number => {
  if (typeof json === "bigint" && json >= 0n) return Number(json);
  return typeof json === "number" && Number.isInteger(json) && json >= 0 ? json : wrong("unsigned-integer");
};
