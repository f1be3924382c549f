/**
 * The instruments of the scorecard find a costly request, a mixed response and a stalled server, and the seed fixes the draws.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ratios } from "../fuzz/cost/budget.mjs";
import { climb } from "../fuzz/cost/climb.mjs";
import * as grpcShapes from "../fuzz/cost/grpc-shapes.mjs";
import * as httpShapes from "../fuzz/cost/http-shapes.mjs";
import { slope, steadyGrowth } from "../fuzz/growth.mjs";
import { elapse } from "../run/wait.js";
import { drawCase } from "../soak/mixed.mjs";
import { ATTACKS } from "../walls/attacks/index.mjs";
import { httpConnection, request } from "./support/http1-client.mjs";
import { quantile } from "./support/quantile.mjs";
import { areEnough, chooseRounds } from "./support/rounds.mjs";
import { table } from "./support/table.mjs";
import { testRuns } from "./support/tests.mjs";

interface Built {
  readonly writes: readonly Buffer[];
  readonly charged: number;
}

/** A meter of a server whose cost is in proportion to the size, but for a flaw. */
const fakeMeter = (flaw: (built: Built) => number) => {
  const micros = (built: Built): number => 100 + (built.charged / 1024) * 10 + flaw(built);
  const cost = async (micros: number) => ({ micros, grownMb: 0, answered: true });
  return {
    group: (members: readonly { readonly built: Built }[]) =>
      cost(members.reduce((sum, { built }) => sum + micros(built), 0)),
    careful: ({ built }: { readonly built: Built }) => cost(micros(built)),
  };
};
const quadratic = ({ writes }: Built): number =>
  Buffer.concat(writes).toString("latin1").split('{"name":').length ** 2 / 100;

interface Worst {
  readonly cpu: { readonly ratio: number; readonly genome: unknown };
}

test("the search for costly requests climbs to a quadratic flaw, and finds nothing where there is none", async () => {
  const options = { requests: 800, seed: 5 };
  const sound = await climb(
    httpShapes,
    fakeMeter(() => 0),
    options,
  );
  expect(sound.sent).toBe(800);
  expect(sound.violations).toEqual([]);
  const flawed = await climb(httpShapes, fakeMeter(quadratic), options);
  expect(flawed.violations.length).toBeGreaterThan(0);
  expect((flawed.worst as unknown as Worst).cpu.ratio).toBeGreaterThan(5);
  // The same seed and the same costs: the same search.
  const again = await climb(httpShapes, fakeMeter(quadratic), options);
  expect((again.worst as unknown as Worst).cpu.genome).toEqual((flawed.worst as unknown as Worst).cpu.genome);
});

test("every gene of gRPC requests makes requests of bounded size", async () => {
  const sizes: number[] = [];
  const meter = fakeMeter(({ charged }) => {
    sizes.push(charged);
    return 0;
  });
  await climb(grpcShapes, meter, { requests: 150, seed: 2 });
  expect(Math.max(...sizes)).toBeLessThan(6 * 2 ** 20);
  expect(new Set(sizes).size).toBeGreaterThan(50);
});

test("a cost is judged by its size", () => {
  const kb = 100;
  expect(ratios({ micros: 10_000, grownMb: 0 }, kb * 1024).cpu).toBe(1);
  expect(ratios({ micros: 0, grownMb: (1024 + 1600) / 1024 }, kb * 1024).memory).toBeCloseTo(1);
});

test("an answer of another request is not taken for one's own", () => {
  for (const isOnnx of [false, true]) {
    const [one, other] = [7, 8].map(number => drawCase(number, false, isOnnx));
    const body = (one!.body as Buffer).toString("utf8");
    const { inputs } = JSON.parse(body);
    const data = isOnnx
      ? [
          inputs[0].data.map((x: number, i: number) => x + inputs[1].data[i]),
          inputs[0].data.map((x: number, i: number) => x - inputs[1].data[i]),
        ]
      : [inputs[0].data];
    const answer = Buffer.from(JSON.stringify({ outputs: data.map(values => ({ data: values })) }));
    expect(one!.isRight(answer)).toBe(true);
    expect(other!.isRight(answer)).toBe(false);
  }
});

test("attacks have names of their own, and make their bytes", () => {
  const ids = ATTACKS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThan(15);
});

