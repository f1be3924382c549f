/**
 * The FAISS thread: the one place of a process that loads `faiss-node`, whose classes belong to the thread that loaded them first.
 * Requests in, replies out; all indexes of the process live here.
 */
import { serveCalls } from "../../../contract/workers/serve-calls.js";
import { faissCalls } from "./faiss-calls.js";
import type { FaissCalls } from "./protocol.js";

serveCalls<FaissCalls>(faissCalls());
