/**
 * Lines that measure a server of their own: draining, overload, deadlines, a native abort, stalls of the event loop, and metrics.
 */
import { setTimeout as pause } from "node:timers/promises";
import { httpConnection, request } from "../support/http1-client.mjs";
import { framed, grpcConnection, grpcHead } from "../support/http2-client.mjs";
import { field, INFER_HEAD, INFER_PATH } from "../support/messages.mjs";
import { grpcRequest, jsonRequest, timedModels } from "../support/models.mjs";
import { quantile } from "../support/quantile.mjs";
import { startMeasured } from "../support/server-process.mjs";

const ms = value => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const sorted = list => [...list].sort((a, b) => a - b);

async function withTimed(work, options = {}) {
  const models = timedModels();
  try {
    const server = await startMeasured({ repository: models.folder, models: models.names, ...options });
    try {
      return await work(server, models);
    } finally {
      await server.stop();
    }
  } finally {
    models.dispose();
  }
}

/** One SIGTERM with 200 requests in flight: on kept connections of both protocols, and just written on fresh ones. */
const drainOnce = () =>
  withTimed(async server => {
    const path = "/v2/models/slow/infer";
    const bytes = request("POST", path, {}, jsonRequest());
    const kept = Array.from({ length: 60 }, () => httpConnection(server.http));
    const rpc = Array.from({ length: 12 }, () => grpcConnection(server.grpc));
    // A first answer, so that these are kept connections.
    await Promise.all(kept.map(connection => connection.send(bytes)));
    await Promise.all(rpc.map(connection => connection.call(INFER_HEAD, grpcRequest("plain")).done));
    const calls = [
      ...kept.map(connection => connection.send(bytes).then(({ status }) => status === 200)),
      ...rpc.flatMap(connection =>
        Array.from({ length: 5 }, () =>
          connection.call(INFER_HEAD, grpcRequest("slow")).done.then(({ status }) => status === 0),
        ),
      ),
    ];
    await pause(50);
    const fresh = Array.from({ length: 80 }, () => httpConnection(server.http));
    const connected = Promise.all(fresh.map(({ socket }) => new Promise(resolve => socket.once("connect", resolve))));
    calls.push(...fresh.map(connection => connection.send(bytes).then(({ status }) => status === 200)));
    await connected;
    // The kernel has the requests.
    await pause(1);
    const started = performance.now();
    server.signal("SIGTERM");
    const answered = await Promise.all(calls);
    const code = await Promise.race([server.exited, pause(30_000).then(() => "still running")]);
    return {
      lost: answered.filter(right => !right).length,
      total: calls.length,
      tookMs: performance.now() - started,
      code,
    };
  });

async function drain(runs) {
  const all = [];
  for (let i = 0; i < runs; i++) all.push(await drainOnce());
  const lost = all.reduce((sum, one) => sum + one.lost, 0);
  const slowest = Math.max(...all.map(({ tookMs }) => tookMs));
  const codes = [...new Set(all.map(({ code }) => code))];
  return {
    figure: `${lost} of ${runs * all[0].total} lost; exit after ${ms(slowest)} with ${codes.join(", ")}`,
    pass: lost === 0 && slowest < 1300 + 1000 && codes.join() === "0",
  };
}

/** Statuses of a server that has too much to do. */
const REFUSED = [400, 429, 503];

/** Five times a model's capacity, and the fate of the good part. */
const overload = seconds =>
  withTimed(async server => {
    const path = "/v2/models/narrow/infer";
    const bytes = request("POST", path, {}, jsonRequest());
    const health = request("GET", "/v2/health/live", {});
    const pool = [];
    let opened = 0;
    const connect = () => {
      opened++;
      return httpConnection(server.http);
    };
    const send = async message => {
      let connection = pool.pop();
      // The server may have closed one that waited.
      while (connection && !connection.usable) connection = pool.pop();
      connection ??= connect();
      const started = performance.now();
      const { status } = await connection.send(message);
      if (connection.usable) pool.push(connection);
      return { status, took: performance.now() - started };
    };
    const closedLoop = async (loops, duration) => {
      const until = performance.now() + duration;
      let good = 0;
      const loop = async () => {
        while (performance.now() < until) if ((await send(bytes)).status === 200) good++;
      };
      await Promise.all(Array.from({ length: loops }, loop));
      return (good * 1000) / duration;
    };
    await closedLoop(4, 500);
    const peak = await closedLoop(4, 1500);
    const before = server.residentMb();
    const calls = [];
    const checks = [];
    const started = performance.now();
    const interval = 1000 / (peak * 5);
    for (let i = 0; performance.now() - started < seconds * 1000; i++) {
      const wait = started + i * interval - performance.now();
      if (wait > 1) await pause(wait);
      calls.push(send(bytes));
      if (i % 25 === 0) checks.push(send(health));
    }
    const took = performance.now() - started;
    const [answers, healths] = [await Promise.all(calls), await Promise.all(checks)];
    const good = answers.filter(({ status }) => status === 200).length;
    const rejected = sorted(answers.filter(({ status }) => REFUSED.includes(status)).map(one => one.took));
    const others = answers.filter(({ status }) => status !== 200 && !REFUSED.includes(status));
    const recovered = performance.now();
    let last;
    do last = await send(bytes);
    while ((last.status !== 200 || last.took > 50) && performance.now() - recovered < 10_000);
    const recovery = performance.now() - recovered;
    const figures = {
      goodput: (good * 1000) / took / peak,
      reject: quantile(rejected, 0.99),
      health: quantile(sorted(healths.map(one => one.took)), 0.99),
      grown: server.residentMb() - before,
    };
    return {
      figure: `goodput ${(figures.goodput * 100).toFixed(0)} % of peak; reject p99 ${ms(figures.reject)}; health p99 ${ms(figures.health)}; +${figures.grown.toFixed(0)} MB; back after ${ms(recovery)}; ${others.length} without an answer`,
      note:
        others.length > 0 ? `statuses ${[...new Set(others.map(({ status }) => status))]}, ${opened} connections` : "",
      pass:
        figures.goodput >= 0.8 &&
        figures.reject < 50 &&
        figures.health < 100 &&
        figures.grown < 100 &&
        recovery < 5000 &&
        others.length === 0,
    };
  });

