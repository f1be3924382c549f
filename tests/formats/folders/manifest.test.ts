// A manifest has each immutable file of its folder with size and checksum; what differs is named with both values and the way out.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  AGAIN,
  checkFitted,
  differenceOf,
  faultOf,
  MANIFEST_FILE,
  printManifest,
  readManifest,
} from "#formats/folders/manifest.js";
import { readWorkflow } from "#formats/folders/workflow.js";

const sha = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "merlon-manifest-form-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}
const withManifest = (manifest: unknown): string =>
  folderOf({ [MANIFEST_FILE]: typeof manifest === "string" ? manifest : JSON.stringify(manifest) });

describe("a printed manifest", () => {
  test("has the files in order, without itself and those that change, and ends with a line break", () => {
    const folder = folderOf({ "b/c.bin": "c", a: "a", "z.check": "z", store: "s", [MANIFEST_FILE]: "old", "b/d": "" });
    symlinkSync("a", join(folder, "link"));
    const printed = printManifest(folder, { inPlace: ["store", "b/d"], without: new Set(["z.check"]) });
    expect(printed).toBe(
      `${JSON.stringify(
        {
          format: "merlon/manifest",
          version: 2,
          files: { a: { bytes: 1, sha256: sha("a") }, "b/c.bin": { bytes: 1, sha256: sha("c") } },
          inPlace: ["b/d", "store"],
        },
        null,
        2,
      )}\n`,
    );
    expect(JSON.parse(printManifest(folder))).not.toHaveProperty("inPlace");
    expect(Object.keys((JSON.parse(printManifest(folder)) as { files: object }).files)).toEqual([
      ...["a", "b/c.bin", "b/d", "store", "z.check"],
    ]);
  });
  test("is read back as it was printed", () => {
    const folder = folderOf({ a: "a", "b/c": "cc", d: "" });
    writeFileSync(join(folder, MANIFEST_FILE), printManifest(folder, { inPlace: ["d"] }));
    const read = readManifest(folder)!;
    expect([...read.files]).toEqual([
      ["a", { bytes: 1, sha256: sha("a") }],
      ["b/c", { bytes: 2, sha256: sha("cc") }],
    ]);
    expect({ ...read, files: 0 }).toEqual({ files: 0, inPlace: ["d"], states: {} });
  });
});

describe("a manifest that is read", () => {
  const whole = { format: "merlon/manifest", version: 2, files: {} };
  test("may be missing; version 1 has checksums without sizes", () => {
    expect(readManifest(folderOf({}))).toBeUndefined();
    const { files, inPlace, states } = readManifest(
      withManifest({ ...whole, version: 1, files: { a: `sha256:${sha("a")}` } }),
    )!;
    expect([[...files], inPlace, states]).toEqual([[["a", { bytes: -1, sha256: sha("a") }]], [], {}]);
  });
  test.each<[string, unknown]>([
    ["no JSON", "{"],
    ["another format", { ...whole, format: "merlon/plan" }],
    ["a later version", { ...whole, version: 3 }],
    ["no files", { ...whole, files: undefined }],
    ["a path that leads out", { ...whole, files: { "../a": { bytes: 1, sha256: sha("a") } } }],
    ["a path in place that leads out", { ...whole, inPlace: ["/etc/passwd"] }],
    ["a checksum that is too short", { ...whole, files: { a: { bytes: 1, sha256: "ab" } } }],
    ["a checksum and more", { ...whole, files: { a: { bytes: 1, sha256: `${sha("a")}0` } } }],
    ["a checksum after something else", { ...whole, files: { a: { bytes: 1, sha256: `0${sha("a")}` } } }],
    ["a checksum of version 1 and more", { ...whole, files: { a: `sha256:${sha("a")}0` } }],
    ["a checksum of version 1 after something else", { ...whole, files: { a: `xsha256:${sha("a")}` } }],
    ["a negative size", { ...whole, files: { a: { bytes: -1, sha256: sha("a") } } }],
    ["half a byte", { ...whole, files: { a: { bytes: 0.5, sha256: sha("a") } } }],
    ["states that are not checksums", { ...whole, states: { step: 1 } }],
  ])("with %s is refused by its path, with the way out", (_, manifest) => {
    const folder = withManifest(manifest);
    const says = (again: string) =>
      `${join(folder, MANIFEST_FILE)} is not a manifest: it was edited or damaged since it was written. ${again}`;
    expect(() => readManifest(folder)).toThrow(says(AGAIN.build));
    expect(() => readManifest(folder, AGAIN.fit)).toThrow(says(AGAIN.fit));
  });
});

