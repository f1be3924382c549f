// The findings of `merlon doctor --gpu` about CUDA, control groups and libraries, in folders of the test's own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type CudaPlaces, cudaFindings } from "#cli/doctor/cuda.js";
import { elfNeeds } from "#cli/doctor/elf-needs.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-doctor-cuda-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @returns a folder with these files */
function files(contents: Readonly<Record<string, string | Uint8Array>>): string {
  const at = mkdtempSync(join(folder, "at-"));
  for (const [path, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), content);
  }
  return at;
}

/** A 64-bit library of two segments, which needs these: all of it is loaded at 0x1000. */
function library(needs: readonly string[]): Buffer {
  const names = Buffer.from(`\0${needs.map(name => `${name}\0`).join("")}`);
  const at = needs.map(name => names.indexOf(`\0${name}\0`) + 1);
  const tags = [...at.map(place => [1, place]), [5, 0x1000 + 176], [10, names.length], [0, 0]];
  const out = Buffer.alloc(176 + names.length + tags.length * 16);
  out.write("7f454c460201", 0, "hex");
  out.writeBigUInt64LE(64n, 32);
  out.writeUInt16LE(2, 56);
  const segments = [
    [1, 0, 0x1000, out.length],
    [2, 176 + names.length, 0x1000 + 176 + names.length, tags.length * 16],
  ] as const;
  for (const [i, [type, offset, address, size]] of segments.entries()) {
    const start = 64 + i * 56;
    out.writeUInt32LE(type, start);
    for (const [field, value] of [
      [8, offset],
      [16, address],
      [32, size],
    ] as const)
      out.writeBigUInt64LE(BigInt(value), start + field);
  }
  names.copy(out, 176);
  for (const [i, [tag, value]] of tags.entries()) {
    out.writeBigUInt64LE(BigInt(tag!), 176 + names.length + i * 16);
    out.writeBigUInt64LE(BigInt(value!), 176 + names.length + i * 16 + 8);
  }
  return out;
}

describe.runIf(process.platform === "linux")("libraries that a library needs", () => {
  test("a file that is none, is cut off, or has damaged numbers has no answer, and none takes long", () => {
    const whole = library(["libcudart.so.12"]);
    const path = join(files({}), "b.so");
    for (let end = 0; end < whole.length; end++) {
      writeFileSync(path, whole.subarray(0, end));
      elfNeeds(path);
    }
    for (let at = 0; at < whole.length; at++)
      for (const value of [0, 0xff]) {
        const damaged = Buffer.from(whole);
        damaged[at] = value;
        writeFileSync(path, damaged);
        elfNeeds(path);
      }
    expect(elfNeeds(join(folder, "none.so"))).toBeUndefined();
    expect(elfNeeds(folder)).toBeUndefined();
    writeFileSync(path, "#!/bin/sh\n".padEnd(100));
    expect(elfNeeds(path)).toBeUndefined();
  });
});

describe("CUDA", () => {
  const PROVIDER = "libonnxruntime_providers_cuda.so";
  const NEEDS = ["libcublas.so.13", "libcudart.so.13", "libcudnn.so.9", "libc.so.6"];
  const machine = ({
    driver = "580.65.06",
    provider = library(NEEDS) as Uint8Array | null,
    libraries = [...NEEDS, "libcuda.so.1"] as readonly string[],
    isSearched = true,
    visible = undefined as string | undefined,
  } = {}): CudaPlaces => ({
    dev: join(files({ "dev/nvidia0": "", "dev/nvidiactl": "" }), "dev"),
    proc: files({
      "driver/nvidia/version": `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  ${driver}  Release Build\nGCC version: 12.2.0\n`,
      "driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 1\n",
    }),
    env: { CUDA_VISIBLE_DEVICES: visible },
    native: files(provider ? { [PROVIDER]: provider } : {}),
    find: name => (libraries.includes(name) ? { path: `/cuda/${name}`, isSearched } : undefined),
  });
  const found = (places: CudaPlaces) => Object.fromEntries(cudaFindings(places).map(one => [one.name, one]));

  test("is whole where device, driver, provider and libraries are", () => {
    const all = found(machine());
    for (const one of Object.values(all)) expect(one, one.name).toMatchObject({ state: "ok" });
    expect(all["NVIDIA device"]).toMatchObject({ found: "NVIDIA H100 80GB HBM3", details: { devices: ["nvidia0"] } });
    expect(all["NVIDIA driver"]!.found).toBe("580.65.06, /cuda/libcuda.so.1");
    expect(all["CUDA libraries"]!.found).toBe("libcublas.so.13, libcudart.so.13");
  });
  test("the provider says which CUDA it was built for, and so which driver and packages", () => {
    expect(found(machine({ driver: "550.54.15" }))["NVIDIA driver"]).toMatchObject({
      state: "broken",
      found: "550.54.15 is too old for CUDA 13",
      fix: "install driver 580 or newer",
    });
    const of12 = found(
      machine({ driver: "550.54.15", provider: library(["libcudart.so.12"]), libraries: ["libcuda.so.1"] }),
    );
    expect(of12["NVIDIA driver"]!.state).toBe("ok");
    expect(of12["CUDA libraries"]).toMatchObject({ state: "absent", found: "missing: libcudart.so.12" });
    expect(of12["CUDA libraries"]!.fix).toContain("cuda-libraries-12-9");
    expect(of12.cuDNN!.fix).toContain("libcudnn9-cuda-12");
  });
  test("without a provider CUDA 12's libraries are looked for, and the line installs it", () => {
    const { "CUDA provider": provider, "CUDA libraries": libraries } = found(machine({ provider: null }));
    expect(provider).toMatchObject({ state: "absent" });
    expect(provider!.fix).toMatch(
      /^(ONNXRUNTIME_NODE_INSTALL=cuda12 node |onnxruntime-node has it for Linux x64 only)/,
    );
    expect(libraries!.found).toMatch(/^missing: .*libcudart\.so\.12/);
    expect(found({ ...machine(), native: undefined })["CUDA provider"]!.fix).toBe("install onnxruntime-node first");
  });
});