/** The delay of DEADLINE_EXCEEDED, and whether requests that expired in a queue run. */
const deadlines = calls =>
  withTimed(async server => {
    const connection = grpcConnection(server.grpc);
    const call = async (model, milliseconds) => {
      const started = performance.now();
      const head = grpcHead(INFER_PATH, [["grpc-timeout", `${milliseconds}m`]]);
      const { status } = await connection.call(head, grpcRequest(model)).done;
      return { status, late: performance.now() - started - milliseconds };
    };
    await call("plain", 5000);
    const late = [];
    const expected = [];
    for (let at = 0; at < calls; at += 50)
      for (const { status, late: by } of await Promise.all(
        Array.from({ length: 50 }, (_, i) => call("slower", 5 + (((at + i) * 37) % 1200))),
      )) {
        late.push(by);
        expected.push(status === 4);
      }
    // One runs, the others wait for it longer than they may.
    await Promise.all([call("queue", 5000), ...Array.from({ length: 40 }, () => call("queue", 50))]);
    await pause(300);
    const text = await (await fetch(`http://127.0.0.1:${server.metrics}/metrics`)).text();
    const ran = Number(/^nv_inference_exec_count\{[^}]*model="queue"[^}]*\} (\d+)/m.exec(text)?.[1]);
    const p99 = quantile(sorted(late), 0.99);
    const wrong = expected.filter(right => !right).length;
    // The first of the queue may have begun in time.
    return {
      figure: `p99 ${ms(p99)} late, ${wrong} other statuses of ${late.length}; ${ran - 1} of 40 expired requests ran`,
      pass: p99 < 50 && wrong === 0 && ran <= 2,
    };
  });

/** A fault of native code in one of two workers: a first connection has its requests there, a second at the other worker. */
const abort = () =>
  withTimed(
    async server => {
      const [first, second] = [grpcConnection(server.grpc), grpcConnection(server.grpc)];
      for (const rpc of [first, second]) await rpc.call(INFER_HEAD, grpcRequest("plain")).done;
      const calls = rpc => Array.from({ length: 10 }, () => rpc.call(INFER_HEAD, grpcRequest("slower")).done);
      const [beside, others] = [calls(first), calls(second)];
      await pause(20);
      const started = performance.now();
      const since = () => performance.now() - started;
      await first.call(INFER_HEAD, grpcRequest("fatal", [1], [1])).done;
      // A connection that was given to the worker as it ended is lost with it: its client connects again.
      const isAnswered = async () =>
        (await grpcConnection(server.grpc).call(INFER_HEAD, grpcRequest("plain")).done).status === 0;
      let answered = false;
      while (!answered && since() < 3000) answered = await isAnswered();
      const served = since();
      while (!/worker \d+ \(process \d+\) serves/.test(server.output()) && since() < 20_000) await pause(10);
      const replaced = since();
      const failed = async all => (await Promise.all(all)).filter(({ status }) => status !== 0).length;
      const [besideFailed, othersFailed] = [await failed(beside), await failed(others)];
      const ended = server.ended();
      return {
        figure: ended
          ? `the server ends (${ended})`
          : `the server lives, and answers after ${ms(served)}; ${othersFailed} of 10 requests at the other worker fail, ${besideFailed} of 10 at the model's own; replaced after ${ms(replaced)}`,
        pass: !ended && answered && othersFailed === 0 && replaced < 3000,
        note: "with --workers 2: others are the requests at the other worker",
      };
    },
    { flags: ["--workers=2"] },
  );

