/** A repository whose folders have hostile names, and flags that name models and configurations. Prints what the servers answered. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, startServer } from "./serve-in-jail.mjs";

const CONFIG = `backend: "identity" max_batch_size: 8
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [1] } ]`;
// biome-ignore format: one list
const FOLDERS = ["good", " ", "\t", "\n", "...", ". .", "%2e%2e", "．．", "‥", "a\\b", "__proto__", "constructor", "-rf", "--help", "*", "x".repeat(255), ".hidden", "merlon-override-x"];
for (const name of FOLDERS) {
  mkdirSync(join(REPOSITORY, name, "1"), { recursive: true });
  writeFileSync(join(REPOSITORY, name, "config.pbtxt"), CONFIG);
}
const server = await startServer({ modelControlMode: "none" });
const index = JSON.parse((await server.http("POST", "/v2/repository/index", "{}")).body);
const live = (await server.http("GET", "/v2/health/live")).status;
await server.stop();

const started = [];
for (const flag of [
  ...["..", ".", "", "../repository/good", "/etc", "good/../good", "x".repeat(5000), "__proto__"].map(loadModels => ({
    loadModels: [loadModels],
  })),
  ...["../../sentinel", "\0"].map(modelConfigName => ({ loadModels: ["good"], modelConfigName })),
]) {
  const one = await startServer(flag);
  const ready = (await one.http("GET", "/v2/models/good/ready")).status;
  started.push([JSON.stringify(flag).slice(0, 60), ready]);
  await one.stop();
}
console.log(JSON.stringify({ ready: index.filter(({ state }) => state === "READY").length, live, started }));
