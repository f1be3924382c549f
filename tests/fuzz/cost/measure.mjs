/**
 * The cost of requests: bytes → CPU time and peak memory of the server's process, beyond those of a health check.
 */
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as rest } from "node:timers/promises";
import { httpConnection, request } from "../../scorecard/support/http1-client.mjs";
import { END_STREAM, frameParser, GOAWAY, RST } from "../../scorecard/support/http2-client.mjs";

/** Time limit of a request until its connection is closed from here. */
const PATIENCE_MS = 60_000;
/** A connection that is left open without an answer is closed after this. */
const OPEN_MS = 5;
/** Readings of one request at most, from which the least is taken. */
const MOST_READINGS = 60;
/** A collection discards compiled code of dead objects. After this number of readings the process has time to compile it again. */
const [READINGS_AT_A_TIME, REST_MS] = [20, 250];
const HEALTH = request("GET", "/v2/health/live", {});

/** Reads CPU time through descriptors that stay open: a tenth of the cost of opening the files. */
function cpuReader(pid) {
  const buffer = Buffer.alloc(64);
  const tasks = new Map();
  const refresh = () => {
    for (const task of readdirSync(`/proc/${pid}/task`))
      if (!tasks.has(task))
        try {
          tasks.set(task, { fd: openSync(`/proc/${pid}/task/${task}/schedstat`, "r"), last: 0 });
        } catch {
          // The thread has ended.
        }
  };
  refresh();
  return {
    refresh,
    /** Microseconds; threads that end keep their last reading. */
    read() {
      let sum = 0;
      for (const task of tasks.values()) {
        if (task.fd !== undefined)
          try {
            const length = readSync(task.fd, buffer, 0, 64, 0);
            task.last = Number.parseInt(buffer.latin1Slice(0, length), 10) || task.last;
          } catch {
            closeSync(task.fd);
            task.fd = undefined;
          }
        sum += task.last;
      }
      return sum / 1000;
    },
    close: () => {
      for (const { fd } of tasks.values()) if (fd !== undefined) closeSync(fd);
    },
  };
}

/** Writes the pieces; resolves when the server has answered or cut the connection. @returns true unless it did neither */
function exchange(port, writes, isGrpc, isOpen) {
  return new Promise(resolve => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let answered = false;
    const finish = () => {
      answered = true;
      socket.destroy();
    };
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
    const parse = isGrpc
      ? frameParser((type, flags, stream) => {
          if (type === GOAWAY || (stream === 1 && (type === RST || flags & END_STREAM))) finish();
        })
      : undefined;
    if (parse) socket.on("data", parse);
    // An HTTP answer ends with the connection.
    else socket.resume();
    socket.on("error", () => {});
    socket.on("end", finish);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answered || socket.errored != null);
    });
    let at = 0;
    const next = () => {
      if (socket.destroyed) return;
      if (at < writes.length) socket.write(writes[at++], next);
      else if (isOpen)
        setTimeout(() => {
          answered = true;
          socket.destroy();
        }, OPEN_MS);
    };
    next();
  });
}

/** @param server of `startMeasured` */
export async function costMeter(server, protocol) {
  const cpu = cpuReader(server.pid);
  const isGrpc = protocol === "grpc";
  const port = isGrpc ? server.grpc : server.http;
  let health = httpConnection(server.http);
  /** Returns after a turn of the event loop: work after a response is counted too. */
  const settle = async () => {
    if (!health.usable) health = httpConnection(server.http);
    await health.send(HEALTH);
  };
  let count = 0;
  let settled = 0;
  const send = async members => {
    if (count++ % 200 === 0) cpu.refresh();
    const start = cpu.read();
    const answers = await Promise.all(members.map(({ built, isOpen }) => exchange(port, built.writes, isGrpc, isOpen)));
    await settle();
    return { micros: Math.max(0, cpu.read() - start - settled), answered: answers.every(Boolean) };
  };
  const costs = [];
  for (let i = 0; i < 200; i++) {
    const start = cpu.read();
    await settle();
    costs.push(cpu.read() - start);
  }
  settled = costs.sort((a, b) => a - b)[100];
  return {
    settledMicros: settled,
    /**
     * Requests at the same time: microseconds of all, and megabytes by which the process' peak has grown. This is noisy, since a collection
     * counts for the current requests.
     * @param members `{ built, isOpen }` each
     */
    async group(members) {
      server.resetPeak();
      const before = server.residentMb();
      const { micros, answered } = await send(members);
      return { micros, grownMb: Math.max(0, server.peakMb() - before), answered };
    },
    /**
     * The least of several after a collection: what the request costs by itself. A request that runs code for the first time also pays for
     * its compilation. One that seems to exceed its budget is therefore repeated.
     * @param collects whether to collect garbage before, as a figure of memory needs it
     * @param needsMore of the least reading so far and the number of readings
     */
    async careful({ built, isOpen }, { collects, needsMore }) {
      let [micros, grownMb, answered] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, true];
      if (collects) await server.ask("collect");
      for (let i = 0; i < MOST_READINGS && (i === 0 || needsMore({ micros, grownMb }, i)); i++) {
        if (i > 0 && i % READINGS_AT_A_TIME === 0) await rest(REST_MS);
        server.resetPeak();
        const before = server.residentMb();
        const one = await send([{ built, isOpen }]);
        micros = Math.min(micros, one.micros);
        grownMb = Math.min(grownMb, Math.max(0, server.peakMb() - before));
        answered &&= one.answered;
      }
      return { micros, grownMb, answered };
    },
    close() {
      health.destroy();
      cpu.close();
    },
  };
}
