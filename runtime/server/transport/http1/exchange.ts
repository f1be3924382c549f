/**
 * One request and its response, as the request's handler sees them.
 */
import { Cancellable } from "../../../base/cancellation.js";
import type { ReplyFields } from "./reply.js";
import type { RequestHead } from "./request-head.js";

/** Takes the body of a request. */
export interface BodySink {
  /** @param bytes the data is from `start` to `end`: valid until the call returns */
  data(bytes: Buffer, start: number, end: number): void;
  end(): void;
  /** The client has disconnected, or has sent an invalid body, before the end. */
  cut(): void;
}

/** The connection of an exchange. */
export interface ExchangeCarrier {
  /** The body has a reader, or is discarded. */
  decided(): void;
  reply(exchange: Exchange, status: number, fields: ReplyFields, body: readonly Buffer[], sent?: () => void): void;
  begin(exchange: Exchange, status: number, fields: ReplyFields): void;
  /** @returns false when the client is behind */
  write(exchange: Exchange, text: string): boolean;
  end(exchange: Exchange): void;
  whenRoom(act: () => void): void;
  cut(status: number, fields: ReplyFields, sent: Buffer): void;
  destroy(): void;
}

export class Exchange {
  /** Aborted when the client disconnects before its response. */
  readonly gone = new Cancellable();
  /** @internal The part that the connection keeps. */
  sink: BodySink | undefined;
  isDecided: boolean;
  complete = false;
  /** The connection ends with the answer. */
  isLast = false;
  begun = false;
  answered = false;

  readonly #carrier: ExchangeCarrier;

  constructor(
    readonly head: RequestHead,
    carrier: ExchangeCarrier,
  ) {
    this.#carrier = carrier;
    this.isDecided = head.body === 0;
    this.complete = head.body === 0;
  }

  /** Nothing of the body was given to anybody yet: it waits for this. */
  readBody(sink: BodySink): void {
    if (this.gone.aborted) sink.cut();
    else if (this.complete) sink.end();
    else {
      this.sink = sink;
      this.isDecided = true;
      this.#carrier.decided();
    }
  }

  /** The rest of the body is read and discarded, so that the connection can be reused. */
  discardBody(): void {
    this.sink = undefined;
    if (this.isDecided) return;
    this.isDecided = true;
    this.#carrier.decided();
  }

  /** The rest of the body is not read: the connection ends with the response. */
  refuseBody(): void {
    this.isLast = true;
    this.discardBody();
  }

  /** Answers as a whole; nothing if a response has begun or the client has disconnected. @param sent when the answer has left, or can't */
  reply(status: number, fields: ReplyFields, body: readonly Buffer[], sent?: () => void): void {
    if (this.begun || this.gone.aborted) {
      sent?.();
      return;
    }
    this.begun = true;
    this.#carrier.reply(this, status, fields, body, sent);
  }

  /**
   * Responds part by part. It waits for a slow client, and a disconnected one ends the parts.
   * @param parts none of them is empty
   */
  async stream(status: number, fields: ReplyFields, parts: AsyncIterable<string>): Promise<void> {
    if (this.begun || this.gone.aborted) return;
    this.begun = true;
    this.#carrier.begin(this, status, fields);
    for await (const part of parts) {
      if (this.gone.aborted) return;
      if (!this.#carrier.write(this, part)) await this.#room();
      if (this.gone.aborted) return;
    }
    this.#carrier.end(this);
  }

  /** Sends a part of an answer and ends the connection. */
  cut(status: number, fields: ReplyFields, sent: Buffer): void {
    if (this.begun || this.gone.aborted) return;
    this.begun = true;
    this.#carrier.cut(status, fields, sent);
  }

  /** Ends the connection. */
  destroy(): void {
    this.#carrier.destroy();
  }

  #room(): Promise<void> {
    return new Promise(resolve => {
      const go = (): void => {
        this.gone.removeEventListener("abort", go);
        resolve();
      };
      this.gone.addEventListener("abort", go);
      this.#carrier.whenRoom(go);
    });
  }
}
