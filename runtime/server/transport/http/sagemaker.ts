/**
 * Triton's front end for SageMaker, for a single model: `/ping` and `/invocations`. Endpoints of several models, which load them by URL, are not here.
 */
import { unsupported } from "../../../base/errors.js";
import type { ServerLog } from "../../observe/server-log.js";
import { type Answer, emptyAnswer, faultAnswer } from "./answer.js";
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

/** Restrictions hold for these calls too, so that a refusal is the same as Triton's since 26.07. */
const refuseMultiModel = (): Answer =>
  faultAnswer(
    unsupported("multi-model endpoints of SageMaker are not part of this server; serve one model, by /invocations"),
  );
const MULTI_MODEL = [
  route("POST", "inference", "/models/[^/]+/invoke", refuseMultiModel),
  route("POST", "model-repository", "/models(?:/.*)?", refuseMultiModel),
];

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
    return (
      answerRoute(MULTI_MODEL, request, context, path, "any") ??
      answerRoute([invoke], request, context, path) ??
      emptyAnswer(400)
    );
  };
}
