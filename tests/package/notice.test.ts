/** NOTICE has the license of every package whose code the bundle contains. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { builtFile } from "../needs/built.js";
import { ROOT } from "../run/graph.mjs";

const json = <T>(path: string): T => JSON.parse(readFileSync(path, "utf8")) as T;

test("NOTICE is what `npm run notice` writes", async () => {
  const script = "../../scripts/notice.mjs";
  const { ownNotice } = (await import(script)) as { ownNotice: () => string };
  expect(readFileSync(join(ROOT, "NOTICE"), "utf8")).toBe(ownNotice());
});

test("each package in the bundle has its section, with a license that allows it", () => {
  const notice = readFileSync(join(ROOT, "NOTICE"), "utf8");
  const packages = json<string[]>(builtFile("bundle/packages.json"));
  expect(packages).toContain("node_modules/protobufjs");
  for (const folder of packages) {
    const { name, license } = json<{ name: string; license: string }>(join(ROOT, folder, "package.json"));
    expect(license).toMatch(/^(?:MIT|ISC|BSD-2-Clause|BSD-3-Clause|Apache-2\.0)$/);
    expect(notice).toContain(`${"-".repeat(80)}\n${name} (${license})\n\n`);
  }
  expect(notice.match(/Copyright \(c\)|Copyright [\dA-Z]/g)!.length).toBeGreaterThanOrEqual(packages.length + 1);
});

test("the bundle imports no package that is in NOTICE, and contains none that it imports", () => {
  const inlined = json<string[]>(builtFile("bundle/packages.json")).map(path => path.replace("node_modules/", ""));
  const program = readFileSync(builtFile("bundle/program.cjs"), "utf8");
  for (const name of inlined) expect(program).not.toContain(`require("${name}")`);
});
