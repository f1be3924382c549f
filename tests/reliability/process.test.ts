/**
 * Rows 23 and 24: a full table of descriptors, short-lived connections, and impossible configurations.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MERLON } from "../needs/built.js";
import { resting } from "../run/wait.js";
import { familyOf, WORKERS } from "../run/workers.js";
import { repository } from "../runtime/server/support.js";
import { counted, grpcClient, PATIENCE_MS, startTarget, type Target } from "./support.js";

/** A server of its own that may open few files; resolves when its ports are known. */
async function startLimited(descriptors: number) {
  const flags = [
    "--workers",
    String(WORKERS),
    "--http-port",
    "0",
    "--grpc-port",
    "0",
    "--metrics-port",
    "0",
    "--http-address",
    "127.0.0.1",
    "--grpc-address",
    "127.0.0.1",
  ];
  const child = spawn(
    "sh",
    [
      "-c",
      `ulimit -n ${descriptors}; exec "$0" "$@"`,
      process.execPath,
      MERLON,
      "serve",
      "--model-repository",
      repository(["echo_int32"]),
      ...flags,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  const ports = await new Promise<{ grpc: number; http: number }>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      said += chunk;
      const grpc = /GRPCInferenceService at [^"\s]*:(\d+)/.exec(said)?.[1];
      const http = /HTTPService at [^"\s]*:(\d+)/.exec(said)?.[1];
      if (grpc && http) resolve({ grpc: Number(grpc), http: Number(http) });
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", code => reject(new Error(`the server ended with ${code}:\n${said}`)));
  });
  return {
    ...ports,
    child,
    open: () => familyOf(child.pid!).reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0),
  };
}

test(
  "23: a full table of descriptors costs connections, not the server; what closes is given back",
  async () => {
    const server = await startLimited(96);
    const sockets: Socket[] = [];
    try {
      const live = async (): Promise<number> =>
        (await fetch(`http://127.0.0.1:${server.http}/v2/health/live`, { headers: { connection: "close" } })).status;
      expect(await live()).toBe(200);
      const before = server.open();
      expect(familyOf(server.child.pid!)).toHaveLength(WORKERS === 1 ? 1 : 1 + WORKERS);
      for (let i = 0; i < 200; i++) {
        const socket = connect(i % 2 ? server.http : server.grpc, "127.0.0.1");
        socket.on("error", () => {});
        sockets.push(socket);
      }
      await resting(server.open, 300);
      expect(server.child.exitCode).toBeNull();
      for (const socket of sockets) socket.destroy();
      await expect.poll(server.open, { timeout: 20_000 }).toBeLessThanOrEqual(before + 5);
      for (let i = 0; i < counted(300, 50_000); i++) {
        const socket = connect(i % 2 ? server.http : server.grpc, "127.0.0.1");
        socket.on("error", () => {});
        await new Promise(resolve => {
          socket.on("connect", resolve);
          socket.on("close", resolve);
        });
        socket.destroy();
      }
      await expect.poll(server.open, { timeout: 20_000 }).toBeLessThanOrEqual(before + 5);
      expect(await live()).toBe(200);
      const rpc = grpcClient(server.grpc);
      expect((await rpc.call("ServerLive", "inference.ServerLiveRequest", {})).code).toBe(0);
      rpc.close();
    } finally {
      for (const socket of sockets) socket.destroy();
      server.child.kill("SIGKILL");
    }
  },
  PATIENCE_MS,
);

const tensor = (name: string, dims = "[4]"): string => `{ name: "${name}" data_type: TYPE_INT32 dims: ${dims} }`;
const model = (name: string, more: string, dims?: string): string =>
  `name: "${name}" backend: "identity" input [ ${tensor("INPUT0", dims)} ] output [ ${tensor("OUTPUT0", dims)} ] ${more}`;
const step = (of: string, from: string, to: string): string =>
  `{ model_name: "${of}" model_version: -1 input_map { key: "INPUT0" value: "${from}" } output_map { key: "OUTPUT0" value: "${to}" } }`;
const ensemble = (name: string, member: string): string =>
  `name: "${name}" platform: "ensemble" max_batch_size: 8 input [ ${tensor("INPUT0")} ] output [ ${tensor("OUTPUT0")} ]
   ensemble_scheduling { step [ ${step(member, "INPUT0", "OUTPUT0")} ] }`;
const BROKEN: Readonly<Record<string, string>> = {
  dims_minus_two: model("dims_minus_two", "max_batch_size: 8", "[-2]"),
  dims_zero: model("dims_zero", "max_batch_size: 8", "[0]"),
  batch_minus_one: model("batch_minus_one", "max_batch_size: -1"),
  batch_huge: model("batch_huge", "max_batch_size: 2147483648"),
  instances_many: model("instances_many", "instance_group [ { count: 100000000 kind: KIND_CPU } ]"),
  cycle_a: ensemble("cycle_a", "cycle_b"),
  cycle_b: ensemble("cycle_b", "cycle_a"),
  cycle_self: ensemble("cycle_self", "cycle_self"),
  deep: `name: "deep" backend: "identity" ${"parameters { key: 'a' value { ".repeat(20_000)}`,
  deep_unknown: `name: "deep_unknown" ${"a { ".repeat(100_000)}`,
  binary: "\u0000\u0001\u0002\ufffd",
  empty_braces: "{".repeat(100_000),
};

/** Odd, but Triton takes them; they must do no harm. */
const ODD: Readonly<Record<string, string>> = {
  instances_negative: model("instances_negative", "instance_group [ { count: -5 kind: KIND_CPU } ]"),
  names_twice: `name: "names_twice" backend: "identity" input [ ${tensor("INPUT0")}, ${tensor("INPUT0")} ] output [ ${tensor("OUTPUT0")}, ${tensor("OUTPUT0")} ]`,
};

let target: Target;
beforeAll(async () => {
  const files = Object.entries({ ...BROKEN, ...ODD }).flatMap(([name, text]) => [
    [`${name}/config.pbtxt`, text] as const,
    [`${name}/1/.keep`, ""] as const,
  ]);
  target = await startTarget(repository(["echo_int32"], Object.fromEntries(files)), {
    exitOnError: false,
    strictReadiness: false,
  });
});
afterAll(() => target.stop());

test("24: a configuration that makes no sense is the fault of its model alone", async () => {
  const { body } = await target.post("/v2/repository/index", {});
  const entries = body as { name: string; state?: string; reason?: string }[];
  const serving = entries.filter(({ name, state }) => state === "READY" && !(name in ODD)).map(({ name }) => name);
  expect(serving).toEqual(["echo_int32"]);
  for (const name of Object.keys(BROKEN)) {
    const http = await fetch(`${target.http}/v2/models/${name}/infer`, { method: "POST", body: "{}" });
    expect([400, 404, 503], name).toContain(http.status);
    expect([3, 5, 14], name).toContain((await target.rpc.infer({ model_name: name })).code);
  }
  await target.alive();
});
