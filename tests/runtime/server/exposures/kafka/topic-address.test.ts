// Addresses of topics: brokers, options, and messages that hold no credentials.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { openAccess, readTopicAddress } from "#runtime/server/exposures/kafka/topic-address.js";

describe("an address", () => {
  test("has brokers, a topic and the usual port", () => {
    expect(readTopicAddress("kafka://a.example,10.0.0.1:9093,[::1]:9094/shown.v1")).toEqual({
      brokers: ["a.example:9092", "10.0.0.1:9093", "[::1]:9094"],
      topic: "shown.v1",
      compression: "zstd",
      shown: "kafka://a.example,10.0.0.1:9093,[::1]:9094/shown.v1",
    });
  });
  test("has TLS, a mechanism and names of variables", () => {
    const text = "kafkas://a:1/t?sasl=scram-sha-512&user=env:U&password=env:P&ca=ca.pem&compression=gzip";
    expect(readTopicAddress(text)).toEqual({
      brokers: ["a:1"],
      topic: "t",
      compression: "gzip",
      tls: { ca: "ca.pem" },
      sasl: { mechanism: "SCRAM-SHA-512", user: "U", password: "P" },
      shown: "kafkas://a:1/t",
    });
  });
  test.each([
    ["kafka:///t", /is expected/],
    ["kafka://a:1", /is expected/],
    ["kafka://a:1/t/u", /is expected/],
    ["kafka://a:1/t#f", /is expected/],
    ["kafka://a:0/t", /'a:0' is not HOST:PORT/],
    ["kafka://a:99999/t", /'a:99999' is not HOST:PORT/],
    ["kafka://a:1,/t", /'' is not HOST:PORT/],
    ["kafka://a:1/..", /the name of a topic/],
    ["kafka://a:1/a%20b", /the name of a topic/],
    ["kafka://a:1/t?acks=0", /the options are compression, sasl, .*, not acks/],
    ["kafka://a:1/t?compression=lz4", /`compression` is zstd, gzip, none/],
    ["kafka://a:1/t?compression=zstd&compression=gzip", /`compression` has one value/],
    ["kafka://a:1/t?ca=x", /write `kafkas:\/\/`/],
    ["kafkas://a:1/t?cert=x", /`cert` and `key` belong together/],
    ["kafkas://a:1/t?sasl=gssapi", /`sasl` is one of/],
    ["kafkas://a:1/t?user=env:U", /need `sasl`/],
  ])("%s is refused", (text, message) => expect(() => readTopicAddress(text)).toThrow(message));

  test.each([
    "kafka://me:hunter2@a:1/t",
    "kafka://me:hunter2/@a:1/t",
    "kafkas://a:1/t?sasl=PLAIN&user=env:U&password=hunter2",
    "kafkas://a:1/t?sasl=PLAIN&user=env:U&password=env:hunter2-",
    "kafkas://a:1/t?password=hunter2",
    "kafkas://a:1/t?sasl=hunter2&user=env:U&password=env:P",
  ])("a refusal of %s holds no password", text => {
    let message = "";
    try {
      serveOptions(["--model-repository", "m", "--exposures", text]);
    } catch (error) {
      message = inspect(error);
    }
    expect(message).toContain("kafka");
    expect(message).not.toContain("hunter2");
  });
});

describe("access", () => {
  const address = readTopicAddress("kafkas://a:1/t?sasl=PLAIN&user=env:U&password=env:P");
  test("is read from the environment, and masked", () => {
    const { user, password } = openAccess(address, { U: "me", P: "hunter2" });
    expect([user!.reveal(), password!.reveal()]).toEqual(["me", "hunter2"]);
    expect(inspect({ user, password }) + JSON.stringify({ user, password })).not.toMatch(/hunter2|"me"/);
  });
  test("names a variable that is not set, and a file that cannot be read", () => {
    expect(() => openAccess(address, { U: "me", P: "" })).toThrow(
      "kafkas://a:1/t: the environment variable P is not set",
    );
    const missing = readTopicAddress("kafkas://a:1/t?ca=/does/not/exist");
    expect(() => openAccess(missing)).toThrow(/'\/does\/not\/exist' cannot be read: ENOENT/);
  });
  test("has the certificates of its files", () => {
    const ca = join(mkdtempSync(join(tmpdir(), "merlon-ca-")), "ca.pem");
    writeFileSync(ca, "a certificate");
    expect(openAccess(readTopicAddress(`kafkas://a:1/t?ca=${ca}`))).toEqual({ tls: { ca: "a certificate" } });
  });
});

test("options of files are refused with a topic", () => {
  const words = ["--model-repository", "m", "--exposures", "kafka://a:1/t"];
  expect(serveOptions(words).exposures).toEqual({ folder: "kafka://a:1/t" });
  expect(() => serveOptions([...words, "--exposures-rotate", "1h"])).toThrow(/--exposures-rotate is of files/);
});
