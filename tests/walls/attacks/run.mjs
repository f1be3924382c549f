// Runs one attack as a process of its own: `node run.mjs ID HTTP_PORT GRPC_PORT SECONDS`. Prints "ready" when its bytes are made, and begins at a line on stdin.
import { setPriority } from "node:os";
import { ATTACKS } from "./index.mjs";

const [id, http, grpc, seconds] = process.argv.slice(2);
const found = ATTACKS.find(attack => attack.id === id);
if (!found) throw new Error(`no attack is named ${id}; there are ${ATTACKS.map(one => one.id).join(", ")}`);
// The attack is on the server, not on its neighbors by a lack of cores.
setPriority(19);
const attack = found.prepare();
process.stdout.write("ready\n");
await new Promise(resolve => process.stdin.once("data", resolve));
await attack({ http: Number(http), grpc: Number(grpc), until: Date.now() + Number(seconds) * 1000 });
process.exit();
