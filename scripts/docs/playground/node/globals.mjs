// ts-morph looks for Node's globals where it decides how to read files.
import { Buffer } from "./buffer.mjs";
import { process } from "./process.mjs";

globalThis.process = process;
globalThis.Buffer = Buffer;
globalThis.global = globalThis;
