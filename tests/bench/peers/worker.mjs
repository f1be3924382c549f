// A server, or a worker of one, in a process of its own: the options of `serve` as JSON. Answers each message with its counters and CPU time.
import { serve } from "../../../dist/runtime/server/index.js";

const options = JSON.parse(process.argv[2]);
const server = await serve({ ...options, writeLog: () => {} });
await server.peers?.whole();
process.send({ ports: server.ports });
process.on("message", async () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuUs: user + system, counts: { ...server.peers?.counts } });
});
process.once("disconnect", () => process.exit(0));
