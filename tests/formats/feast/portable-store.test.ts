/** The `online_store` of a built repository: references in the place of secrets, no literal password, and nothing that is not read. */
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { expandEnvironment, isReference } from "#formats/feast/environment.js";
import { portableStore } from "#formats/feast/portable-store.js";

afterEach(() => void vi.unstubAllEnvs());

describe("environment variables", () => {
  test("are put in, with and without braces, and unknown ones stay", () => {
    vi.stubEnv("MERLON_A", "value");
    vi.stubEnv("MERLON_B", "");
    vi.stubEnv("MERLON_GONE", undefined);
    const { text } = expandEnvironment("$MERLON_A ${MERLON_A}x $MERLON_B. $MERLON_GONE ${MERLON_GONE} $ ${} $-");
    expect(text).toBe("value valuex . $MERLON_GONE ${MERLON_GONE} $ ${} $-");
  });
  test("whose values have four characters or more are hidden, each once, under its name", () => {
    vi.stubEnv("MERLON_A", "four");
    vi.stubEnv("MERLON_B", "two");
    const { hidden } = expandEnvironment("$MERLON_A $MERLON_B ${MERLON_A}");
    expect(hidden.map(secret => [String(secret), secret.reveal()])).toEqual([["${MERLON_A}", "four"]]);
  });
  test("may be all that a text is", () => {
    for (const text of ["$A", "${A}", "$A${B}$C"]) expect([text, isReference(text)]).toEqual([text, true]);
    for (const text of ["", "A", "$A:", "x${A}", "$", "${A", "$A b"])
      expect([text, isReference(text)]).toEqual([text, false]);
  });
});

describe("fields", () => {
  test("that are read are kept, others are left", () => {
    const kept = {
      ...{ type: "redis", path: "data/online.db", redis_type: "redis_sentinel", sentinel_master: "main" },
      ...{ connection_string: "a:1,b:2,db=3", key_ttl_seconds: 9, cert: "ca.pem" },
    };
    expect(portableStore({ ...kept, vector_enabled: true, s3_secret: "x" })).toEqual({ config: kept });
  });
  test.each([undefined, null, "sqlite", 7])("of %j are that", written => {
    expect(portableStore(written)).toEqual({ config: written });
  });
  test("of a connection string that are not read and look secret are left, unless they are references", () => {
    const of = (connection_string: unknown) =>
      (portableStore({ connection_string }) as { config: { connection_string: unknown } }).config.connection_string;
    expect(of("h:1,db=0,sentinel_password=x,my_TOKEN=y,apikey=z,api_key=z,authority=q,pwd=w,ssl=true")).toBe(
      "h:1,db=0,ssl=true",
    );
    expect(of('h:1,sentinel_password=${P},token="$T",secret=,password=${P}')).toBe(
      'h:1,sentinel_password=${P},token="$T",secret=,password=${P}',
    );
    expect(of("token:1,h:2")).toBe("token:1,h:2");
    expect(of("h:1, sentinel_token=x , db=0, secret = y")).toBe("h:1, db=0");
    expect(of("h:1, password = $P")).toBe("h:1");
    expect(of(7)).toBe(7);
  });
});

describe("a password that is written out", () => {
  const option = (name: string) => ({
    literal: {
      place: `the \`${name}\` of \`connection_string\``,
      instead: `\`${name}=\${REDIS_${name.toUpperCase()}}\``,
    },
  });
  test.each([
    ["h:1,password=x", "password"],
    ["h:1, password=x=y ,db=0", "password"],
    ['h:1,password="x"', "password"],
    ["h:1,password=x${P}", "password"],
    ["h:1,ssl_password=x", "ssl_password"],
  ])("in %s", (connection_string, name) => {
    expect(portableStore({ type: "redis", connection_string })).toEqual(option(name));
  });
  test.each(["h:1,password=", "h:1,password=$P", 'h:1,password="${P}"', "h:1,password=${A}${B}", "h:1,password"])(
    "is not in %s",
    connection_string => {
      expect(portableStore({ connection_string })).toEqual({ config: { connection_string } });
    },
  );
  const USER = {
    literal: {
      place: "the user and password of `path`",
      instead: "`https://${FEAST_USER}:${FEAST_PASSWORD}@HOST`, or the whole address as `${FEAST_URL}`",
    },
  };
  test.each([
    "https://me:pass@h",
    "http://me@h/x",
    "me:pass@h",
    "https://${U}:pass@h",
    "HTTPS://a:b/c@d@h",
    "https://:p@h",
  ])("in the address %s", path => {
    expect(portableStore({ path })).toEqual(USER);
  });
  test.each(["https://h", "https://${U}:${P}@h", "https://$U@h/x", "${URL}", "data/online.db"])(
    "is not in the address %s",
    path => {
      expect(portableStore({ path })).toEqual({ config: { path } });
    },
  );
  test("is never in the copied configuration", () => {
    const name = fc.constantFrom("password", "db", "ssl", "token", "sentinel_password", "x_secret");
    const part = fc.tuple(name, fc.constantFrom("S3CRET", '"S3CRET"', "$P", "0", ""));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), parts => {
        const connection_string = ["h:1", ...parts.map(([key, value]) => `${key}=${value}`)].join(",");
        const found = portableStore({ type: "redis", connection_string });
        const isShown = parts.some(([key, value]) => /db|ssl/.test(key) && value.includes("S3CRET"));
        if ("config" in found && !isShown) expect(JSON.stringify(found)).not.toContain("S3CRET");
      }),
    );
  });
});
