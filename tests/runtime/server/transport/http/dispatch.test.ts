/** From the path and method of a request to its route. */
import { describe, expect, test } from "vitest";
import { answerRoute, methodInLog, pathOf } from "#runtime/server/transport/http/dispatch.js";
import { route } from "#runtime/server/transport/http/route.js";

describe("the route of a request", () => {
  const answered = (name: string) => ({ status: 200, type: "text/plain", body: name }) as const;
  const seen: unknown[] = [];
  const routes = [
    route("GET", "health", "/a/(?<model>[^/]+)", ({ path }) => {
      seen.push({ ...path });
      return answered("get");
    }),
    route("POST", "inference", "/a/(?<model>[^/]+)", () => answered("post")),
    route("GET", "health", "/live", () => answered("live")),
  ];
  const ask = (
    method: string,
    path: string,
    methods?: "any",
    restriction: (api: string) => string | undefined = () => undefined,
  ) =>
    answerRoute(routes, { head: { method, headers: { key: "v" } } } as never, { restriction } as never, path, methods);
  test("has the request's path and method", () => {
    expect(ask("GET", "/a/m")).toMatchObject({ body: "get" });
    expect(seen.at(-1)).toEqual({ model: "m" });
    expect(ask("POST", "/a/m")).toMatchObject({ body: "post" });
    expect(ask("POST", "/live", "any")).toMatchObject({ body: "live" });
    for (const path of ["/a", "/a/", "/a/m/", "x/a/m", "/nothing"]) expect(ask("GET", path)).toBeUndefined();
  });
  test("of another method is 405, plain where Triton answers so", () => {
    expect(ask("PUT", "/a/m")).toMatchObject({ status: 405, type: "application/json" });
    expect(ask("PUT", "/a/livelier")).toMatchObject({ status: 405, type: "application/json" });
    expect(ask("POST", "/live")).toMatchObject({ status: 405, type: "text/plain" });
  });
  test("that is restricted is closed", () => {
    expect(ask("POST", "/a/m", undefined, api => (api === "inference" ? "key" : undefined))).toMatchObject({
      status: 403,
    });
    expect(ask("GET", "/live", undefined, api => (api === "inference" ? "key" : undefined))).toMatchObject({
      body: "live",
    });
  });
  test("is found again by the head that its connection keeps, and restricted each time", () => {
    const head = { method: "POST", headers: {} };
    let closed: string | undefined;
    const askAgain = (table: typeof routes, path: string) =>
      answerRoute(table, { head } as never, { restriction: () => closed } as never, path);
    expect(askAgain(routes, "/a/m")).toMatchObject({ body: "post" });
    expect(askAgain(routes, "/a/m")).toMatchObject({ body: "post" });
    closed = "key";
    expect(askAgain(routes, "/a/m")).toMatchObject({ status: 403 });
    closed = undefined;
    expect(askAgain(routes, "/live")).toMatchObject({ status: 405 });
    expect(askAgain(routes, "/live")).toMatchObject({ status: 405 });
    expect(askAgain(routes, "/nothing")).toBeUndefined();
    expect(askAgain(routes.slice(2), "/a/m")).toBeUndefined();
    expect(askAgain(routes.slice(1), "/a/m")).toMatchObject({ body: "post" });
    head.method = "GET";
    expect(askAgain(routes, "/a/other")).toMatchObject({ body: "get" });
    expect(askAgain(routes, "/a/other")).toMatchObject({ body: "get" });
    expect(seen.slice(-2)).toEqual([{ model: "other" }, { model: "other" }]);
  });
  test("is restricted by each route of its path, also when it is found again", () => {
    const head = { method: "POST", headers: {} };
    let closed = "";
    const restriction = (api: string) => (api === closed ? "key" : undefined);
    const again = () => answerRoute(routes, { head } as never, { restriction } as never, "/a/m");
    expect(again()).toMatchObject({ body: "post" });
    // The first route of the path, of another method.
    closed = "health";
    expect([again(), again()]).toMatchObject([{ status: 403 }, { status: 403 }]);
    closed = "";
    expect(again()).toMatchObject({ body: "post" });
  });
  test("is searched for once for the head that its connection keeps", () => {
    let searches = 0;
    const counted = ["/a", "/b"].map(path => ({
      ...route("GET", "health", path, () => answered("get")),
      path: {
        exec(text: string) {
          searches++;
          return text === path ? [text] : null;
        },
      } as unknown as RegExp,
    }));
    const head = { method: "GET", headers: {} };
    const again = () =>
      answerRoute(counted, { head } as never, { restriction: (): undefined => undefined } as never, "/b");
    for (let i = 0; i < 3; i++) expect(again()).toMatchObject({ body: "get" });
    expect(searches).toBe(counted.length);
  });
  test("is looked up by the path alone", () => {
    const targets = ["/v2?x=1", "http://host:80/v2?y", "https://h/v2", "/http://h/v2", "ftp://h/http://h/v2"];
    const paths = [...targets, "http://h/", "http://h?x", "?x"].map(target => pathOf({ target } as never));
    expect(paths).toEqual(["/v2", "/v2", "/v2", "/http://h/v2", "ftp://h/http://h/v2", "/", "", ""]);
    expect(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"].map(methodInLog)).toEqual([0, 1, 2, 3, 4, "PATCH"]);
  });
});
