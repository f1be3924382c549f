/** Faults of a Redis store: why it is away and the way out, and its refusals, without secrets. Also the deadline of a request. */
import { EventEmitter, getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Secret } from "#contract/secret.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { redisFaults, within } from "#runtime/stores/feast/redis-faults.js";

const WHERE = "the online store at r:6379 (redis)";
function faults(given: object = {}) {
  const client = new EventEmitter();
  const store = { type: "redis", nodes: [{ host: "r", port: 6379 }], tls: false, ...given };
  return { client, ...redisFaults(store as never, 250, client as never) };
}
const said = ({ code, message }: { code: string; message: string }): string => `${code} ${message}`;
const START = "Start it, or correct `connection_string` in feature_store.yaml.";
const PASSWORD = "Give `username` and `password` in its `connection_string`.";
const CERTIFICATE =
  "If it requires a client certificate, name one with `ssl_certfile` and `ssl_keyfile` in its `connection_string`.";
const DROP_TLS = "If it does not speak TLS, drop `ssl=true` from its `connection_string`.";
const ADD_TLS = "If it speaks TLS, write `ssl=true` in its `connection_string`.";
const tls = { tls: true };
const identified = { tls: true, tlsClient: { certificate: "c", key: "k", keyWritten: "k" } };

describe("a store that is away", () => {
  test.each<readonly [string, object, string]>([
    ["connect ECONNREFUSED 127.0.0.1:6379", {}, START],
    ["connect ECONNREFUSED 127.0.0.1:6379", tls, START],
    ["NOAUTH Authentication required", {}, PASSWORD],
    ["WRONGPASS invalid", tls, PASSWORD],
    ["NOPERM this user has no permissions", {}, PASSWORD],
    ["ERR invalid password", {}, PASSWORD],
    ["ERR Invalid username-password pair", {}, PASSWORD],
    ["ERR DB index is out of range", {}, "Correct `db` in its `connection_string`."],
    ["ERR This instance has cluster support disabled", {}, "It is one server: drop `redis_type: redis_cluster`."],
    ["tlsv13 alert Certificate Required", tls, CERTIFICATE],
    ["sslv3 alert handshake failure", identified, CERTIFICATE],
    ["read ECONNRESET", tls, CERTIFICATE],
    ["write EPIPE", tls, CERTIFICATE],
    ["Connection is closed", tls, CERTIFICATE],
    ["read ECONNRESET", identified, START],
    ["wrong version number", tls, DROP_TLS],
    ["write EPROTO 1", {}, DROP_TLS],
    ["it did not answer within 250 ms", tls, DROP_TLS],
    ["it did not answer within 250 ms", {}, START],
    ["read ECONNRESET", {}, ADD_TLS],
    ["socket hang up", {}, ADD_TLS],
  ])("%s (%j)", (reason, given, way) => {
    expect(said(faults(given).away(new Error(`${reason}.`)))).toBe(
      `UNAVAILABLE ${WHERE} can not be reached: ${reason}. ${way}`,
    );
  });
  test("has the last error of its client as the reason, and for a cluster that of its node", () => {
    const { away, client } = faults();
    client.emit("error", new Error("first"));
    client.emit(
      "error",
      Object.assign(new Error("Failed to refresh slots cache"), { lastNodeError: new Error(" node ") }),
    );
    expect(said(away(new Error("closed")))).toBe(`UNAVAILABLE ${WHERE} can not be reached: node. ${START}`);
  });
  test("has no cause and no secret in its fault", () => {
    const { away } = faults({ password: new Secret("s3cret") });
    const fault = away(Object.assign(new Error("AUTH s3cret failed"), { command: { args: ["s3cret"] } }));
    expect([fault.message, fault.cause]).toEqual([`${WHERE} can not be reached: AUTH *** failed. ${START}`, undefined]);
  });
  test("or late says how long that was", () => {
    expect(said(faults().late())).toBe(`UNAVAILABLE ${WHERE} did not answer within 250 ms.`);
  });
});

describe("a command that is refused", () => {
  test.each(["LOADING", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN"])("with %s is of a store that is away", word => {
    expect(said(faults().refused(`${word} later`))).toBe(
      `UNAVAILABLE ${WHERE} can not be reached: ${word} later. ${START}`,
    );
  });
  test("otherwise says what it is about, and what to do with a key of another kind", () => {
    const { refused } = faults({ password: new Secret("s3cret") });
    expect(said(refused("ERR x LOADING s3cret"))).toBe(`INVALID_ARGUMENT ${WHERE} refuses: ERR x LOADING ***.`);
    expect(said(refused("WRONGTYPE not a hash", "view `v`"))).toBe(
      `INVALID_ARGUMENT ${WHERE} refuses view \`v\`: WRONGTYPE not a hash. It is no hash: Feast did not write it. Delete the key, then materialize the view again.`,
    );
  });
});

describe("work within a time", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const late = (): Error => new Error("late");
  const outcome = (work: Promise<unknown>): { value?: unknown } => {
    const found: { value?: unknown } = {};
    work.then(
      value => {
        found.value = value;
      },
      (error: Error) => {
        found.value = error.message;
      },
    );
    return found;
  };
  /** A signal that counts who listens. */
  function counted() {
    const signal = new Cancellable();
    let listening = 0;
    return {
      abort: () => signal.abort(),
      listening: () => listening,
      signal: {
        get aborted() {
          return signal.aborted;
        },
        addEventListener(type: "abort", act: () => void) {
          listening++;
          signal.addEventListener(type, act);
        },
        removeEventListener(type: "abort", act: () => void) {
          listening--;
          signal.removeEventListener(type, act);
        },
      },
    };
  }
  test("ends with the work, its value or its error, and leaves no timer and no listener", async () => {
    const { signal, listening } = counted();
    const done = outcome(within(Promise.resolve(7), 10, late, signal));
    const failed = outcome(within(Promise.reject(new Error("no")), 10, late, signal));
    await vi.advanceTimersByTimeAsync(0);
    expect([done.value, failed.value, vi.getTimerCount(), listening()]).toEqual([7, "no", 0, 0]);
  });
  test("is cancelled by a signal of the platform, which has no listener afterwards", async () => {
    const controller = new AbortController();
    const found = outcome(within(new Promise(() => {}), 10, late, controller.signal));
    const done = outcome(within(Promise.resolve(7), 10, late, controller.signal));
    await vi.advanceTimersByTimeAsync(0);
    expect(done.value).toBe(7);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    controller.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(found.value).toBe("the request was cancelled");
  });
  test("is late then, and not before", async () => {
    const found = outcome(within(new Promise(() => {}), 10, late));
    await vi.advanceTimersByTimeAsync(9);
    expect(found).toEqual({});
    await vi.advanceTimersByTimeAsync(1);
    expect(found.value).toBe("late");
  });
  test("is cancelled at once", async () => {
    const { signal, abort } = counted();
    const found = outcome(within(new Promise(() => {}), 10, late, signal));
    abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(found.value).toBe("the request was cancelled");
  });
});
