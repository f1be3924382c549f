/** A cluster of mock brokers, with its own consumer. */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { spawnKafka } from "../../../../needs/kafka.js";

export interface TestMessage {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly row: Readonly<Record<string, unknown>>;
}

export interface TestCluster {
  /** `host:port`, separated by commas. */
  readonly brokers: string;
  /** Closes a broker's port and connections. */
  down(broker: number): Promise<void>;
  up(broker: number): Promise<void>;
  delay(broker: number, milliseconds: number): Promise<void>;
  /** The next requests to produce end with this error of the protocol. */
  errors(code: number, times: number): Promise<void>;
  clear(): Promise<void>;
  read(topic: string): Promise<readonly TestMessage[]>;
  stop(): void;
}

/** Brokers are numbered from 1. */
export async function startCluster({ brokers = 1, partitions = 3, topics = ["exposures"] } = {}): Promise<TestCluster> {
  const script = join(import.meta.dirname, "cluster.py");
  const server = spawnKafka(script, [String(brokers), String(partitions), topics.join(",")]);
  const lines = createInterface({ input: server.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<{ brokers: string; result: unknown; error?: string }> => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the mock cluster has ended");
    return JSON.parse(value) as Awaited<ReturnType<typeof next>>;
  };
  const call = async (...command: readonly unknown[]): Promise<unknown> => {
    server.stdin!.write(`${JSON.stringify(command)}\n`);
    const { result, error } = await next();
    if (error !== undefined) throw new Error(error);
    return result;
  };
  const { brokers: addresses } = await next();
  return {
    brokers: addresses,
    down: async broker => void (await call("down", broker)),
    up: async broker => void (await call("up", broker)),
    delay: async (broker, milliseconds) => void (await call("delay", broker, milliseconds)),
    errors: async (code, times) => void (await call("errors", code, times)),
    clear: async () => void (await call("clear")),
    read: async topic => {
      const read = (await call("read", topic, {})) as readonly (Omit<TestMessage, "row" | "text"> & {
        value: string;
      })[];
      return read.map(({ value, ...message }) => {
        const text = Buffer.from(value, "base64").toString();
        return { ...message, text, row: JSON.parse(text) as TestMessage["row"] };
      });
    },
    // It ends with its input, also where this process is killed.
    stop: () => server.stdin!.end(),
  };
}
