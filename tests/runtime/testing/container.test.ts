/**
 * The container for tests without Docker: its plan, as data, and a library that starts the same command line as a process instead of
 * testcontainers. Flags, ports and the wait strategy are those of a running server.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "#conformance/free-ports.js";
import { connect } from "#runtime/client/index.js";
import { MerlonContainer } from "#runtime/testing/container.js";
import { TRITONSERVER } from "../../needs/built.js";
import { until } from "../../run/wait.js";
import { repository } from "../server/support.js";

test("image, command, ports, folders and readiness are data", () => {
  const container = new MerlonContainer("team/merlon:1")
    .withModelRepository("model-repo")
    .withModelRepository("/srv/more")
    .withMockMissing()
    .withFault("ranker:error,rate=0.1")
    .withFlags("--model-control-mode=explicit", "--load-model=*")
    .withStartupTimeout(5000);
  expect(container.plan).toEqual({
    image: "team/merlon:1",
    command: [
      "tritonserver",
      "--model-repository=/models",
      "--model-repository=/models-2",
      "--mock-missing",
      "--fault=ranker:error,rate=0.1",
      "--model-control-mode=explicit",
      "--load-model=*",
    ],
    ports: [8000, 8001, 8002],
    folders: [
      { source: resolve("model-repo"), target: "/models" },
      { source: "/srv/more", target: "/models-2" },
    ],
    ready: { path: "/v2/health/ready", port: 8000 },
    startupMs: 5000,
  });
  expect(() => container.withFlags("--http-port=9000")).toThrow("ports inside the container stay 8000, 8001 and 8002");
});

test("what is missing is said: a repository, the package", async () => {
  await expect(new MerlonContainer().start()).rejects.toThrow("call withModelRepository(FOLDER)");
  await expect(new MerlonContainer().withModelRepository("model-repo").start()).rejects.toThrow(
    "the package testcontainers is not installed",
  );
});

/** Starts the command of an image as a process here, its folders in their places and its ports mapped, until the path answers. */
async function processes() {
  const mapped = new Map([8000, 8001, 8002].map((port, i) => [port, ports[i]!]));
  const asked: Record<string, unknown> = {};
  let wait: { path: string; port: number; status: number };
  class GenericContainer {
    constructor(image: string) {
      asked.image = image;
    }
    withCommand(words: string[]) {
      asked.command = words;
      return this;
    }
    withExposedPorts(...given: number[]) {
      asked.ports = given;
      return this;
    }
    withCopyDirectoriesToContainer(folders: { source: string; target: string }[]) {
      asked.folders = folders;
      return this;
    }
    withWaitStrategy(strategy: typeof wait) {
      wait = strategy;
      return this;
    }
    withStartupTimeout(ms: number) {
      asked.ms = ms;
      return this;
    }
    async start() {
      const places = new Map((asked.folders as { source: string; target: string }[]).map(f => [f.target, f.source]));
      const [, ...words] = (asked.command as string[]).map(word =>
        word.replace(/=(\/models.*)$/, (_, target) => `=${places.get(target)}`),
      );
      const flags = [..."http grpc metrics".split(" ").entries()].flatMap(([i, name]) => [
        `--${name}-port=${ports[i]}`,
        `--${name}-address=127.0.0.1`,
      ]);
      const child = spawn(process.execPath, [TRITONSERVER, ...words, ...flags], { stdio: "ignore" });
      const ended = once(child, "exit");
      await until(`${wait.path} is answered with ${wait.status}`, () =>
        fetch(`http://127.0.0.1:${mapped.get(wait.port)}${wait.path}`).then(
          ({ status }) => status === wait.status,
          () => false,
        ),
      );
      return {
        getHost: () => "127.0.0.1",
        getMappedPort: (port: number) => mapped.get(port)!,
        async stop() {
          child.kill("SIGTERM");
          const [code] = await ended;
          asked.code = code;
        },
      };
    }
  }
  const Wait = {
    forHttp: (path: string, port: number) => ({ forStatusCode: (status: number) => ({ path, port, status }) }),
  };
  return { asked, library: async () => ({ GenericContainer, Wait }) as never };
}
const ports = [await freePort(), await freePort(), await freePort()];

test("a server with that command line becomes ready, answers on the mapped ports, and ends", async () => {
  const { asked, library } = await processes();
  const config = `backend: "python" input [ { name: "X" data_type: TYPE_FP32 dims: [1] } ] output [ { name: "Y" data_type: TYPE_FP32 dims: [1] } ]`;
  const folder = repository([], { "m/config.pbtxt": config, "m/mock.json": '{"outputs":{"Y":"echo"}}' });
  {
    await using server = await new MerlonContainer("merlon", library)
      .withModelRepository(folder)
      .withMockMissing()
      .withFault("m:error=UNAVAILABLE,times=1")
      .start();
    await using client = await connect(`grpc://${server.grpc}`);
    await expect(client.infer("m", { X: [3] })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect([...((await client.infer("m", { X: [3] })).Y!.data as Float32Array)]).toEqual([3]);
    expect((await fetch(`${server.http}/v2/models/m/ready`)).status).toBe(200);
    expect(await (await fetch(server.metrics)).text()).toContain('nv_inference_request_success{model="m"');
  }
  expect(asked).toMatchObject({ image: "merlon", ports: [8000, 8001, 8002], ms: 60_000, code: 0 });
}, 60_000);
