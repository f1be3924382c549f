/** A response, a configuration and the log identify the build of a plan by the digits that exposures have: its version number stays the same. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import { startServer } from "./support.js";

test("another build of the same version has other digits, everywhere", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-plan-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const compiled = await compile(join(import.meta.dirname, "../../samples/ensemble-four-stages/main.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  build(compiled, folder);
  const [home, plan] = [join(folder, "recommend"), join(folder, "recommend/1/plan.json")];
  const digits = (): string => createHash("sha256").update(readFileSync(plan)).digest("hex").slice(0, 16);
  const server = await startServer(folder, { modelControlMode: "explicit", loadModels: ["*"] });
  onTestFinished(() => server.stop());
  const infer = (parameters: object) =>
    server.post("/v2/models/recommend/infer", {
      inputs: [{ name: "user_id", shape: [2, 1], datatype: "INT64", data: [1, 2] }],
      parameters,
    });
  const seen = async (): Promise<readonly unknown[]> => {
    const { body: answer } = await infer({ seed: 1, plan: true });
    const { body: config } = await server.json("/v2/models/recommend/config");
    return [
      (answer as { parameters: Record<string, unknown> }).parameters.plan,
      (config as { parameters: Record<string, unknown> }).parameters.merlon_plan,
      server.log.findLast(line => line.includes(" runs plan "))?.match(/'recommend' version 1 runs plan (\w+)/)?.[1],
    ];
  };
  const first = digits();
  expect(await seen()).toEqual([first, { string_value: first }, first]);
  expect((await infer({ seed: 1 })).body).not.toHaveProperty("parameters.plan");
  expect(await infer({ plan: "gold" })).toMatchObject({
    status: 400,
    body: { error: expect.stringContaining(`parameter 'plan' is "gold"; expected true or false`) },
  });
  writeFileSync(plan, `${readFileSync(plan)}\n`);
  rmSync(join(home, "manifest.json"));
  writeFileSync(
    join(home, "config.pbtxt"),
    `${readFileSync(join(home, "config.pbtxt"))}`.replace(/parameters[^}]*merlon_manifest[^}]*\}\s*\}/, ""),
  );
  expect(await server.post("/v2/repository/models/recommend/load", {})).toMatchObject({ status: 200 });
  const second = digits();
  expect(second).not.toBe(first);
  expect(await seen()).toEqual([second, { string_value: second }, second]);
});
