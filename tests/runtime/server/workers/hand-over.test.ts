/** Which worker gets a connection, with workers that say so themselves when a connection has closed. */
import { connect } from "node:net";
import { expect, test } from "vitest";
import { HandOver } from "../../../../runtime/server/workers/hand-over.js";
import type { WorkerProcess } from "../../../../runtime/server/workers/worker-process.js";
import { until } from "../../../run/wait.js";

/** A worker that takes each connection at once. */
function worker(name: string, log: string[], handOver: () => HandOver): WorkerProcess {
  const self = {
    child: { connected: true },
    state: "serving",
    ports: new Set(["http"]),
    open: new Map<string, number>(),
    lastGiven: 0,
    get connections() {
      return this.open.get("http") ?? 0;
    },
    link: {
      note({ id }: { readonly id: number }) {
        queueMicrotask(() => {
          handOver().taken(self as unknown as WorkerProcess, [id]);
          log.push(name);
        });
        return true;
      },
    },
  };
  return self as unknown as WorkerProcess;
}

async function serve(
  run: (next: () => Promise<string>, handOver: HandOver, workers: readonly WorkerProcess[]) => Promise<void>,
) {
  const log: string[] = [];
  const handOver: HandOver = new HandOver(() => workers);
  const workers = ["a", "b", "c"].map(name => worker(name, log, () => handOver));
  const listener = await handOver.listen("http", { address: "127.0.0.1", port: 0 });
  try {
    await run(
      async () => {
        const before = log.length;
        // The worker closes its handle, and so the connection.
        connect(listener.port, "127.0.0.1").on("error", () => {});
        return until("a worker has the connection", () => log[before]);
      },
      handOver,
      workers,
    );
  } finally {
    await listener.stop(0);
  }
}

test("connections that stay open are spread evenly", () =>
  serve(async next => {
    const got: string[] = [];
    for (let i = 0; i < 6; i++) got.push(await next());
    expect(got).toEqual(["a", "b", "c", "a", "b", "c"]);
  }));

test("of workers with equally many connections, the one that has waited longest is next", () =>
  serve(async (next, handOver, [a, b, c]) => {
    const got: string[] = [];
    const shortOne = async (of: WorkerProcess): Promise<void> => {
      got.push(await next());
      handOver.closed(of, { http: 1 });
    };
    got.push(await next());
    // The first worker reports late: the two others alternate.
    await shortOne(b!);
    await shortOne(c!);
    await shortOne(b!);
    await shortOne(c!);
    handOver.closed(a!, { http: 1 });
    await shortOne(a!);
    await shortOne(b!);
    await shortOne(c!);
    expect(got).toEqual(["a", "b", "c", "b", "c", "a", "b", "c"]);
  }));
