/**
 * Finds the route of a request among several, requires the header of a restricted one, and calls it.
 */
import type { Exchange } from "../http1/exchange.js";
import { type Answer, methodNotAllowed, restricted } from "./answer.js";
import type { Route, RouteContext } from "./route.js";

export type Respond = (request: Exchange) => Answer | Promise<Answer>;

export function pathOf({ target }: Exchange["head"]): string {
  // A request to a proxy names the whole URL.
  const own = target.startsWith("/") ? target : target.replace(/^https?:\/\/[^/]*/, "");
  const query = own.indexOf("?");
  return query < 0 ? own : own.slice(0, query);
}

/** Triton's log calls methods by the numbers of its HTTP library. */
const METHOD_NUMBERS: Readonly<Record<string, number>> = { GET: 0, HEAD: 1, POST: 2, PUT: 3, DELETE: 4 };
export const methodInLog = (method: string): number | string => METHOD_NUMBERS[method] ?? method;

/**
 * @param methods whether the route has to be one of the request's own method
 * @returns undefined where no route has the path
 */
export function answerRoute(
  routes: readonly Route[],
  request: Exchange,
  context: RouteContext,
  path: string,
  methods: "own" | "any" = "own",
): Answer | Promise<Answer> | undefined {
  const { head } = request;
  let known = false;
  for (const route of routes) {
    const match = route.path.exec(path);
    if (!match) continue;
    const missing = context.restriction(route.api, name => head.headers[name]);
    if (missing !== undefined) return restricted(missing);
    known = true;
    if (methods === "any" || route.method === head.method)
      return route.answer({ request, context, path: match.groups ?? {}, signal: request.gone });
  }
  return known ? methodNotAllowed(/\/(live|ready|infer)$/.test(path) ? "text/plain" : "application/json") : undefined;
}
