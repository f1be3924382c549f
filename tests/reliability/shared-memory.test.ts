/**
 * Rows 8 to 11: keys, arithmetic and lifetime of shared memory regions, which are off by default.
 */
import {
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decode } from "#triton-protos/proto-root.js";
import { repository } from "../runtime/server/support.js";
import { counted, PATIENCE_MS, startTarget, type Target } from "./support.js";

let target: Target;
const key = `merlon-test-${process.pid}`;
const file = `/dev/shm/${key}`;
beforeAll(async () => {
  target = await startTarget(repository(["echo_int32"]), { allowClientShm: true });
  writeFileSync(file, Buffer.from(Int32Array.of(5, 6, 7, 8).buffer));
});
afterAll(async () => {
  await target.stop();
  rmSync(file, { force: true });
});

const register = async (name: string, region: { key: string; offset?: number; byte_size: number }) => {
  const http = await target.post(`/v2/systemsharedmemory/region/${name}/register`, { offset: 0, ...region });
  const rpc = await target.rpc.call("SystemSharedMemoryRegister", "inference.SystemSharedMemoryRegisterRequest", {
    name: `${name}_rpc`,
    ...region,
  });
  return { http, rpc };
};
const unregister = (name = ""): Promise<unknown> =>
  target.post(`/v2/systemsharedmemory${name && `/region/${name}`}/unregister`, {});
const infer = (region: Record<string, number | string>) =>
  target.post("/v2/models/echo_int32/infer", {
    inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", parameters: region }],
  });

test("8: only a plain file directly in shared memory can be a region, and faults name no path", async () => {
  const folder = `${key}-folder`;
  const link = `${key}-link`;
  mkdirSync(`/dev/shm/${folder}`);
  symlinkSync("/etc/hostname", `/dev/shm/${link}`);
  try {
    // biome-ignore format: one list
    for (const bad of ["/", "///", "", "..", "../etc/hostname", "a/b", "/a/../b", folder, link, "triton_python_backend_shm_region_1",
      "/triton_python_backend_shm_region_1", "//triton_python_backend_shm_region_1", "///triton_python_backend_shm_region_1", "nul\0byte"]) {
      const { http, rpc } = await register("bad", { key: bad, byte_size: 16 });
      expect(http.status, bad).toBeGreaterThanOrEqual(400);
      expect(rpc.code, bad).not.toBe(0);
      expect(`${JSON.stringify(http.body)}${rpc.message}`, bad).not.toContain("/dev/shm");
    }
  } finally {
    rmdirSync(`/dev/shm/${folder}`);
    unlinkSync(`/dev/shm/${link}`);
  }
  await target.alive();
});

test("9: offsets and sizes are computed without wrapping, and a file that shrank is a fault, not a signal", async () => {
  for (const [offset, byte_size] of [
    [2 ** 53 - 1, 16],
    [16, 16],
    [0, 17],
    [0, 0],
    [1, 8],
    [4096, 16],
  ] as const) {
    const { http, rpc } = await register("bad", { key, offset, byte_size });
    expect(http.status, `${offset}+${byte_size}`).toBeGreaterThanOrEqual(400);
    expect(rpc.code, `${offset}+${byte_size}`).not.toBe(0);
  }
  const raw = await fetch(`${target.http}/v2/systemsharedmemory/region/bad/register`, {
    method: "POST",
    body: `{"key":"${key}","offset":18446744073709551584,"byte_size":64}`,
  });
  expect(raw.status).toBeGreaterThanOrEqual(400);
  const negative = await fetch(`${target.http}/v2/systemsharedmemory/region/bad/register`, {
    method: "POST",
    body: `{"key":"${key}","offset":-4096,"byte_size":16}`,
  });
  expect(negative.status).toBeGreaterThanOrEqual(400);
  expect((await register("good", { key, byte_size: 16 })).http.status).toBe(200);
  for (const [offset, size] of [
    [0, 17],
    [16, 16],
    [8, 16],
    [2 ** 53 - 1, 16],
    [-1, 16],
    [0, -1],
  ] as const) {
    const answer = await infer({
      shared_memory_region: "good",
      shared_memory_offset: offset,
      shared_memory_byte_size: size,
    });
    expect(answer.status, `${offset}+${size}`).toBeGreaterThanOrEqual(400);
  }
  const good = { shared_memory_region: "good", shared_memory_byte_size: 16 };
  expect(await infer(good)).toMatchObject({ status: 200, body: { outputs: [{ data: [5, 6, 7, 8] }] } });
  truncateSync(file, 4);
  expect((await infer(good)).status).toBeGreaterThanOrEqual(400);
  const rpc = await target.rpc.infer({
    model_name: "echo_int32",
    inputs: [
      {
        name: "INPUT0",
        shape: [1, 4],
        datatype: "INT32",
        parameters: { shared_memory_region: { string_param: "good" }, shared_memory_byte_size: { int64_param: 16 } },
      },
    ],
  });
  expect(rpc.code).not.toBe(0);
  writeFileSync(file, Buffer.from(Int32Array.of(5, 6, 7, 8).buffer));
  await unregister();
  await target.alive();
});

test(
  "10: regions are added and removed under requests; nothing is left open",
  async () => {
    const descriptors = (): number => readdirSync("/proc/self/fd").length;
    const good = { shared_memory_region: "cycle", shared_memory_byte_size: 16 };
    // The client's own sockets are open before the count.
    await Promise.all(Array.from({ length: 8 }, () => infer(good)));
    const before = descriptors();
    for (let i = 0; i < counted(150, 10_000); i++) {
      await target.post("/v2/systemsharedmemory/region/cycle/register", { key, offset: 0, byte_size: 16 });
      const answers = Promise.all(Array.from({ length: 4 }, () => infer(good)));
      await unregister("cycle");
      for (const { status, body } of await answers)
        if (status === 200) expect(body).toMatchObject({ outputs: [{ data: [5, 6, 7, 8] }] });
        else expect([400, 404]).toContain(status);
    }
    await unregister();
    expect(descriptors()).toBeLessThanOrEqual(before + 5);
    await target.alive();
  },
  PATIENCE_MS,
);

test("11: without the flag, no region can be registered", async () => {
  const plain = await startTarget(repository(["echo_int32"]));
  try {
    const http = await plain.post("/v2/systemsharedmemory/region/r/register", { key, offset: 0, byte_size: 16 });
    expect(http.status).toBe(501);
    const rpc = await plain.rpc.call("SystemSharedMemoryRegister", "inference.SystemSharedMemoryRegisterRequest", {
      name: "r",
      key,
      byte_size: 16,
    });
    expect(rpc.code).toBe(12);
    const status = await plain.rpc.call("SystemSharedMemoryStatus", "inference.SystemSharedMemoryStatusRequest", {});
    expect(decode("inference.SystemSharedMemoryStatusResponse", status.bytes!).regions).toEqual({});
    await plain.alive();
  } finally {
    await plain.stop();
  }
});
