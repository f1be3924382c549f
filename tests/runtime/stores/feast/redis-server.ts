/** Debian's `redis-server`, started on loopback for a test: one server, or two that are a cluster. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis, type RedisOptions } from "ioredis";
import { freePort } from "#conformance/free-ports.js";
import { spawnRedis } from "../../../needs/redis.js";
import { until } from "../../../run/wait.js";

export interface TestRedis {
  readonly port: number;
  /** The port of other nodes of a cluster. */
  readonly busPort: number;
  /** Ends the process without a goodbye. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  client(): Redis;
  stop(): Promise<void>;
}

/** @param flags of `redis-server` @param options of the client that fills it @param first flags before all others */
export async function startRedis(
  flags: readonly string[] = [],
  options: Omit<RedisOptions, "replyMapping"> = {},
  first: readonly string[] = [],
): Promise<TestRedis> {
  const port = await freePort();
  // By default it is the first port + 10,000, which may belong to another process.
  const busPort = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "merlon-redis-"));
  const tls = flags.includes("--tls-port");
  const ports = tls ? ["--port", "0"] : ["--port", String(port)];
  const saves = first.includes("--sentinel") ? [] : ["--save", "", "--appendonly", "no"];
  const bus = flags.includes("--cluster-enabled") ? ["--cluster-port", String(busPort)] : [];
  const args = [...first, ...ports, "--bind", "127.0.0.1", "--dir", folder, ...saves, ...flags, ...bus];
  let server: ChildProcess;
  const clients: Redis[] = [];
  const client = () => {
    const made = new Redis(port, "127.0.0.1", {
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
      ...options,
    });
    made.on("error", () => {});
    clients.push(made);
    return made;
  };
  const start = async () => {
    server = spawnRedis(args.map(arg => (arg === "{port}" ? String(port) : arg)));
    const probe = client();
    const ended = once(server, "exit").then(([code, signal]) => {
      throw new Error(`redis-server ${args.join(" ")} has ended at its start (${code ?? signal})`);
    });
    ended.catch(() => {});
    try {
      await Promise.race([probe.ping(), ended]);
    } finally {
      probe.disconnect();
    }
  };
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  };
  await start();
  // A test that fails before its end leaves no server behind.
  const end = () => void server.kill("SIGKILL");
  process.once("exit", end);
  return {
    port,
    busPort,
    kill,
    restart: start,
    client,
    stop: async () => {
      for (const each of clients) each.disconnect();
      await kill();
      process.off("exit", end);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Two nodes, each with half of the slots. */
export async function startRedisCluster(): Promise<{
  readonly ports: readonly number[];
  readonly nodes: readonly TestRedis[];
  stop(): Promise<void>;
}> {
  const nodes = await Promise.all([startRedis(["--cluster-enabled", "yes"]), startRedis(["--cluster-enabled", "yes"])]);
  const [first, second] = nodes.map(node => node.client());
  await first!.call("CLUSTER", "ADDSLOTSRANGE", 0, 8191);
  await second!.call("CLUSTER", "ADDSLOTSRANGE", 8192, 16383);
  await first!.call("CLUSTER", "MEET", "127.0.0.1", nodes[1]!.port, nodes[1]!.busPort);
  for (const client of [first!, second!])
    await until("the cluster is ready", async () =>
      String(await client.call("CLUSTER", "INFO")).includes("cluster_state:ok"),
    );
  return {
    ports: nodes.map(node => node.port),
    nodes,
    stop: async () => {
      await Promise.all(nodes.map(node => node.stop()));
    },
  };
}

/** A sentinel that watches a server under the name `mymaster`. @param lines of its configuration */
export async function startSentinel(master: TestRedis, lines: readonly string[] = []): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), "merlon-sentinel-"));
  const config = join(folder, "sentinel.conf");
  writeFileSync(config, [`sentinel monitor mymaster 127.0.0.1 ${master.port} 1`, ...lines, ""].join("\n"));
  const sentinel = await startRedis([], {}, [config, "--sentinel"]);
  return {
    ...sentinel,
    stop: async () => {
      await sentinel.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
