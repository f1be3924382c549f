/**
 * `merlon serve` as a process: start-up lines, ports, bad command lines, SIGTERM.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MERLON } from "../../../needs/built.js";
import { untilWritten } from "../../../run/wait.js";
import { repository } from "../support.js";

function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): { child: ChildProcess; output: () => string; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [MERLON, "serve", ...args], { env });
  let text = "";
  child.stdout!.on("data", chunk => (text += chunk));
  child.stderr!.on("data", chunk => (text += chunk));
  return { child, output: () => text, ended: new Promise(resolve => child.on("exit", resolve)) };
}

const flags = [
  "--http-port",
  "0",
  "--grpc-port=0",
  "--metrics-port=0",
  "--http-address=127.0.0.1",
  "--grpc-address",
  "127.0.0.1",
];

test("prints the lines that wait strategies look for, and ends with 0 on SIGTERM after what is in flight", async () => {
  const slow =
    'name: "slow"\nbackend: "identity"\nmax_batch_size: 1\ninput [ { name: "INPUT0" data_type: TYPE_INT32 dims: [1] } ]\noutput [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [1] } ]\nparameters { key: "execute_delay_ms" value { string_value: "400" } }\n';
  const { child, output, ended } = start([
    ...flags,
    "--log-verbose=1",
    `--model-repository=${repository(["calc_fp32"], { "slow/config.pbtxt": slow, "slow/1/.keep": "" })}`,
  ]);
  const [, port] = await untilWritten(child, output, /Started HTTPService at 127\.0\.0\.1:(\d+)/);
  await untilWritten(child, output, /Started Metrics Service at/);
  expect(output()).toContain("Started GRPCInferenceService at");
  expect(output()).toContain("successfully loaded 'calc_fp32'");
  expect(output()).toMatch(/\| calc_fp32 \| 1 {7}\| READY {2}\|/);
  const inFlight = fetch(`http://127.0.0.1:${port}/v2/models/slow/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs: [{ name: "INPUT0", shape: [1, 1], datatype: "INT32", data: [7] }] }),
  });
  await untilWritten(child, output, /prepared: request id/);
  const asked = performance.now();
  child.kill("SIGTERM");
  expect(await (await inFlight).json()).toMatchObject({ outputs: [{ data: [7] }] });
  expect(await ended).toBe(0);
  // It waits for the request, not for the 30 s that it may.
  expect(performance.now() - asked).toBeLessThan(20_000);
  expect(output()).toContain("Signal (15) received.");
});

test("a server of an ONNX model leaves nothing in the home folder nor in the temporary one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-home-"));
  // Other tests of this process may have turned ONNX Runtime's telemetry off for it and its children.
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  const { child, output, ended } = start([...flags, `--model-repository=${repository(["calc_fp32"])}`], {
    ...env,
    HOME: folder,
    XDG_CACHE_HOME: folder,
    TMPDIR: folder,
  });
  await untilWritten(child, output, /Started Metrics Service at/);
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});

test("a port in use is named, and the process ends with 1", async () => {
  const taken = createServer();
  await new Promise<void>(resolve => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  const { output, ended } = start([...flags, `--http-port=${port}`, "--model-repository", repository(["echo_int32"])]);
  expect(await ended).toBe(1);
  expect(output()).toContain(`Socket '127.0.0.1:${port}' already in use`);
  taken.close();
});

test("bad command lines end with 1 and a reason", async () => {
  const folder = repository(["echo_int32"]);
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], "--model-repository"],
    [["--model-repository", "/nowhere"], "merlon: --model-repository /nowhere does not exist: name the folder"],
    [["--model-repository", import.meta.filename], "is not a folder"],
    [["--model-repository", join(folder, "echo_int32")], `name the folder above it, ${folder}`],
    [
      ["--model-repository", folder, "--model-repository", "/nowhere", "--workers", "2"],
      "merlon: --model-repository /nowhere does not exist",
    ],
    [
      ["--model-repository", "gs://bucket/models"],
      "error: creating server: Internal - gs:// file-system not supported. To enable, build with -DTRITON_ENABLE_GCS=ON.",
    ],
    [
      ["--model-repository", "s3://bucket/../models"],
      'error: creating server: Invalid argument - --model-repository "s3://bucket/../models" is not an address in S3',
    ],
    [
      ["--model-repository", "as://account/container"],
      "error: creating server: Internal - as:// file-system not supported. To enable, build with -DTRITON_ENABLE_AZURE_STORAGE=ON.",
    ],
    [
      ["--model-repository", folder, "--load-model=x"],
      "Use of '--load-model' requires setting '--model-control-mode=explicit' as well.",
    ],
    [["--model-repository", folder, "--http-port=x"], "Invalid option value. Got x"],
    [["--model-repository", folder, "--no-such-flag"], "--no-such-flag"],
    [["--model-repository", folder, "--http_prt=1"], "Did you mean `--http-port`?"],
    [[folder], `Unexpected argument: ${folder}. Name a repository with its flag: --model-repository ${folder}`],
    [["--model-repository", folder, "nowhere"], "Unexpected argument: nowhere\n"],
  ];
  for (const [args, reason] of cases) {
    const { output, ended } = start([...flags, ...args]);
    expect(await ended).toBe(1);
    expect(output()).toContain(reason);
    // The reason is not below a log.
    if (reason.startsWith("merlon: ")) expect(output()).toMatch(/^merlon: .*\n\(add --help [^\n]*\)\n$/);
  }
});