/** How late the event loop is while large requests are read. */
const stalls = megabytes =>
  withTimed(async server => {
    const count = Math.floor((megabytes * 2 ** 20) / 8);
    const values = Buffer.alloc(count * 8 - 1, "1234567,");
    const json = Buffer.concat([
      Buffer.from(`{"inputs":[{"name":"INPUT0","datatype":"INT32","shape":[1,${count}],"data":[`),
      values,
      Buffer.from("]}]}"),
    ]);
    const varints = Buffer.alloc(count * 4, Buffer.from([0x87, 0xad, 0x4b, 0x01]));
    const contents = field(2, varints);
    const shape = Buffer.concat([field(1, "INPUT0"), field(2, "INT32"), field(5, contents)]);
    const protobuf = framed(Buffer.concat([field(1, "plain"), field(5, shape)]));
    const bytes = request("POST", "/v2/models/plain/infer", {}, json.subarray(0, 2 ** 26));
    const results = {};
    await server.ask("watchLoop");
    for (const [name, work] of Object.entries({
      JSON: () => httpConnection(server.http).send(bytes),
      protobuf: () => grpcConnection(server.grpc).call(INFER_HEAD, protobuf).done,
    })) {
      await server.ask("loop");
      await work();
      results[name] = await server.ask("loop");
    }
    const [p999, max] = ["p999", "max"].map(key => Math.max(...Object.values(results).map(one => one[key])));
    return {
      figure: `${Object.entries(results)
        .map(([name, one]) => `${name} of ${megabytes} MiB: p99.9 ${ms(one.p999)}, max ${ms(one.max)}`)
        .join("; ")}`,
      pass: p999 < 50 && max < 250,
    };
  });

/** Whether clients can make metrics grow. */
const series = names =>
  withTimed(async server => {
    const read = async () => {
      const text = await (await fetch(`http://127.0.0.1:${server.metrics}/metrics`)).text();
      return new Set(text.split("\n").flatMap(line => /^[a-z_]+(?:\{[^}]*\})?(?= )/.exec(line)?.[0] ?? []));
    };
    let http = httpConnection(server.http);
    let rpc = grpcConnection(server.grpc);
    const ask = async i => {
      // A refused method ends its connection.
      if (!http.usable) http = httpConnection(server.http);
      if (!rpc.usable) rpc = grpcConnection(server.grpc);
      await http.send(request(i % 2 ? "POST" : `M${i}`, `/v2/models/name-${i}/infer`, {}, jsonRequest()));
      await rpc.call(INFER_HEAD, grpcRequest(`name-${i}`)).done;
      await rpc.call(grpcHead(`/inference.GRPCInferenceService/Method${i}`), framed(Buffer.alloc(0))).done;
    };
    // Series of faults exist from their first.
    for (let i = 0; i < 4; i++) await ask(i);
    const before = await read();
    for (let i = 4; i < names; i++) await ask(i);
    const added = [...(await read())].filter(one => !before.has(one));
    return { figure: `${added.length} series more after ${names} names`, added };
  });

export const LINES = [
  {
    id: "S11",
    isTimed: true,
    title: "SIGTERM with 200 requests in flight",
    bar: "0 lost; ≤ slowest + 1 s; exit 0",
    quick: () => drain(1),
    full: () => drain(100),
  },
  {
    id: "S12",
    isTimed: true,
    title: "Overload: five times the peak",
    bar: "goodput ≥ 80 %; reject < 50 ms; health < 100 ms; < 100 MB; back < 5 s",
    quick: () => overload(4),
    full: () => overload(300),
  },
  {
    id: "S13",
    isTimed: true,
    title: "Deadlines of 5 to 1,200 ms",
    bar: "p99 < 50 ms late; 0 queued ones run",
    quick: () => deadlines(100),
    full: () => deadlines(5000),
  },
  {
    id: "S17",
    title: "Native abort in a model",
    bar: "0 deaths; < 3 s; 0 others",
    quick: abort,
    full: abort,
  },
  {
    id: "S23",
    isTimed: true,
    title: "Event loop while large requests are read",
    bar: "p99.9 < 50 ms; max < 250 ms",
    quick: () => stalls(63),
    full: () => stalls(63),
  },
  {
    id: "S24",
    title: "Logs and metrics",
    bar: "0 lines injected; 0 series; 0 secrets",
    async quick({ tests }) {
      const { figure, added } = await series(1000);
      const counts = await tests.count(
        ["tests/reliability/names", "tests/walls/secret", "tests/runtime/server/observe/log-lines"],
        {
          title: /log|secret|line/i,
        },
      );
      return {
        figure: `${figure}; ${counts.passed} of ${counts.total} tests of logs and secrets`,
        pass: added.length === 0 && counts.failed === 0,
        note: [...added.slice(0, 3), ...counts.failures].join("; "),
      };
    },
    async full({ tests }) {
      const { figure, added } = await series(100_000);
      const counts = await tests.count(
        ["tests/reliability/names", "tests/walls/secret", "tests/runtime/server/observe/log-lines"],
        {
          title: /log|secret|line/i,
        },
      );
      return {
        figure: `${figure}; ${counts.passed} of ${counts.total} tests of logs and secrets`,
        pass: added.length === 0 && counts.failed === 0,
        note: counts.failures.join("; "),
      };
    },
  },
];
