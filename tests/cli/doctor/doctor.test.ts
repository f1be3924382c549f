/** `merlon doctor`: on this machine, on one with nothing installed, and with parts that crash or are too old. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import "../../needs/vulkan.js";
import type { Finding, Report } from "#cli/doctor/finding.js";
import { gpuFindings } from "#cli/doctor/gpu.js";
import { nativeFindings, PART_NAMES } from "#cli/doctor/native-parts.js";
import { isPatchedNode } from "#runtime/base/version-floors.js";
import { findGpus } from "#runtime/server/models/gpus.js";
import { MERLON } from "../../needs/built.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-doctor-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const doctor = (...words: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MERLON, "doctor", ...words], { encoding: "utf8" });
  return { status, stdout, stderr };
};
const byName = (findings: readonly Finding[]) => new Map(findings.map(finding => [finding.name, finding]));

/** A project of its own with these packages. @returns the URL of a module in it */
function project(packages: Readonly<Record<string, { readonly version: string; readonly code: string }>>): string {
  const at = mkdtempSync(join(folder, "project-"));
  for (const [name, { version, code }] of Object.entries(packages)) {
    mkdirSync(join(at, "node_modules", name), { recursive: true });
    writeFileSync(join(at, "node_modules", name, "package.json"), JSON.stringify({ name, version, main: "index.js" }));
    writeFileSync(join(at, "node_modules", name, "index.js"), code);
  }
  return pathToFileURL(join(at, "index.js")).href;
}

describe("on this machine", () => {
  test("the native parts load, and the report is a table or JSON", () => {
    const text = doctor();
    expect([text.status, text.stderr]).toEqual([0, ""]);
    expect(text.stdout).toMatch(/^machine\n {2}✔ system +linux /);
    const json = doctor("--json", "--need", PART_NAMES.join(","));
    const report = JSON.parse(json.stdout) as Report;
    expect(report).toMatchObject({ ok: true, demanded: PART_NAMES, missing: [] });
    for (const name of PART_NAMES) expect(byName(report.findings).get(name), name).toMatchObject({ state: "ok" });
    expect(byName(report.findings).get("onnxruntime-node")!.details!.providers).toContain("webgpu");
    expect(byName(report.findings).get("cores")!.details!.usable).toBeGreaterThan(0);
  });

  test("a demanded part decides the exit status", () => {
    expect(doctor("--need", "node").status).toBe(isPatchedNode(process.version) ? 0 : 1);
    const unknown = doctor("--need", "onnxruntime-node,tensorflow");
    expect([unknown.status, unknown.stdout]).toEqual([1, ""]);
    expect(unknown.stderr).toMatch(/^merlon: --need: there is no part `tensorflow`; they are: system, cores, /);
    expect(doctor("--gpu", "rocm").stderr).toContain("It takes auto, cuda, webgpu.");
  });

  test("CUDA that is demanded and not there is named, with the line that installs the provider", ({ skip }) => {
    if (findGpus("auto").provider === "cuda") skip("this machine has CUDA");
    const { status, stdout } = doctor("--gpu", "cuda");
    expect(status).toBe(1);
    expect(stdout).toMatch(/✘ cuda {2}/);
    expect(stdout).toContain("✘ demanded and not usable: cuda");
    expect(stdout).toContain("ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js");
  });
});

test("with nothing installed every part is absent, with the line to type", async () => {
  const from = project({});
  const findings = [...(await nativeFindings(from)), ...(await gpuFindings(from))];
  for (const name of PART_NAMES) {
    expect(byName(findings).get(name), name).toMatchObject({ state: "absent" });
    expect(byName(findings).get(name)!.fix, name).toMatch(/node node_modules\/merlon\/scripts\/\S+\.mjs/);
  }
  for (const name of ["cuda", "webgpu"])
    expect(byName(findings).get(name)).toMatchObject({ state: "absent", found: "onnxruntime-node is not installed" });
});

describe("a package that", () => {
  const found = async (version: string, code: string) =>
    byName(await nativeFindings(project({ "onnxruntime-node": { version, code } }))).get("onnxruntime-node");

  test("crashes when it is loaded ends its own process alone", async () => {
    expect(await found("1.30.0", "process.abort();")).toMatchObject({
      state: "broken",
      found: "1.30.0: the process that loaded it ended by SIGABRT",
    });
  });
});
