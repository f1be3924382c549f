// redis-py's reading of a connection string's options (tests/oracles/feast/redis_options.py).
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type RedisStore, readOnlineStore } from "#formats/feast/feast-online-store.js";

/** Whether TLS is on, and then whether the server's certificate and its host name are checked. */
type Made = readonly [tls: false] | readonly [tls: true, verifies: boolean, hostName: boolean];
const MADE = JSON.parse(
  readFileSync(new URL("../../fixtures/feast/redis-options.json", import.meta.url), "utf8"),
) as Readonly<Record<string, Made>>;

const redis = (text: string): RedisStore => {
  const config = { type: "redis", redis_type: "redis", sentinel_master: "m", connection_string: text } as const;
  const store = readOnlineStore(config, "/feast");
  if (typeof store === "string" || store.type !== "redis") throw new Error(String(store));
  return store;
};

test.each(Object.entries(MADE))("%s", (text, made) => {
  const { tls, tlsVerify, tlsHostname } = redis(text);
  expect(tls ? [tls, tlsVerify, tlsVerify && tlsHostname] : [tls]).toEqual(made);
});

test("a text is the same in quotes and without, a comma aside", () => {
  const text = fc.string({ unit: "grapheme" }).filter(value => !value.includes(",") && value.trim() === value);
  const named = fc.constantFrom("username", "password");
  fc.assert(
    fc.property(named, text, (name, value) => {
      const quoted = JSON.stringify(value);
      fc.pre(!quoted.includes(",") && !/^["[{\d-]|^(true|false|null)$/.test(value));
      const made = [value, quoted].map(written => redis(`h:1,${name}=${written}`));
      expect(made[1]).toEqual(made[0]);
      const { username, password } = made[0]!;
      expect(name === "username" ? username : password?.reveal()).toBe(value);
    }),
  );
});

test("numbers and words of JSON stay as written where a text is expected", () => {
  const { password, username } = redis("h:1,password=0123,username=1e5");
  expect([password?.reveal(), username]).toEqual(["0123", "1e5"]);
});
