/**
 * All attacks: `{ id, title, tags, flags, prepare }`. `prepare()` makes the bytes and returns `attack({ http, grpc, until })`, which runs until then.
 */
import * as grpcBodies from "./grpc-bodies.mjs";
import * as httpBodies from "./http-bodies.mjs";
import * as httpHeads from "./http-heads.mjs";
import * as http2Frames from "./http2-frames.mjs";
import * as loads from "./loads.mjs";

export const ATTACKS = [grpcBodies, httpBodies, httpHeads, http2Frames, loads].flatMap(group => Object.values(group));
