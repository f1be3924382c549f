/**
 * Finds the route of a request among several, requires the header of a restricted one, and calls it.
 */
import type { Exchange } from "../http1/exchange.js";
import { type Answer, methodNotAllowed, restricted } from "./answer.js";
import type { Call, Route, RouteContext } from "./route.js";

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
  const last = lastMatches.get(head);
  const first = last?.routes === routes && last.path === path ? last : undefined;
  let known = false;
  for (let i = first?.index ?? 0; i < routes.length; i++) {
    const route = routes[i]!;
    const groups = i === first?.index ? first.groups : groupsOf(route, path);
    if (!groups) continue;
    if (!known && !first) lastMatches.set(head, { routes, path, index: i, groups });
    const missing = context.restriction(route.api, name => head.headers[name]);
    if (missing !== undefined) return restricted(missing);
    known = true;
    if (methods === "any" || route.method === head.method)
      return route.answer({ request, context, path: groups, signal: request.gone });
  }
  return known ? methodNotAllowed(/\/(live|ready|infer)$/.test(path) ? "text/plain" : "application/json") : undefined;
}

/** The first route of a path. */
interface Match {
  readonly routes: readonly Route[];
  readonly path: string;
  readonly index: number;
  readonly groups: Call["path"];
}

/** By the head, which a connection keeps while the next ones are equal. */
const lastMatches = new WeakMap<Exchange["head"], Match>();

function groupsOf(route: Route, path: string): Call["path"] | undefined {
  const match = route.path.exec(path);
  return match ? (match.groups ?? {}) : undefined;
}
