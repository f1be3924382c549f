/**
 * Triton's front end for Vertex AI: one route for health, one for predictions, which a header redirects to Triton's own routes.
 */
import type { ServerLog } from "../../observe/server-log.js";
import type { Exchange } from "../http1/exchange.js";
import { compilePattern, type Pattern } from "../user-pattern.js";
import { type Answer, emptyAnswer } from "./answer.js";
import { answerRoute, methodInLog, pathOf, type Respond } from "./dispatch.js";
import { answerInfer } from "./infer-route.js";
import { type RouteContext, route } from "./route.js";
import { ROUTES } from "./routes.js";

export interface VertexAi {
  /** Patterns of whole paths, as `AIP_PREDICT_ROUTE` and `AIP_HEALTH_ROUTE` give them. */
  readonly predictRoute: string;
  readonly healthRoute: string;
  /** The model of predictions that name none. */
  readonly model: string;
}

const REDIRECT = "x-vertex-ai-triton-redirect";
const METRICS = "metrics";
const MIME = "application/vnd.vertex-ai-triton.binary+json;json-header-size=";
/** Triton's routes that a redirection does not reach. */
const APART = /\/(?:generate|generate_stream|trace\/setting)$|^\/v2\/logging$/;
/** Triton's routes that change the server, which a redirection may only read. */
const FORBIDDEN =
  /^\/v2\/(?:repository(?:\/[^/]+)?\/models\/[^/]+\/(?:load|unload)|(?:system|cuda)sharedmemory(?:\/region\/[^/]+)?\/(?:register|unregister))$/;

/** The metrics at this moment, or why they are not shown: the server has no metrics port, or one at an address of its own. */
export type ShownMetrics = (() => string | Promise<string>) | "off" | "elsewhere";

export async function vertexAi(
  options: VertexAi,
  given: RouteContext,
  metrics: ShownMetrics,
  log: ServerLog,
): Promise<Respond> {
  const context: RouteContext = { ...given, headerForwardPattern: undefined, binary: { mime: MIME, inAnswers: false } };
  const [health, predict] = await Promise.all([whole(options.healthRoute), whole(options.predictRoute)]);
  const infer = route("POST", "inference", ".*", call => answerInfer({ ...call, path: { model: options.model } }));
  return request => {
    const { head } = request;
    const path = pathOf(head);
    if (log.isVerbose) log.verbose("vertex_ai_server", `Vertex AI request: ${methodInLog(head.method)} ${path}`);
    if (health?.test(path)) return answerRoute(ROUTES, request, context, "/v2/health/ready") ?? emptyAnswer(400);
    if (!predict?.test(path)) return emptyAnswer(400);
    const redirect = head.headers[REDIRECT];
    if (redirect === undefined) return answerRoute([infer], request, context, path) ?? emptyAnswer(400);
    log.verbose("vertex_ai_server", `Redirecting Vertex AI request: /${redirect}`);
    if (head.method !== "POST") return emptyAnswer(405);
    const isHidden = redirect === METRICS && metrics === "elsewhere";
    if (!FORBIDDEN.test(`/${redirect}`) && !isHidden) return redirected(request, context, `/${redirect}`, metrics);
    log.verbose("vertex_ai_server", `Vertex AI redirect blocked: /${redirect}`);
    return emptyAnswer(403);
  };
}

/** Triton's GET calls arrive here as POST. */
async function redirected(
  request: Exchange,
  context: RouteContext,
  path: string,
  metrics: ShownMetrics,
): Promise<Answer> {
  if (path === `/${METRICS}` && typeof metrics === "function")
    return { status: 200, type: "text/plain; charset=utf-8", body: await metrics() };
  if (APART.test(path)) return emptyAnswer(400);
  return answerRoute(ROUTES, request, context, path, "any") ?? emptyAnswer(400);
}

/** A route that RE2 refuses matches nothing. */
const whole = (route: string): Promise<Pattern | undefined> => compilePattern(route).catch(() => undefined);
