// The table of Triton's releases beside what was read out of Triton's repository and measured on each ONNX Runtime, and beside the documentation.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { releaseOf } from "#compiler/5-emit/onnx/triton-models.js";
import { ONNX_RUNTIMES, TRITON_DEFAULT, TRITON_RELEASES } from "#compiler/onnx/triton-releases.js";
import { TRITON_CONTAINERS } from "#contract/triton-releases.js";

const ROOT = join(import.meta.dirname, "../../..");
const lines = <T>(name: string): readonly T[] =>
  readFileSync(join(ROOT, "tests/fixtures/triton-releases", name), "utf8")
    .trim()
    .split("\n")
    .map(line => JSON.parse(line) as T);
const minorOf = (version: string) => version.split(".", 2).join(".");

test("each release has the server, ONNX Runtime and CUDA of Triton's branch", () => {
  const read = lines<Record<"release" | "server" | "onnxruntime" | "cuda" | "source", string>>("releases.jsonl");
  expect(TRITON_CONTAINERS).toEqual(
    read.map(({ release, server, onnxruntime, cuda }) => ({ release, server, onnxruntime, cuda })),
  );
  for (const { release, source } of read) expect(source).toContain(`r${release} (`);
});

test("each ONNX Runtime supports what was measured, and no release lacks its runtime", () => {
  const measured = lines<Record<"opset" | "ml" | "ir", number> & { readonly onnxruntime: string }>("runtimes.jsonl");
  expect([...ONNX_RUNTIMES]).toEqual(
    measured.map(({ onnxruntime, opset, ml, ir }) => [minorOf(onnxruntime), { opset, ml, ir }]),
  );
  for (const row of TRITON_RELEASES) expect(row).toMatchObject(ONNX_RUNTIMES.get(row.onnxruntime) ?? { none: true });
});

test("a release that is not in the table counts as the newest before it; older ones and other words are refused", () => {
  expect(releaseOf("26.06")).toMatchObject({ release: "26.06", onnxruntime: "1.24", opset: 25 });
  expect(releaseOf("99.12")).toBe(TRITON_RELEASES.at(-1));
  expect(releaseOf(TRITON_DEFAULT).release).toBe(TRITON_DEFAULT);
  expect(() => releaseOf("22.12")).toThrowError("Triton 22.12 is older than 23.06");
  for (const text of ["2.72.0", "26.8", "", "26.08; rm"])
    expect(() => releaseOf(text)).toThrowError("is not a release of Triton");
});

test("the documentation's table has a row for each ONNX Runtime, from the release that brought it", () => {
  const rows = TRITON_CONTAINERS.filter(
    ({ onnxruntime }, i) => minorOf(TRITON_CONTAINERS[i - 1]?.onnxruntime ?? "") !== minorOf(onnxruntime),
  ).map(({ release, server, onnxruntime, cuda = "" }) => {
    const { opset, ml, ir } = releaseOf(release);
    return [release, server, onnxruntime, cuda, opset, ml, ir].map(String);
  });
  const page = readFileSync(join(ROOT, "docs/reference/lowering.md"), "utf8");
  const table = page.split("| `--triton-release` from |")[1]!.split("\n\n")[0]!;
  const written = table
    .split("\n")
    .slice(2)
    .map(line =>
      line
        .split("|")
        .slice(1, -1)
        .map(cell => cell.trim()),
    );
  expect(written).toEqual(rows);
  expect(readFileSync(join(ROOT, "docs/guides/stock-triton.md"), "utf8")).toContain(`default ${TRITON_DEFAULT}`);
});
