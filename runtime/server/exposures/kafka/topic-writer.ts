/**
 * Writes the exposures of a process to a topic. Messages are sent in slices of bounded size, each partition's as one request. A slice that
 * cannot be sent stays, and the rest waits behind it.
 */
import { inBackground } from "../../../base/in-background.js";
import type { Batch, LoggedModel } from "../batch.js";
import type { Sink, WriterState } from "../sink.js";
import { headersOf, type Message, messagesOf } from "./messages.js";
import type { TopicAddress } from "./topic-address.js";
import { isTooLarge } from "./topic-faults.js";
import { TopicProducer } from "./topic-producer.js";

export interface TopicOptions {
  readonly address: TopicAddress;
  readonly salt?: Uint8Array | undefined;
}

/** Time after which waiting exposures are reported as such. */
const SILENT_MS = 5000;
/** Bytes of a request to one partition, and of a message; a broker's default limit is 1 MiB. */
const REQUEST_BYTES = 900_000;
/** Bytes of the messages that are in memory as text. */
const SLICE_BYTES = 8 * 2 ** 20;
/** Bytes of a record beside its key and value, with the headers, at most: names of models are short. */
const RECORD_BYTES = 512;

interface Work {
  readonly model: LoggedModel;
  readonly batch: Batch;
  messages?: Iterator<Message>;
  /** Requests that are made of its messages and not sent. */
  requests: readonly Request[];
}

interface Request {
  readonly partition: number;
  readonly messages: readonly Message[];
}

export class TopicWriter implements Sink {
  readonly #options: TopicOptions;
  readonly #producer: TopicProducer;
  readonly #models = new Map<number, LoggedModel>();
  readonly #waiting: Work[] = [];
  #counts = { batches: 0, rows: 0, bytes: 0, files: 0, removed: 0, dropped: 0 };
  #dropReason: string | undefined;
  #fault: string | undefined;
  /** Settles when everything is sent, or an attempt was given up. */
  #sending: Promise<void> | undefined;
  /** Sending that an earlier client began has no effect any more. */
  #client = 0;
  #onFault = (): void => {};

  constructor(options: TopicOptions) {
    this.#options = options;
    this.#producer = new TopicProducer({ address: options.address, onRetry: fault => this.#fail(fault) });
  }

  open(model: LoggedModel): void {
    this.#models.set(model.id, model);
  }

