/**
 * Triton's front end for SageMaker, for a single model: `/ping` and `/invocations`. Endpoints of several models, which load them by URL, are not here.
 */
import { unsupported } from "../../../base/errors.js";
import type { ServerLog } from "../../observe/server-log.js";
import { emptyAnswer, faultAnswer } from "./answer.js";
import { answerRoute, methodInLog, pathOf, type Respond } from "./dispatch.js";
import { answerGenerate } from "./generate-route.js";
import { answerInfer } from "./infer-route.js";
import { type RouteContext, route } from "./route.js";
import { ROUTES } from "./routes.js";

export interface SageMaker {
  readonly model: string;
  readonly pingMode: string;
  /** The kind of an invocation. */
  readonly inferenceType: "infer" | "generate" | "generate_stream";
}

const MIME = "application/vnd.sagemaker-triton.binary+json;json-header-size=";

export function sageMaker({ model, pingMode, inferenceType }: SageMaker, given: RouteContext, log: ServerLog): Respond {
  const context: RouteContext = {
    ...given,
    headerForwardPattern: undefined,
    binary: { mime: MIME, inAnswers: true, faultStatus: 400 },
  };
  const invoke = route("POST", "inference", "/invocations", call => {
    const named = { ...call, path: { model } };
    return inferenceType === "infer" ? answerInfer(named) : answerGenerate(named, inferenceType === "generate_stream");
  });
  return request => {
    const path = pathOf(request.head);
    if (log.isVerbose)
      log.verbose("sagemaker_server", `SageMaker request: ${methodInLog(request.head.method)} ${path}`);
    if (path === "/ping")
      return answerRoute(ROUTES, request, context, pingMode ? `/v2/health/${pingMode}` : "/v2") ?? emptyAnswer(400);
    if (/^\/models(?:\/|$)/.test(path))
      return faultAnswer(
        unsupported("multi-model endpoints of SageMaker are not part of this server; serve one model, by /invocations"),
      );
    return answerRoute([invoke], request, context, path) ?? emptyAnswer(400);
  };
}
