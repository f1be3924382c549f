/**
 * The table of HTTP routes: method and path → what answers. Paths match exactly and are not decoded, as Triton's.
 */
import { invalid, RuntimeFault, unavailable, unsupported } from "../../../base/errors.js";
import type { Json, JsonObject } from "../../../wire/json/json.js";
import { membersOf, SCALAR, SCALARS } from "../../../wire/json/json-kept.js";
import type { GivenSettings } from "../../observe/tracing/settings.js";
import { asText, isObject } from "./access.js";
import { emptyAnswer, faultAnswer, jsonAnswer, jsonTextAnswer } from "./answer.js";
import { printConfig } from "./config-json.js";
import { answerGenerate } from "./generate-route.js";
import { answerInfer } from "./infer-route.js";
import { answerLoad } from "./load-route.js";
import { bodyObject, type Call, type Route, route } from "./route.js";
import { SHARED_MEMORY_ROUTES } from "./shared-memory-routes.js";

const MODEL = "/v2/models/(?<model>[^/]+)(?:/versions/(?<version>[0-9]+))?";
const REPOSITORY = "/v2/repository(?:/(?<repository>[^/]+))?";
const READY = membersOf({ ready: SCALAR });
const PARAMETERS = membersOf({ parameters: SCALARS });
const target = ({ path }: Call): readonly [string, string] => [path.model ?? "", path.version ?? ""];

export const ROUTES: readonly Route[] = [
  route("POST", "inference", `${MODEL}/infer`, answerInfer),
  route("POST", "inference", `${MODEL}/generate`, call => answerGenerate(call, false)),
  route("POST", "inference", `${MODEL}/generate_stream`, call => answerGenerate(call, true)),
  route("GET", "health", "/v2/health/live", ({ context }) => emptyAnswer(context.calls.isLive() ? 200 : 400)),
  route("GET", "health", "/v2/health/ready", ({ context }) => emptyAnswer(context.calls.isReady() ? 200 : 400)),
  route("GET", "metadata", "/v2", ({ context }) => jsonAnswer(context.calls.serverMetadata())),
  route("GET", "statistics", "/v2/models/stats", async ({ context }) =>
    jsonAnswer({ model_stats: await context.calls.statisticsWithStages("", "") }),
  ),
  route("GET", "health", `${MODEL}/ready`, call => {
    try {
      if (call.context.calls.isModelReady(...target(call))) return emptyAnswer();
      throw invalid("Model version not ready");
    } catch (error) {
      return faultAnswer(RuntimeFault.from(error), "text/plain");
    }
  }),
  route("GET", "model-config", `${MODEL}/config`, call =>
    jsonTextAnswer(printConfig(call.context.calls.modelConfig(...target(call)))),
  ),
  route("GET", "statistics", `${MODEL}/stats`, async call =>
    jsonAnswer({ model_stats: await call.context.calls.statisticsWithStages(...target(call)) }),
  ),
  route("GET", "metadata", MODEL, call => jsonAnswer(call.context.calls.modelMetadata(...target(call)))),
  route("POST", "model-repository", `${REPOSITORY}/index`, async call => {
    const ready = (await bodyObject(call, true, READY)).get("ready");
    if (ready !== undefined && typeof ready !== "boolean")
      throw invalid("Invalid value for 'ready': expected a boolean");
    return jsonAnswer(await call.context.calls.index(ready ?? false));
  }),
  route("POST", "model-repository", `${REPOSITORY}/models/(?<model>[^/]+)/load`, call => {
    refuseRepository(call);
    return answerLoad(call);
  }),
  route("POST", "model-repository", `${REPOSITORY}/models/(?<model>[^/]+)/unload`, async call => {
    refuseRepository(call);
    const parameters = (await bodyObject(call, true, PARAMETERS)).get("parameters");
    const dependents = isObject(parameters) && parameters.get("unload_dependents") === true;
    await call.context.calls.unload(call.path.model!, dependents);
    return { ...emptyAnswer(), type: "application/json" };
  }),
  ...SHARED_MEMORY_ROUTES,
  route("GET", "logging", "/v2/logging", ({ context }) => jsonAnswer(context.logSettings.print())),
  route("POST", "logging", "/v2/logging", async call => {
    await call.context.logSettings.updateFromJson(Object.fromEntries(await bodyObject(call, false)));
    return jsonAnswer(call.context.logSettings.print());
  }),
  ...(["GET", "POST"] as const).map(method =>
    route(method, "trace", "/v2(?:/models/(?<model>[^/]+))?/trace/setting", async call => {
      const { tracer } = call.context.calls;
      if (!tracer) throw unavailable("the server does not support tracing");
      const model = call.path.model ?? "";
      if (method === "POST") await tracer.update(model, traceSettings(await bodyObject(call, true)), "http");
      return jsonAnswer(await tracer.print(model));
    }),
  ),
];

/** Texts, lists of texts and null stay; other values are written as text would be. @throws RuntimeFault */
function traceSettings(body: JsonObject): GivenSettings {
  const text = (value: Json, key: string): string =>
    typeof value === "number" || typeof value === "bigint" ? String(value) : asText(value, key);
  return Object.fromEntries(
    [...body].map(([key, value]) => [
      key,
      value === null ? null : Array.isArray(value) ? value.map(item => text(item, key)) : text(value, key),
    ]),
  );
}

function refuseRepository({ path }: Call): void {
  if (path.repository !== undefined) throw unsupported("'repository_name' specification is not supported");
}
