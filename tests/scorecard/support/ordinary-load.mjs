// Four ordinary clients in closed loops, as a process of its own: `node ordinary-load.mjs HTTP_PORT`. Two send few numbers, and two a text of
// 64 KB. Prints "ready", begins at a line on stdin, and ends when it is killed.
import { setPriority } from "node:os";
import { httpConnection, request } from "./http1-client.mjs";
import { jsonEcho } from "./messages.mjs";

const TEXT = 2 ** 16;
const post = (model, body) => request("POST", `/v2/models/${model}/infer`, {}, body);
const inputs = [{ name: "INPUT0", datatype: "BYTES", shape: [1, 1], data: ["x".repeat(TEXT)] }];
const bodies = [
  post("echo_int32", jsonEcho([1, 2, 3, 4])),
  post("echo_bytes", Buffer.from(JSON.stringify({ inputs }))),
];

async function live(port, bytes) {
  const connection = httpConnection(port);
  for (;;) {
    const { status } = await connection.send(bytes);
    if (status !== 200) throw new Error(`an ordinary request was answered with ${status}`);
  }
}

// As attackers, so that nothing but the server differs.
setPriority(19);
process.stdout.write("ready\n");
await new Promise(resolve => process.stdin.once("data", resolve));
const port = Number(process.argv[2]);
await Promise.all([...bodies, ...bodies].map(bytes => live(port, bytes)));
