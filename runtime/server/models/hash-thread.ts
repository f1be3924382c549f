/**
 * Run as a thread: takes paths of files and answers their SHA-256.
 */
import { parentPort } from "node:worker_threads";
import { sumOfFile } from "../../../formats/folders/manifest.js";
import type { HashReply } from "./hash-files.js";

parentPort!.on("message", (file: string) => {
  let reply: HashReply;
  try {
    reply = { sum: sumOfFile(file).sha256 };
  } catch (error) {
    reply = { fault: (error as Error).message };
  }
  parentPort!.postMessage(reply);
});