test("a client reads answers in pieces and notices a cut connection", async () => {
  const sockets: Socket[] = [];
  const server = createServer(socket => {
    sockets.push(socket);
    let requests = 0;
    socket.on("data", async () => {
      if (++requests > 1) return socket.destroy();
      for (const part of ["HTTP/1.1 200 OK\r\nContent-Le", "ngth: 5\r\n\r\nhe", "llo"]) {
        socket.write(part);
        await elapse(5);
      }
      return undefined;
    });
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const connection = httpConnection((server.address() as { port: number }).port);
  const bytes = request("GET", "/", {});
  const first = await connection.send(bytes);
  expect([first.status, first.body.toString()]).toEqual([200, "hello"]);
  expect((await connection.send(bytes)).status).toBe(0);
  expect(connection.usable).toBe(false);
  server.close();
});

test("quantiles, slopes and the table", () => {
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  expect([quantile(numbers, 0.5), quantile(numbers, 0.99), quantile([], 0.5)]).toEqual([50, 99, Number.NaN]);
  expect(slope(numbers.map(x => [x, 3 * x]))).toBeCloseTo(3);
  const text = table([{ id: "S1", title: "t", figure: "f", bar: "b", pass: false, note: "why" }]);
  expect(text).toContain("| S1   | t       | f      | b   | FAILS   |");
  expect(text).toContain("S1: why");
});

test("a leak is found beside memory that is returned at once", () => {
  const shrinks = (leak: number) =>
    Array.from({ length: 20 }, (_, i) => [1000 * i, leak * 1000 * i - (i < 12 ? 0 : 3e7)]);
  expect(steadyGrowth(shrinks(1024))).toBeCloseTo(1024);
  expect(steadyGrowth(shrinks(0))).toBe(0);
  expect(slope(shrinks(1024))).toBeLessThan(0);
});

test("tests that moved away from their prefix are missed", async () => {
  expect(await testRuns(undefined).count(["tests/gone/"])).toEqual({
    ...{ passed: 0, failed: 1, total: 1 },
    failures: ["tests/gone/: no test file"],
  });
});

test("results of a copy of the checkout count, also of tests beside an operator", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-report-"));
  const report = join(folder, "vitest.json");
  const testResults = ["operators/clip/clip.test.ts", "tests/operators/kernel-edges.test.ts"].map(path => ({
    name: `/a/copy/${path}`,
    assertionResults: [{ status: "passed", fullName: path }],
  }));
  writeFileSync(report, JSON.stringify({ testResults }));
  const counted = await testRuns(report).count(["operators/clip/clip.test", "tests/operators/kernel-edges"]);
  rmSync(folder, { recursive: true });
  expect(counted).toEqual({ passed: 2, failed: 0, total: 2, failures: [] });
});

describe("rounds of a measurement", () => {
  const BAR = 3;
  const round = (stolen: number, ratio: number) => ({ stolen, ratio });
  const quiet = [round(0, 9), round(0.005, 4), round(0.01, 5)];

  test("of which a hypervisor took a part are measured again, whatever their latencies", () => {
    expect(areEnough(quiet.slice(0, 2), BAR)).toBe(false);
    expect(areEnough([...quiet.slice(0, 2), round(0.02, 1)], BAR)).toBe(false);
    const all = [round(0.02, 0.5), ...quiet];
    expect(areEnough(all, BAR)).toBe(true);
    expect(chooseRounds(all)).toEqual({ counted: quiet, voided: 1 });
  });

  test("of which it took a part count where there are no others: those with the least", () => {
    const all = Array.from({ length: 9 }, (_, i) => round(0.1 + ((i * 5) % 9) / 100, i));
    expect(areEnough(all.slice(0, 8), BAR)).toBe(false);
    expect(areEnough(all, BAR)).toBe(true);
    expect(chooseRounds(all)).toEqual({ counted: [all[0], all[2], all[4]], voided: 6 });
  });

  test.each([
    ["most hold", [1, 5, 1, 1, 1, 1, 1]],
    ["most fail", [5, 1, 5, 5, 5, 5, 5]],
  ])("on both sides of the bar are followed by others, to seven: %s", (_, ratios) => {
    const all = ratios.map((ratio, i) => round(i / 1000, ratio));
    for (let i = 0; i < 7; i++) expect(areEnough(all.slice(0, i), BAR)).toBe(false);
    expect(areEnough(all, BAR)).toBe(true);
    expect(chooseRounds(all)).toEqual({ counted: all, voided: 0 });
  });

  test("are an odd number, and end also where most are stolen", () => {
    const four = [round(0.001, 1), round(0.002, 5), round(0.003, 1), round(0.004, 5)];
    const all = [...four, ...Array.from({ length: 11 }, () => round(0.1, 1))];
    expect(areEnough(all.slice(0, 14), BAR)).toBe(false);
    expect(areEnough(all, BAR)).toBe(true);
    expect(chooseRounds(all)).toEqual({ counted: four.slice(0, 3), voided: 12 });
  });
});
