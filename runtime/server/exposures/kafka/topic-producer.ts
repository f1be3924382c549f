/**
 * A topic's producer. A message is written when all replicas in sync have it. The client repeats a request that failed on its way under the
 * same sequence number, so that the broker takes it once.
 */
import type { Producer } from "@platformatic/kafka";
import { maskSecrets } from "../../../../contract/secret.js";
import { omitAddressNames } from "./address-names.js";
import { boundResponses } from "./bounded-responses.js";
import type { Message } from "./messages.js";
import { openAccess, type TopicAccess, type TopicAddress } from "./topic-address.js";
import { faultText } from "./topic-faults.js";

export interface ProducerOptions {
  readonly address: TopicAddress;
  /** Called when the client tries again on its own. */
  readonly onRetry: (fault: string) => void;
}

export interface Connected {
  readonly producer: Producer<Buffer, Buffer, Buffer, Buffer>;
  readonly partitionOf: (key: Buffer) => number;
}

const RETRY_MS = 1000;
/** The client keeps the error of each attempt, so a longer outage begins a new request. */
const RETRIES = 600;
const CONNECT_MS = 5000;
const REQUEST_MS = 30_000;

export class TopicProducer {
  readonly #options: ProducerOptions;
  #connected: Promise<Connected> | undefined;
  #access: TopicAccess = {};

  constructor(options: ProducerOptions) {
    this.#options = options;
  }

  /** The partition of each key, as Java's client chooses it. @throws Error of the client */
  async partitioner(): Promise<(key: Buffer) => number> {
    const { topic } = this.#options.address;
    const { producer, partitionOf } = await this.#connect();
    const { topics } = await producer.metadata({ topics: [topic] });
    const count = topics.get(topic)!.partitionsCount;
    return key => partitionOf(key) % count;
  }

  /** Sends messages as one record batch, which is written whole or not at all. @throws Error of the client */
  async send(
    partition: number,
    messages: readonly Message[],
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { topic } = this.#options.address;
    const { producer } = await this.#connect();
    const printed = new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]));
    await producer.send({ messages: messages.map(message => ({ ...message, topic, partition, headers: printed })) });
  }

  /** The next call makes a new client. */
  reset(): void {
    const old = this.#connected;
    this.#connected = undefined;
    old?.then(({ producer }) => producer.close(true)).catch(() => {});
  }

  /** An error of the other methods as a sentence. */
  textOf(error: unknown): string {
    const { user, password } = this.#access;
    return maskSecrets(faultText(error), [password, user]);
  }

  /** Files and variables are read again after a fault in them. */
  async #connect(): Promise<Connected> {
    this.#connected ??= this.#open();
    try {
      return await this.#connected;
    } catch (error) {
      this.#connected = undefined;
      throw error;
    }
  }

  async #open(): Promise<Connected> {
    const { address, onRetry } = this.#options;
    const { compatibilityPartitioner, Producer } = await import("@platformatic/kafka");
    const access = openAccess(address);
    this.#access = access;
    boundResponses();
    if (access.tls) omitAddressNames();
    const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
      clientId: "merlon",
      bootstrapBrokers: [...address.brokers],
      idempotent: true,
      // A new producer has none. The client's default is 0, which can be another producer's.
      producerId: -1n,
      producerEpoch: -1,
      ...(address.compression !== "none" && { compression: address.compression }),
      retries: RETRIES,
      retryDelay: (_client, _operation, _attempt, _retries, error) => {
        onRetry(this.textOf(error));
        return RETRY_MS;
      },
      connectTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      ...(access.tls && { tls: { ...access.tls, rejectUnauthorized: true }, tlsServerName: true }),
      ...(address.sasl && {
        sasl: {
          mechanism: address.sasl.mechanism,
          username: access.user!.reveal(),
          password: access.password!.reveal(),
        },
      }),
    });
    return { producer, partitionOf: key => compatibilityPartitioner({ topic: address.topic, key, value: key }, key) };
  }
}
