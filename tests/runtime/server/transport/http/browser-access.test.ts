/** The allowed pages of other origins, and the headers of a response for their browsers. */
import { describe, expect, test } from "vitest";
import {
  type BrowserHeaders,
  browserAccess,
  isForeignPage,
  isLoopback,
  readOrigins,
} from "#runtime/server/transport/http/browser-access.js";

describe("pages of other origins", () => {
  const FLAG = "--http-allowed-origin";
  const refused = (headers: BrowserHeaders, allowed: readonly string[] = [], address = "127.0.0.1") =>
    browserAccess(address, allowed).refuse(headers);
  const host = (name: string): string =>
    `host '${name}' is refused: the server listens on 127.0.0.1 only; ${FLAG} http://${name} allows it`;
  const page = (origin: string): string =>
    `requests of web pages from '${origin}' are refused; ${FLAG} ${origin} allows them`;
  const SITES = `requests of web pages from other sites are refused; ${FLAG} lists the origins of pages that may call the server`;
  test.each<readonly [BrowserHeaders, string | undefined]>([
    [{}, undefined],
    [{ host: "localhost:8000" }, undefined],
    [{ host: "127.0.0.1" }, undefined],
    [{ host: "[::1]:80" }, undefined],
    [{ host: "[::ffff:127.0.0.1]:80" }, undefined],
    [{ host: "[a.example]" }, host("[a.example]")],
    [{ host: "[1.2.3].4" }, host("[1.2.3].4")],
    [{ host: "1.2.[3.4]" }, host("1.2.[3.4]")],
    [{ host: "shop" }, undefined],
    [{ host: "a.LOCALHOST" }, undefined],
    [{ host: "docker.internal:8000" }, undefined],
    [{ host: "evil.example" }, host("evil.example")],
    [{ host: "evil.example:80" }, host("evil.example:80")],
    [{ host: "localhost.evil.example" }, host("localhost.evil.example")],
    [{ host: "a.localhost.example" }, host("a.localhost.example")],
    [{ host: "a.internal.example" }, host("a.internal.example")],
    [{ host: "evillocalhost.com" }, host("evillocalhost.com")],
    [{ host: "a.xinternal" }, host("a.xinternal")],
    [{ host: `${"x".repeat(192)}.example` }, host(`${"x".repeat(192)}.example`)],
    [{ host: `${"x".repeat(193)}.example` }, host(`${"x".repeat(193)}.exampl…`)],
    [{ host: `${"x".repeat(220)}.example` }, host(`${"x".repeat(200)}…`)],
    [{ host: "a:80", origin: "http://a:80" }, undefined],
    [{ host: "A:80", origin: "HTTPS://a:80" }, undefined],
    [{ host: "a:80", origin: "http://a:81" }, page("http://a:81")],
    [{ host: "a:80", origin: "http://b" }, page("http://b")],
    [{ origin: "http://b" }, page("http://b")],
    [{ host: "a", "sec-fetch-site": "cross-site" }, SITES],
    [{ host: "a", "sec-fetch-site": "same-site" }, SITES],
    [{ host: "a", "sec-fetch-site": "none" }, undefined],
    [{ host: "a", origin: "http://b", "sec-fetch-site": "same-origin" }, undefined],
    [{ host: "a", origin: "http://a", "sec-fetch-site": "cross-site" }, page("http://a")],
  ])("%j", (headers, expected) => {
    expect(refused(headers)).toBe(expected);
  });
  test("listed origins, and their hosts, may call", () => {
    const allowed = ["https://Shop.example", "null"];
    for (const headers of [{ origin: "https://shop.EXAMPLE" }, { host: "SHOP.example" }, { origin: "null" }])
      expect(refused(headers, allowed)).toBeUndefined();
    expect(refused({ origin: "http://shop.example" }, allowed)).toBe(page("http://shop.example"));
    expect(refused({ host: "x.shop.example" }, allowed)).toBe(host("x.shop.example"));
    expect(refused({ host: "evil.example", origin: "http://b" }, ["*"])).toBeUndefined();
  });
  test("the name of a host matters where only this machine reaches the server", () => {
    expect(refused({ host: "triton.example" }, [], "0.0.0.0")).toBeUndefined();
    // A short form of an address, which is the name that its clients use.
    expect(refused({ host: "127.1:8000" }, [], "127.1")).toBeUndefined();
    expect(refused({ host: "triton.example" }, [], "127.0.0.2")).toContain("the server listens on 127.0.0.2 only");
    expect(["127.9.9.9", "::1", "localhost"].map(isLoopback)).toEqual([true, true, true]);
    expect(["10.0.0.1", "::", "::10", "localhosts", "1127.0.0.1", "x::1"].map(isLoopback)).toEqual(
      Array(6).fill(false),
    );
  });
  test("a host that passed passes again, and another one is looked at", () => {
    const access = browserAccess("127.0.0.1", []);
    for (const name of ["a", "a", "evil.example", "a"])
      expect(access.refuse({ host: name }) === undefined).toBe(name === "a");
  });
  test("an answer is shared with a listed page alone, and a preflight says what it may send", () => {
    const access = browserAccess("127.0.0.1", ["http://a"]);
    const SHARED = {
      "Access-Control-Allow-Origin": "http://a",
      "Access-Control-Expose-Headers": "Inference-Header-Content-Length, Retry-After",
      Vary: "Origin",
    };
    expect(access.share({ origin: "http://a" })).toEqual(SHARED);
    expect([access.share({}), access.share({ origin: "http://b" })]).toEqual([undefined, undefined]);
    const preflight = { origin: "http://a", "access-control-request-method": "POST" };
    const METHODS = { ...SHARED, "Access-Control-Allow-Methods": "GET, POST", "Access-Control-Max-Age": "600" };
    expect(access.share(preflight)).toStrictEqual(METHODS);
    expect(
      access.share({
        ...preflight,
        "access-control-request-headers": "x-key, b",
        "access-control-request-private-network": "true",
      }),
    ).toEqual({
      ...METHODS,
      "Access-Control-Allow-Headers": "x-key, b",
      "Access-Control-Allow-Private-Network": "true",
    });
    for (const wanted of ["a\r\nb", "", "a".repeat(1025), "x(y", "x y)"])
      expect(access.share({ ...preflight, "access-control-request-headers": wanted })).toEqual(METHODS);
    expect(access.share({ ...preflight, "access-control-request-headers": "a".repeat(1024) })).toHaveProperty(
      "Access-Control-Allow-Headers",
    );
    expect(access.share({ ...preflight, "access-control-request-private-network": "false" })).toEqual(METHODS);
    expect(browserAccess("127.0.0.1", ["*"]).share({ origin: "http://b" })).toMatchObject({
      "Access-Control-Allow-Origin": "*",
    });
  });
  test("a page is foreign by its browser's header, or by its origin", () => {
    expect(isForeignPage({})).toBe(false);
    expect(isForeignPage({ origin: "http://" })).toBe(false);
    expect(isForeignPage({ host: "a", origin: "http://a.b" })).toBe(true);
  });
  test.each([
    ["https://a.example", ["https://a.example"]],
    [" http://localhost:3000 , null,*", ["http://localhost:3000", "null", "*"]],
    ["HTTPS://A.example", ["HTTPS://A.example"]],
  ])("%j is a list of origins", (text, origins) => {
    expect(readOrigins(text)).toEqual(origins);
  });
  test.each(["", "a.example", "https://a/", "https://a/b", "https://u@a", "http://a,", "https://"])(
    "%j is none",
    text => {
      expect(() => readOrigins(text)).toThrow(
        `${FLAG} takes origins such as https://shop.example or http://localhost:3000, separated by commas, or * for all. Got ${text}`,
      );
    },
  );
});
