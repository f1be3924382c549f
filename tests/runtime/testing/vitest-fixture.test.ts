/**
 * `merlon/vitest`: one server for the file, itself again in each test; and its global set-up, in a Vitest of its own.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test as plain } from "vitest";
import { defineModel } from "#runtime/testing/index.js";
import { serverTest } from "#runtime/testing/vitest.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const echo = defineModel({
  inputs: { x: "INT64[1]" },
  outputs: { y: "INT64[1]" },
  answer: ({ inputs }) => ({ y: inputs.x.data }),
});
const test = serverTest({ models: { echo } });
const addresses = new Set<string>();

// Each of the two runs after the other, in some order.
test.for(["one", "another"])(
  "%s test has the same server, with the model itself, and may replace it",
  async (_, { server }) => {
    addresses.add(server.http);
    expect(addresses.size).toBe(1);
    expect(server.model("echo").requests).toEqual([]);
    expect((await server.infer("echo", { x: 5n })).y!.data).toEqual(BigInt64Array.of(5n));
    server.model("echo").replace(() => ({ y: [-1] }));
    expect((await server.infer("echo", { x: 5n })).y!.data).toEqual(BigInt64Array.of(-1n));
  },
);

/** A project with these files, in which the package is installed. */
function project(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "merlon-project-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules", "merlon"));
  symlinkSync(join(ROOT, "node_modules", "vitest"), join(folder, "node_modules", "vitest"));
  symlinkSync(join(ROOT, "node_modules", "jest"), join(folder, "node_modules", "jest"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const CONFIG = `backend: "python"
input [ { name: "X" data_type: TYPE_INT64 dims: [1] } ] output [ { name: "Y" data_type: TYPE_INT64 dims: [1] } ]
parameters { key: "mock" value { string_value: '{"outputs": {"Y": "echo"}}' } }`;
const ASK = `const answer = await fetch(\`\${http}/v2/models/m/infer\`, { method: "POST",
  body: JSON.stringify({ inputs: [{ name: "X", shape: [1], datatype: "INT64", data: [41] }] }) });
const { outputs } = await answer.json();`;

async function run(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { VITEST: _, VITEST_POOL_ID: __, NODE_OPTIONS: ___, NODE_TEST_CONTEXT: ____, ...own } = process.env;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    cwd: folder,
    env: { ...own, NO_COLOR: "1", CI: "1", ...env },
    timeout: 100_000,
  });
  return stdout + stderr;
}

plain("the global set-up serves one repository to every file", async () => {
  const folder = project({
    "models/m/config.pbtxt": CONFIG,
    "vitest.config.mjs": `export default { test: { globalSetup: ["merlon/vitest/setup"], provide: { merlon: { repository: "models", mockMissing: true } } } };`,
    "a.test.mjs": `import { expect, inject, test } from "vitest";
test("asks", async () => { const { http } = inject("merlonServer"); ${ASK} expect(outputs[0].data).toEqual([41]); });`,
  });
  expect(await run(folder, [join(ROOT, "node_modules/vitest/vitest.mjs"), "run"])).toMatch(/Tests\s+1 passed/);
});

plain("node:test: hooks, one server for the file; the process ends by itself", async () => {
  const folder = project({
    "models/m/config.pbtxt": CONFIG,
    "a.test.mjs": `import assert from "node:assert"; import { after, before, test } from "node:test"; import { useTestServer } from "merlon/testing";
const triton = useTestServer({ before, after }, "models", { mockMissing: true });
test("asks", async () => { const { http } = triton.current; ${ASK} assert.deepEqual(outputs[0].data, [41]); });`,
  });
  expect(await run(folder, ["--test", "--test-reporter=tap", "a.test.mjs"])).toMatch(/# pass 1\n# fail 0/);
});

plain("Jest: hooks, one server for the file; no handle stays open", async () => {
  const folder = project({
    "package.json": JSON.stringify({ type: "module", jest: { testEnvironment: "node", transform: {} } }),
    "models/m/config.pbtxt": CONFIG,
    "a.test.js": `import { useTestServer } from "merlon/testing";
const triton = useTestServer({ beforeAll, afterAll }, "models", { mockMissing: true });
test("asks", async () => { const { http } = triton.current; ${ASK} expect(outputs[0].data).toEqual([41]); });`,
  });
  const output = await run(folder, [
    "--experimental-vm-modules",
    join(ROOT, "node_modules/jest/bin/jest.js"),
    "--detectOpenHandles",
  ]);
  expect(output).toMatch(/Tests:\s+1 passed/);
  expect(output).not.toMatch(/did not exit|open handle/);
});