describe("a file", () => {
  test("that differs has a sentence that says how", () => {
    const folder = folderOf({ a: "abc", empty: "" });
    const a = join(folder, "a");
    const since = "it was edited or damaged since";
    expect(faultOf(a, { bytes: 4, sha256: sha("abc") })).toBe(`has 3 bytes, but \`merlon build\` wrote 4: ${since}`);
    expect(faultOf(a, { bytes: 0, sha256: sha("") }, "fit")).toBe(`has 3 bytes, but \`merlon fit\` wrote 0: ${since}`);
    expect(faultOf(a, { bytes: 3, sha256: sha("abd") }, "fit")).toBe(
      `has the checksum sha256:${sha("abc").slice(0, 12)}, but \`merlon fit\` wrote sha256:${sha("abd").slice(0, 12)}: ${since}`,
    );
    expect(differenceOf(`sha256:${sha("a")}`, `sha256:${sha("b")}`)).toBe(
      `has the checksum sha256:${sha("a").slice(0, 12)}, but \`merlon build\` wrote sha256:${sha("b").slice(0, 12)}: ${since}`,
    );
    expect(differenceOf("x", "x")).toBeUndefined();
  });
  test("that is missing, a folder, or a pipe is not waited for", () => {
    const folder = folderOf({});
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const fault = (name: string, writer?: "fit") => faultOf(join(folder, name), { bytes: 0, sha256: sha("") }, writer);
    expect(fault("gone")).toBe("is missing; `merlon build` wrote it");
    expect(fault("gone", "fit")).toBe("is missing; `merlon fit` wrote it");
    expect(fault("pipe")).toBe("cannot be read (it is not a regular file)");
    expect(fault(".")).toBe("cannot be read (it is not a regular file)");
  });
});

describe("a fitted folder", () => {
  const SAMPLE = join(import.meta.dirname, "..", "..", "samples", "artefacts", "etl", "user");
  test("is compared file by file; its golden rows may be left out", () => {
    const plan = readWorkflow(SAMPLE);
    const folder = folderOf({ "state.arrow": "state", "golden.json": "{}" });
    checkFitted(folder, plan);
    writeFileSync(join(folder, MANIFEST_FILE), printManifest(folder));
    checkFitted(folder, plan);
    rmSync(join(folder, "golden.json"));
    checkFitted(folder, plan);
    writeFileSync(join(folder, "golden.json"), "[]");
    expect(() => checkFitted(folder, plan)).toThrow(`${join(folder, "golden.json")} has the checksum`);
    writeFileSync(join(folder, "golden.json"), "{}");
    rmSync(join(folder, "state.arrow"));
    expect(() => checkFitted(folder, plan)).toThrow(
      `${join(folder, "state.arrow")} is missing; \`merlon fit\` wrote it. ${AGAIN.fit}`,
    );
  });
  test("whose plan has another state than the manifest names the step; the order of members is none", () => {
    const plan = readWorkflow(SAMPLE);
    const folder = folderOf({});
    const printed = JSON.parse(printManifest(folder, { plan })) as { states: Record<string, string> };
    const [step] = Object.keys(printed.states);
    expect(step).toBeDefined();
    writeFileSync(join(folder, MANIFEST_FILE), JSON.stringify(printed));
    checkFitted(folder, plan);
    const turned = JSON.parse(JSON.stringify(plan), (_, value: unknown) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    ) as typeof plan;
    expect(() => checkFitted(folder, turned)).not.toThrow();
    const other = { ...printed.states, [step!]: `sha256:${sha("other")}` };
    writeFileSync(join(folder, MANIFEST_FILE), JSON.stringify({ ...printed, states: other }));
    expect(() => checkFitted(folder, plan)).toThrow(
      `${join(folder, "workflow.json")}: the state of step \`${step}\` has the checksum ${printed.states[step!]!.slice(0, 19)}, but \`merlon fit\` wrote sha256:${sha("other").slice(0, 12)}: it was edited or damaged since. ${AGAIN.fit}`,
    );
  });
});
