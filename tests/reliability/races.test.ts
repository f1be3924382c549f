/**
 * Rows 21 and 22: cancels at any moment give every slot back; loading and unloading under requests answers only what is documented.
 */
import { connect as connectHttp2 } from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encode } from "#triton-protos/proto-root.js";
import { repository } from "../runtime/server/support.js";
import { counted, INFER, PATIENCE_MS, startTarget, type Target } from "./support.js";

let target: Target;
const slow = (name: string, batcher: string): string => `name: "${name}" backend: "identity" max_batch_size: 8
  input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [4] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [4] } ]
  ${batcher} instance_group [ { count: 1 kind: KIND_CPU } ] parameters { key: "execute_delay_ms" value { string_value: "3" } }`;
beforeAll(async () => {
  target = await startTarget(
    repository(["echo_int32"], {
      "slow_direct/config.pbtxt": slow("slow_direct", ""),
      "slow_direct/1/.keep": "",
      "slow_dynamic/config.pbtxt": slow("slow_dynamic", "dynamic_batching { max_queue_delay_microseconds: 2000 }"),
      "slow_dynamic/1/.keep": "",
    }),
    { modelControlMode: "explicit", loadModels: ["*"] },
  );
});
afterAll(() => target.stop());

const request = (model: string): Buffer =>
  Buffer.from(
    encode("inference.ModelInferRequest", {
      model_name: model,
      inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32" }],
      raw_input_contents: [new Uint8Array(16)],
    }),
  );
const same = (bytes: Buffer): Buffer => bytes;
/** A repeatable sequence: the moments of the cancels. */
function moments(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Starts a call and cancels it after some milliseconds, before it is sent when 0; gRPC's number. */
const cancelled = (model: string, after: number): Promise<number> =>
  new Promise(resolve => {
    const call = target.rpc.client.makeUnaryRequest(
      INFER,
      same,
      same,
      request(model),
      (error: grpc.ServiceError | null) => resolve(error?.code ?? 0),
    );
    if (after === 0) call.cancel();
    else setTimeout(() => call.cancel(), after);
  });

const pending = async (): Promise<number> => {
  const text = await (await fetch(`http://127.0.0.1:${target.ports.metrics}/metrics`)).text();
  const lines = text.split("\n").filter(line => line.startsWith("nv_inference_pending_request_count{"));
  expect(lines.length, lines.join("\n")).toBeGreaterThan(2);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
};

test("21: cancels before, in the queue, while running and after leave nothing behind", async () => {
  const next = moments(7);
  for (const model of ["slow_direct", "slow_dynamic"])
    for (let round = 0; round < 10; round++) {
      const codes = await Promise.all(
        Array.from({ length: 20 }, (_, i) => cancelled(model, i === 0 ? 0 : next() * 25)),
      );
      for (const code of codes) expect([grpc.status.OK, grpc.status.CANCELLED]).toContain(code);
    }
  await expect.poll(pending, { timeout: 10_000 }).toBe(0);
  for (const model_name of ["slow_direct", "slow_dynamic"]) {
    const answer = await target.rpc.send(INFER, request(model_name));
    expect(answer.code).toBe(0);
  }
  await target.alive();
});

test("21: a deadline that is over before the model is leaves the server up", async () => {
  // Raw calls: grpc-js would end the call itself, and never see what the server sends.
  const session = connectHttp2(`http://127.0.0.1:${target.ports.grpc}`);
  const message = request("slow_direct");
  const frame = Buffer.concat([Buffer.alloc(5), message]);
  frame.writeUInt32BE(message.length, 1);
  const status = (timeout: string): Promise<string> =>
    new Promise(resolve => {
      const stream = session.request({
        ":method": "POST",
        ":path": INFER,
        "content-type": "application/grpc",
        te: "trailers",
        "grpc-timeout": timeout,
      });
      let found = "";
      const read = (headers: Record<string, unknown>): void => {
        found = String(headers["grpc-status"] ?? found);
      };
      stream
        .on("response", read)
        .on("trailers", read)
        .on("error", () => {});
      stream.on("close", () => resolve(found));
      stream.resume();
      stream.end(frame);
    });
  try {
    expect(await Promise.all(["1n", "1u", "1m"].map(status))).toEqual(["4", "4", "4"]);
    expect(await status("20S")).toBe("0");
    // The largest a client may write; more than a timer holds.
    expect(await status("99999999H")).toBe("0");
  } finally {
    session.destroy();
  }
  await expect.poll(pending, { timeout: 10_000 }).toBe(0);
  await target.alive();
});

test(
  "21: a stream of both directions that is cut at any moment leaves nothing behind",
  async () => {
    const next = moments(21);
    const cut = (after: number): Promise<void> =>
      new Promise(resolve => {
        const call = target.rpc.client.makeBidiStreamRequest(
          "/inference.GRPCInferenceService/ModelStreamInfer",
          same,
          same,
        );
        call.on("data", () => {});
        call.on("error", () => {});
        call.on("close", resolve);
        call.on("status", () => resolve());
        for (let i = 0; i < 8; i++) call.write(request(i % 2 ? "slow_direct" : "slow_dynamic"));
        setTimeout(() => call.cancel(), after);
      });
    for (let round = 0; round < counted(10, 500); round++)
      await Promise.all(Array.from({ length: 20 }, () => cut(next() * 20)));
    await expect.poll(pending, { timeout: 10_000 }).toBe(0);
    await target.alive();
  },
  PATIENCE_MS,
);

test(
  "21: a client that hangs up in the middle of an HTTP answer leaves nothing behind",
  async () => {
    const next = moments(3);
    for (let round = 0; round < counted(10, 500); round++)
      await Promise.all(
        Array.from({ length: 20 }, () =>
          fetch(`${target.http}/v2/models/slow_direct/infer`, {
            method: "POST",
            body: JSON.stringify({
              inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }],
            }),
            signal: AbortSignal.timeout(1 + Math.floor(next() * 25)),
          })
            .then(answer => answer.text())
            .catch(() => ""),
        ),
      );
    await expect.poll(pending, { timeout: 10_000 }).toBe(0);
    await target.alive();
  },
  PATIENCE_MS,
);

test(
  "22: one model loaded and unloaded by many at once, under requests",
  async () => {
    const control = async (loop: number): Promise<void> => {
      for (let i = 0; i < counted(16, 1024); i++) {
        const name = (loop + i) % 2 ? "RepositoryModelLoad" : "RepositoryModelUnload";
        const request =
          name === "RepositoryModelLoad"
            ? "inference.RepositoryModelLoadRequest"
            : "inference.RepositoryModelUnloadRequest";
        const { code, message } = await target.rpc.call(name, request, { model_name: "slow_direct" });
        // A load may find the model on its way down; anything else is a bug.
        expect([0, 3, 14], message).toContain(code);
      }
    };
    let over = false;
    const asking = (async (): Promise<void> => {
      while (!over) {
        const { code, message } = await target.rpc.send(INFER, request("slow_direct"));
        expect([0, 5, 14], message).toContain(code);
        await target.alive();
      }
    })();
    await Promise.all(Array.from({ length: counted(6, 32) }, (_, loop) => control(loop)));
    over = true;
    await asking;
    expect((await target.post("/v2/repository/models/slow_direct/load", {})).status).toBe(200);
    expect((await target.rpc.send(INFER, request("slow_direct"))).code).toBe(0);
    await target.alive();
  },
  PATIENCE_MS,
);
