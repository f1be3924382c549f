// One way to spread connections over processes or threads, with a server of a few lines behind it: `node prototype.mjs WAY COUNT`. The parent process gets the port, and
// after "report" the number of answers of each worker.

import { fork } from "node:child_process";
import cluster from "node:cluster";
import { createServer, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const FILE = fileURLToPath(import.meta.url);
const WORK_MICROS = Number(process.env.WORK_MICROS ?? 60);
const ANSWER = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
const CLOSING = Buffer.from("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");

let answered = 0;
let sum = 1;
/** The run of a model: steps of about a nanosecond. */
function work() {
  answered++;
  let x = sum;
  for (let i = WORK_MICROS * 1000; i > 0; i--) x = Math.imul(x, 48_271) ^ i;
  sum = x;
}

function atOnce(done) {
  work();
  done();
}

/** The generators send each request in one write. @param run takes the request and calls back */
function serve(socket, run = atOnce) {
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", chunk => {
    const text = chunk.latin1Slice();
    const ends = text.startsWith("GET / HTTP/1.0") && !/keep-alive/i.test(text);
    run(() => (ends ? socket.end(CLOSING) : socket.write(ANSWER)));
  });
}
const listen = options =>
  new Promise(resolve => {
    const server = createServer(serve).listen({ port: 0, host: "127.0.0.1", ...options }, () => resolve(server));
  });

const reportTo = channel =>
  channel.on("message", message => {
    if (message === "report") channel.send({ answered });
  });

/** @returns asks all children for their counts */
const reports = children => () =>
  Promise.all(
    children.map(
      child =>
        new Promise(resolve => {
          const read = message => {
            if (message?.answered === undefined) return;
            child.off("message", read);
            resolve(message.answered);
          };
          child.on("message", read);
          child.send("report");
        }),
    ),
  );
const begun = child => new Promise(resolve => child.once("message", resolve));

/** `node:cluster`: the primary accepts and hands over in turn, or all workers accept from one handle. */
async function clustered(count, policy) {
  cluster.schedulingPolicy = policy;
  cluster.setupPrimary({ exec: FILE, args: ["clustered"], serialization: "advanced" });
  const children = Array.from({ length: count }, () => cluster.fork());
  const [{ port }] = await Promise.all(children.map(begun));
  return { port, report: reports(children) };
}

/** A process for each socket of its own, on one port: the kernel chooses by a hash of the addresses. */
async function reusePort(count) {
  const guard = await listen({ reusePort: true, exclusive: true });
  const { port } = guard.address();
  const children = Array.from({ length: count }, () => fork(FILE, ["reuse-child", String(port)]));
  await Promise.all(children.map(begun));
  guard.close();
  return { port, report: reports(children) };
}

/** The parent accepts, and hands each connection to the child with the fewest. */
async function handOver(count) {
  const children = Array.from({ length: count }, () => fork(FILE, ["hand-over-child"], { serialization: "advanced" }));
  await Promise.all(children.map(begun));
  const open = children.map(() => 0);
  for (const [i, child] of children.entries())
    child.on("message", message => {
      if (message.closed) open[i] -= message.closed;
    });
  const server = await listen({});
  let turn = 0;
  server._handle.onconnection = (_, handle) => {
    let best = turn++ % count;
    for (let i = 0; i < count; i++) if (open[(turn + i) % count] < open[best]) best = (turn + i) % count;
    open[best]++;
    children[best].send({ connection: true }, handle, () => handle.close());
  };
  return { port: server.address().port, report: reports(children) };
}

/** One thread has the sockets, and others the work. */
async function threads(count) {
  const workers = Array.from({ length: count }, () => new Worker(FILE, { workerData: "work" }));
  const waiting = workers.map(() => []);
  const counts = workers.map(() => 0);
  for (const [i, worker] of workers.entries())
    worker.on("message", () => {
      counts[i]++;
      waiting[i].shift()();
    });
  const run = done => {
    let best = 0;
    for (let i = 1; i < count; i++) if (waiting[i].length < waiting[best].length) best = i;
    waiting[best].push(done);
    workers[best].postMessage(1);
  };
  const server = await new Promise(resolve => {
    const made = createServer(socket => serve(socket, run)).listen(0, "127.0.0.1", () => resolve(made));
  });
  return { port: server.address().port, report: async () => [...counts] };
}

const WAYS = {
  "one process": async () => ({ port: (await listen({})).address().port, report: async () => [answered] }),
  "cluster, in turn": count => clustered(count, cluster.SCHED_RR),
  "shared handle": count => clustered(count, cluster.SCHED_NONE),
  SO_REUSEPORT: reusePort,
  "hand over, fewest": handOver,
  "threads behind one": threads,
};

if (!isMainThread && workerData === "work")
  parentPort.on("message", () => {
    work();
    parentPort.postMessage(1);
  });
else if (process.argv[2] === "clustered" || process.argv[2] === "reuse-child") {
  const server = await listen(process.argv[3] ? { port: Number(process.argv[3]), reusePort: true } : {});
  process.send({ port: server.address().port });
  reportTo(process);
} else if (process.argv[2] === "hand-over-child") {
  let closed = 0;
  process.on("message", (message, handle) => {
    if (!message.connection) return;
    const socket = new Socket({ handle, readable: true, writable: true });
    serve(socket);
    socket.once("close", () => {
      if (closed++ === 0)
        setImmediate(() => {
          process.send({ closed });
          closed = 0;
        });
    });
  });
  reportTo(process);
  process.send({ begun: true });
} else {
  const { port, report } = await WAYS[process.argv[2]](Number(process.argv[3]));
  process.send({ port });
  process.on("message", async message => {
    if (message === "report") process.send({ counts: await report() });
    if (message === "end") process.exit();
  });
}
// Children end with the process that started them.
process.on("disconnect", () => process.exit());
