/**
 * The client's contract against Merlon, and, if installed, a real Triton and MLServer: `MERLON_TRITON` and `MERLON_MLSERVER` name Python
 * environments with nvidia-pytriton, or mlserver.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { serve } from "#runtime/server/index.js";
import { startTriton } from "../../bench/server/processes.mjs";
import { contract } from "./contract.js";
import { contractRepository, mlserverRepository } from "./contract-models.js";
import { startMlserver } from "./start-mlserver.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-client-"));
const inside = (name: string): string => {
  mkdirSync(join(folder, name), { recursive: true });
  return join(folder, name);
};
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Started {
  readonly grpc: number;
  readonly http: number;
  stop(): Promise<unknown>;
}

function against(
  name: string,
  start: () => Promise<Started>,
  lacks: { both?: object; grpc?: object; http?: object } = {},
): void {
  describe(name, () => {
    let server: Started;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.stop());
    const merged = (own: object = {}) => ({ ...lacks.both, ...own }) as Record<string, string>;
    contract({ name: `${name}, gRPC`, url: () => `grpc://127.0.0.1:${server.grpc}`, lacks: merged(lacks.grpc) });
    contract({ name: `${name}, HTTP`, url: () => `http://127.0.0.1:${server.http}`, lacks: merged(lacks.http) });
  });
}

against("Merlon", async () => {
  const loopback = { port: 0, address: "127.0.0.1" };
  const { ports, stop } = await serve({
    modelRepositories: [contractRepository(inside("merlon"))],
    ...{ http: loopback, grpc: loopback, metrics: false },
    ...{ modelControlMode: "explicit", loadModels: ["*"], allowClientShm: true, writeLog: () => {} },
    ...{ httpMaxInputSize: 2 ** 28, trace: { file: join(folder, "trace.json") } },
  } as unknown as Parameters<typeof serve>[0]);
  return { grpc: ports.grpc!, http: ports.http!, stop };
});

const triton = process.env.MERLON_TRITON;
if (triton)
  against(
    "Triton 2.51",
    () =>
      startTriton(triton, contractRepository(inside("triton")), inside("scratch"), [
        ...["--model-control-mode", "explicit", "--load-model", "*"],
      ]) as Promise<Started>,
    { both: { echo_bf16: "its Python back end has no BF16" } },
  );
else test("Triton 2.51", ({ skip }) => skip("MERLON_TRITON names no environment with nvidia-pytriton"));

const mlserver = process.env.MERLON_MLSERVER;
if (mlserver) {
  const names = [
    "echo_bool",
    "echo_uint8",
    "echo_int32",
    "echo_int64",
    "echo_fp32",
    "echo_fp64",
    "echo_bytes",
    "batched",
    "matrix",
    "fail",
    "slow",
    "two",
  ];
  against(
    "MLServer 1.7",
    () => startMlserver(mlserver, inside("mlserver"), ports => mlserverRepository(inside("mlserver"), names, ports)),
    {
      both: Object.fromEntries(
        [
          "echo_uint16",
          "echo_uint32",
          "echo_uint64",
          "echo_int8",
          "echo_int16",
          "echo_fp16",
          "echo_bf16",
          "count",
          "total",
          "said",
          "management",
          "large",
          "many",
          "some outputs",
          "fail",
        ].map(name => [name, "not tried, or MLServer has no such thing"]),
      ),
    },
  );
} else test("MLServer 1.7", ({ skip }) => skip("MERLON_MLSERVER names no environment with mlserver"));
