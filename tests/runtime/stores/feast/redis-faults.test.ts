/** Faults of a Redis store: why it is away and the way out, and its refusals, without secrets. Also the deadline of a request. */
import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { Secret } from "#contract/secret.js";
import { redisFaults } from "#runtime/stores/feast/redis-faults.js";

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
  test("has no cause and no secret in its fault", () => {
    const { away } = faults({ password: new Secret("s3cret") });
    const fault = away(Object.assign(new Error("AUTH s3cret failed"), { command: { args: ["s3cret"] } }));
    expect([fault.message, fault.cause]).toEqual([`${WHERE} can not be reached: AUTH *** failed. ${START}`, undefined]);
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
