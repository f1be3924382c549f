/** A connection to the Redis server of a stream, which reconnects by itself. Each command has a deadline. */
import { maskStore, type RedisStore } from "../../../../formats/feast/feast-online-store.js";
import { invalid, type RuntimeFault, unavailable } from "../../../base/errors.js";
import { foreignText } from "../../../base/foreign-text.js";
import { makeSingle } from "../../../stores/feast/redis-client.js";
import { within } from "../../../stores/feast/redis-faults.js";

const TIMEOUT_MS = 5000;
/** Errors of a server that starts, fails over or is busy. */
const PASSING = /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY)/;

export interface StreamConnection {
  /** @returns the reply, with texts as bytes @throws RuntimeFault UNAVAILABLE if the server is away, INVALID_ARGUMENT if it refuses */
  call(name: string, ...args: readonly (string | number)[]): Promise<unknown>;
  close(): void;
}

/** @throws RuntimeFault naming the server, without its password */
export async function connectStream(store: RedisStore): Promise<StreamConnection> {
  const client = makeSingle(store, TIMEOUT_MS);
  const where = `Redis at ${store.shown}`;
  // An emitted error without a listener would end the process.
  let last: Error | undefined;
  client.on("error", (error: Error) => {
    last = error;
  });
  client.on("ready", () => {
    last = undefined;
  });
  const late = () => new Error(`it did not answer within ${TIMEOUT_MS} ms`);
  // No cause: errors of the client hold the commands that failed, AUTH among them.
  const faultOf = (error: unknown): RuntimeFault => {
    const { name, message } = error as Error;
    const isRefused = name === "ReplyError" && !PASSING.test(message);
    const reason = foreignText(maskStore(store, isRefused ? message : (last ?? (error as Error)).message));
    return isRefused ? invalid(`${where} refuses: ${reason}.`) : unavailable(`${where} cannot be reached: ${reason}.`);
  };
  try {
    await within(client.connect(), TIMEOUT_MS, late);
  } catch (error) {
    client.disconnect();
    throw faultOf(error);
  }
  return {
    call: async (name, ...args) => {
      try {
        return await within(client.callBuffer(name, ...args), TIMEOUT_MS, late);
      } catch (error) {
        throw faultOf(error);
      }
    },
    close: () => client.disconnect(),
  };
}
