/**
 * One end of the channel between the control process and a worker: questions, answers, and notes. Every question gets an answer, also when the other end dies or its
 * time is over.
 */
import type { ArgumentOf, CallsOf, ResultOf } from "../../../contract/workers/messages.js";
import { RuntimeFault, unavailable } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { AnswerFrame, Frame } from "./messages.js";

/** `process`, or a child: what sends and receives. */
export interface Channel {
  readonly connected: boolean;
  send?(message: object, handle?: unknown, options?: undefined, sent?: (error: Error | null) => void): boolean;
  on(event: "message", act: (message: unknown, handle: unknown) => void): unknown;
  on(event: "disconnect", act: () => void): unknown;
}

export type Answers<C> = {
  readonly [K in keyof C]: (argument: ArgumentOf<C, K>) => ResultOf<C, K> | Promise<ResultOf<C, K>>;
};

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout | undefined;
}

export interface LinkOptions<Own, Note> {
  /** The error of open questions when the other end closes. */
  readonly gone: string;
  readonly answers: Answers<Own>;
  onNote(note: Note, handle: unknown): void;
}

/** @param Own what this end answers @param Other what the other end answers */
export class Link<
  Own extends CallsOf<Own>,
  Other extends CallsOf<Other>,
  NoteIn extends { readonly note: string },
  NoteOut extends { readonly note: string },
> {
  readonly #channel: Channel;
  readonly #options: LinkOptions<Own, NoteIn>;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #isClosed = false;

  constructor(channel: Channel, options: LinkOptions<Own, NoteIn>) {
    this.#channel = channel;
    this.#options = options;
    channel.on("message", (message, handle) => this.#receive(message as Frame<Own, NoteIn>, handle));
    channel.on("disconnect", () => this.close());
  }

  /** @param within milliseconds; without it, for as long as the other end lives @throws RuntimeFault */
  ask<K extends keyof Other & string>(
    call: K,
    argument: ArgumentOf<Other, K>,
    within?: number,
  ): Promise<ResultOf<Other, K>> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const fail = (text: string): void => {
        const waiting = this.#waiting.get(id);
        if (!waiting) return;
        this.#waiting.delete(id);
        clearTimeout(waiting.timer);
        reject(unavailable(text));
      };
      const timer =
        within === undefined ? undefined : setTimeout(() => fail(`no answer to '${call}' within ${within} ms`), within);
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, timer });
      if (!this.#send({ ask: id, call, argument })) fail(this.#options.gone);
    });
  }

  /** @param handle moves to the other process @param sent called with the error if it could not be sent */
  note(note: NoteOut, handle?: unknown, sent?: (error: Error | null) => void): boolean {
    return this.#send(note, handle, sent);
  }

  /** The other end is closed: all open questions fail now. */
  close(): void {
    this.#isClosed = true;
    for (const [id, { reject, timer }] of [...this.#waiting]) {
      this.#waiting.delete(id);
      clearTimeout(timer);
      reject(unavailable(this.#options.gone));
    }
  }

  #send(frame: object, handle?: unknown, sent?: (error: Error | null) => void): boolean {
    if (this.#isClosed || !this.#channel.connected || !this.#channel.send) return false;
    // An end that dies while it is sent to is noticed by its disconnection.
    this.#channel.send(frame, handle, undefined, sent ?? (() => {}));
    return true;
  }

  #receive(frame: Frame<Own, NoteIn>, handle: unknown): void {
    if ("note" in frame) this.#options.onNote(frame, handle);
    else if ("ask" in frame) inBackground(this.#answer(frame.ask, frame.call, frame.argument), "answering a process");
    else this.#settle(frame as AnswerFrame);
  }

  #settle(frame: AnswerFrame): void {
    const waiting = this.#waiting.get(frame.answer);
    if (!waiting) return;
    this.#waiting.delete(frame.answer);
    clearTimeout(waiting.timer);
    if ("fault" in frame) waiting.reject(new RuntimeFault(frame.fault.code, frame.fault.message));
    else waiting.resolve(frame.value);
  }

  async #answer(id: number, call: keyof Own & string, argument: unknown): Promise<void> {
    try {
      const value = await this.#options.answers[call](argument as ArgumentOf<Own, typeof call>);
      this.#send({ answer: id, value });
    } catch (error) {
      const { code, message } = RuntimeFault.from(error, (error as Error).message);
      this.#send({ answer: id, fault: { code, message } });
    }
  }
}
