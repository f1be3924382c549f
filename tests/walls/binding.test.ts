/**
 * The addresses of servers: `merlon serve` listens on the loopback address unless a flag names another, `tritonserver` on all as Triton
 * does. The log has the reach of each port.
 */
import { connect } from "node:net";
import { afterAll, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { describeExposure } from "#runtime/server/lifecycle/exposure.js";
import { withDefaults } from "#runtime/server/lifecycle/server-options.js";
import { createTestServer } from "#runtime/testing/index.js";
import { repository } from "../runtime/server/support.js";
import { end, type ServerProcess, startProcess } from "./support/server-process.js";

const running: ServerProcess[] = [];
afterAll(() => Promise.all(running.map(end)));
async function start(...[program, flags]: [program: "merlon" | "tritonserver", flags?: readonly string[]]) {
  const server = await startProcess(program, repository(["echo_int32"]), flags);
  running.push(server);
  await expect.poll(() => server.output().match(/"Exposed: /g)?.length, { timeout: 10_000 }).toBe(3);
  return server;
}
const exposed = (output: string): string[] => [...output.matchAll(/"(Exposed: [^"]*)"/g)].map(([, text]) => text!);

/** Whether another address of this machine reaches a port. */
const reaches = (port: number, address = "127.0.0.2"): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, address);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

test("merlon serve listens on the loopback address, and says so of each port", async () => {
  const { ports, output } = await start("merlon");
  for (const port of Object.values(ports)) {
    expect(await reaches(port)).toBe(false);
    expect(await reaches(port, "127.0.0.1")).toBe(true);
  }
  expect(exposed(output())).toEqual([
    `Exposed: gRPC at 127.0.0.1:${ports.grpc}, to this machine only; no TLS; no API restricted`,
    `Exposed: HTTP at 127.0.0.1:${ports.http}, to this machine only; no TLS; no API restricted; web pages: own origin only`,
    `Exposed: metrics at 127.0.0.1:${ports.metrics}, to this machine only; no TLS; web pages: own origin only`,
  ]);
});

test("merlon serve --address listens there, with the restrictions of the ports in the log and no key", async () => {
  const { ports, output } = await start("merlon", [
    "--address=0.0.0.0",
    "--metrics-address=127.0.0.1",
    "--http-allowed-origin=https://shop.example",
    "--http-restricted-api=model-repository,logging:admin-key=sesame-5d1c",
    "--grpc-restricted-protocol=model-repository:admin-key=sesame-5d1c",
  ]);
  expect(await reaches(ports.http)).toBe(true);
  expect(await reaches(ports.grpc)).toBe(true);
  expect(await reaches(ports.metrics)).toBe(false);
  expect(exposed(output())).toEqual([
    `Exposed: gRPC at 0.0.0.0:${ports.grpc}, to every host that reaches this machine; no TLS; restricted: model-repository`,
    `Exposed: HTTP at 0.0.0.0:${ports.http}, to every host that reaches this machine; no TLS; restricted: model-repository, logging; web pages: https://shop.example`,
    `Exposed: metrics at 127.0.0.1:${ports.metrics}, to this machine only; no TLS; web pages: https://shop.example`,
  ]);
  expect(output()).not.toContain("sesame");
});

test("tritonserver listens on every address, as Triton does, and says so too", async () => {
  const { ports, output } = await start("tritonserver");
  for (const port of Object.values(ports)) expect(await reaches(port)).toBe(true);
  expect(output()).toContain(`Started HTTPService at 0.0.0.0:${ports.http}`);
  expect(exposed(output())[1]).toBe(
    `Exposed: HTTP at 0.0.0.0:${ports.http}, to every host that reaches this machine; no TLS; no API restricted; web pages: own origin only`,
  );
});

test("a flag for one port precedes the flag for all, and that the default", () => {
  const addresses = (words: readonly string[], address?: string): readonly unknown[] => {
    const { http, grpc, metrics } = serveOptions(["--model-repository=x", ...words], "t", () => {}, {}, address);
    return [http, grpc, metrics].map(endpoint => (endpoint ? endpoint.address : undefined));
  };
  expect(addresses([])).toEqual(["0.0.0.0", "0.0.0.0", "0.0.0.0"]);
  expect(addresses([], "127.0.0.1")).toEqual(["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
  expect(addresses(["--http-address=10.0.0.1"], "127.0.0.1")).toEqual(["10.0.0.1", "127.0.0.1", "10.0.0.1"]);
  expect(addresses(["--grpc-address=10.0.0.1", "--address=10.0.0.2"])).toEqual(["10.0.0.2", "10.0.0.1", "10.0.0.2"]);
  const { http, grpc, metrics } = withDefaults({ modelRepositories: [] });
  expect([http, grpc, metrics].map(endpoint => endpoint?.address)).toEqual(["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
});

test("a server of tests is on the loopback address", async () => {
  await using server = await createTestServer(repository(["echo_int32"]));
  const port = Number(new URL(server.http).port);
  expect(await reaches(port, "127.0.0.1")).toBe(true);
  expect(await reaches(port)).toBe(false);
});

test("the line names TLS and addresses of IPv6", () => {
  const port = {
    service: "gRPC",
    address: "::1",
    port: 1,
    tls: "mutual TLS",
    restrictions: [],
    origins: undefined,
  } as const;
  expect(describeExposure(port)).toBe("Exposed: gRPC at [::1]:1, to this machine only; mutual TLS; no API restricted");
  expect(describeExposure({ ...port, address: "10.0.0.1", tls: "TLS" })).toContain(
    "to every host that reaches 10.0.0.1; TLS",
  );
});