  async append(id: number, batches: Iterable<Batch>): Promise<WriterState> {
    for (const batch of batches) this.#waiting.push({ model: this.#models.get(id)!, batch, requests: [] });
    const faulted = new Promise<void>(resolve => {
      this.#onFault = resolve;
    });
    // A broker that takes connections and never answers: models and the server must be able to end.
    const silent = setTimeout(() => this.#fail(`no broker has answered for ${SILENT_MS / 1000} s`), SILENT_MS);
    await Promise.race([this.#send(), faulted]);
    clearTimeout(silent);
    return this.#state;
  }

  close(id: number): WriterState {
    this.#models.delete(id);
    return this.#state;
  }

  tick(): WriterState {
    if (this.#waiting.length > 0) inBackground(this.#send(), "sending exposures");
    return this.#state;
  }

  /** Waits for a broker that is away. A fault that only a person can correct ends the wait. */
  async end(): Promise<WriterState> {
    await this.#send();
    return this.#state;
  }

  /** After an error of the client outside of a call. A new one sends what waits; a request in flight may be written twice. */
  restart(error: unknown): void {
    this.#client++;
    this.#sending = undefined;
    this.#producer.reset();
    this.#fail(this.#producer.textOf(error));
  }

  get #state(): WriterState {
    return { ...this.#counts, waiting: this.#waiting.length, dropReason: this.#dropReason, fault: this.#fault };
  }

  #fail(fault: string): void {
    this.#fault = fault;
    this.#onFault();
  }

  /** Never rejects. */
  #send(): Promise<void> {
    const client = this.#client;
    this.#sending ??= this.#sendAll(client)
      .catch(error => {
        if (client === this.#client) this.#fail(this.#producer.textOf(error));
      })
      .finally(() => {
        if (client === this.#client) this.#sending = undefined;
      });
    return this.#sending;
  }

  async #sendAll(client: number): Promise<void> {
    for (let work = this.#waiting[0]; work; work = this.#waiting[0]) {
      work.messages ??= messagesOf(work.model, work.batch, this.#options.salt);
      for (;;) {
        if (work.requests.length === 0) {
          const partitionOf = await this.#producer.partitioner();
          if (client !== this.#client) return;
          work.requests = this.#slice(work.messages, partitionOf);
        }
        if (work.requests.length === 0) break;
        await this.#sendRequests(work, client);
        if (client !== this.#client) return;
      }
      this.#waiting.shift();
      this.#counts.batches++;
    }
  }

  /** The next messages as requests; none if there are no more. */
  #slice(messages: Iterator<Message>, partitionOf: (key: Buffer) => number): readonly Request[] {
    const requests: { partition: number; messages: Message[] }[] = [];
    const open = new Map<number, { readonly messages: Message[]; bytes: number }>();
    let all = 0;
    while (all < SLICE_BYTES) {
      const { value: message, done } = messages.next();
      if (done) break;
      const bytes = sizeOf(message);
      if (bytes > REQUEST_BYTES) {
        this.#drop(message, `larger than ${REQUEST_BYTES} bytes`);
        continue;
      }
      all += bytes;
      const partition = partitionOf(message.key);
      let request = open.get(partition);
      if (!request || request.bytes + bytes > REQUEST_BYTES) {
        request = { messages: [], bytes: 0 };
        open.set(partition, request);
        requests.push({ partition, messages: request.messages });
      }
      request.messages.push(message);
      request.bytes += bytes;
    }
    return requests;
  }

  /** Sends the requests of a batch; those that failed stay. @throws the first error, if one stays */
  async #sendRequests(work: Work, client: number): Promise<void> {
    const headers = headersOf(work.model);
    while (work.requests.length > 0) {
      const { first, rest } = firstOfEachPartition(work.requests);
      const sent = await Promise.all(first.map(request => this.#sendOne(request, headers)));
      if (client !== this.#client) return;
      work.requests = [...sent.flatMap(({ left }) => left), ...rest];
      const failed = sent.find(({ error }) => error !== undefined);
      if (failed) throw failed.error;
    }
  }

  async #sendOne(request: Request, headers: Readonly<Record<string, string>>) {
    const { partition, messages } = request;
    try {
      await this.#producer.send(partition, messages, headers);
    } catch (error) {
      if (!isTooLarge(error)) return { left: [request], error };
      if (messages.length === 1) {
        this.#drop(messages[0]!, "larger than the broker's limit");
        return { left: [] };
      }
      const half = messages.length >> 1;
      return { left: [messages.slice(0, half), messages.slice(half)].map(part => ({ partition, messages: part })) };
    }
    this.#fault = undefined;
    this.#counts.rows += messages.length;
    this.#counts.bytes += messages.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    return { left: [] };
  }

  #drop(message: Message, why: string): void {
    this.#counts.dropped++;
    this.#dropReason = `a message of ${sizeOf(message)} bytes is ${why}. Keep fewer columns, or shorter lists`;
  }
}

/** One request of a partition is in flight at a time: the broker refuses a later one that overtakes it. */
function firstOfEachPartition(requests: readonly Request[]) {
  const seen = new Set<number>();
  const [first, rest]: [Request[], Request[]] = [[], []];
  for (const request of requests) {
    (seen.has(request.partition) ? rest : first).push(request);
    seen.add(request.partition);
  }
  return { first, rest };
}

const sizeOf = ({ key, value }: Message): number => key.length + value.length + RECORD_BYTES;
