/**
 * The table of HTTP routes: method and path → what answers. Paths match exactly and are not decoded, as Triton's.
 */
import { RuntimeFault } from "../../errors.js";
import { isObject } from "./access.js";
import { emptyAnswer, faultAnswer, jsonAnswer } from "./answer.js";
import { answerGenerate } from "./generate-route.js";
import { answerInfer } from "./infer-route.js";
import { bodyObject, type Call, type Route, route } from "./route.js";
import { SHARED_MEMORY_ROUTES } from "./shared-memory-routes.js";

const MODEL = "/v2/models/(?<model>[^/]+)(?:/versions/(?<version>[0-9]+))?";
const REPOSITORY = "/v2/repository(?:/(?<repository>[^/]+))?";
const target = ({ path }: Call): readonly [string, string] => [path.model ?? "", path.version ?? ""];

export const ROUTES: readonly Route[] = [
  route("POST", "inference", `${MODEL}/infer`, answerInfer),
  route("POST", "inference", `${MODEL}/generate`, call => answerGenerate(call, false)),
  route("POST", "inference", `${MODEL}/generate_stream`, call => answerGenerate(call, true)),
  route("GET", "health", "/v2/health/live", () => emptyAnswer()),
  route("GET", "health", "/v2/health/ready", ({ context }) => emptyAnswer(context.calls.isReady() ? 200 : 400)),
  route("GET", "metadata", "/v2", ({ context }) => jsonAnswer(context.calls.serverMetadata())),
  route("GET", "statistics", "/v2/models/stats", ({ context }) =>
    jsonAnswer({ model_stats: context.calls.statistics("", "") }),
  ),
  route("GET", "health", `${MODEL}/ready`, call => {
    try {
      call.context.calls.find(...target(call));
      return emptyAnswer();
    } catch (error) {
      return faultAnswer(RuntimeFault.from(error), "text/plain");
    }
  }),
  route("GET", "model-config", `${MODEL}/config`, call => jsonAnswer(call.context.calls.modelConfig(...target(call)))),
  route("GET", "statistics", `${MODEL}/stats`, call =>
    jsonAnswer({ model_stats: call.context.calls.statistics(...target(call)) }),
  ),
  route("GET", "metadata", MODEL, call => jsonAnswer(call.context.calls.modelMetadata(...target(call)))),
  route("POST", "model-repository", `${REPOSITORY}/index`, async call => {
    const ready = (await bodyObject(call)).get("ready");
    if (ready !== undefined && typeof ready !== "boolean")
      throw new RuntimeFault("INVALID_ARGUMENT", "Invalid value for 'ready': expected a boolean");
    return jsonAnswer(await call.context.calls.index(ready ?? false));
  }),
  route("POST", "model-repository", `${REPOSITORY}/models/(?<model>[^/]+)/load`, async call => {
    refuseRepository(call);
    const parameters = (await bodyObject(call)).get("parameters");
    if (parameters !== undefined && !isObject(parameters))
      throw new RuntimeFault("INTERNAL", "attempt to get members for non-object");
    const [key] = parameters?.keys() ?? [];
    if (key !== undefined && call.context.calls.options.control === "explicit")
      throw key === "config" || key.startsWith("file:")
        ? new RuntimeFault(
            "UNSUPPORTED",
            `load parameter '${key}' is not served yet; change the files of the repository and load again`,
          )
        : new RuntimeFault("INTERNAL", "unexpected error on creating Triton parameter");
    await call.context.calls.load(call.path.model!);
    return { ...emptyAnswer(), type: "application/json" };
  }),
  route("POST", "model-repository", `${REPOSITORY}/models/(?<model>[^/]+)/unload`, async call => {
    refuseRepository(call);
    await bodyObject(call);
    await call.context.calls.unload(call.path.model!);
    return { ...emptyAnswer(), type: "application/json" };
  }),
  ...SHARED_MEMORY_ROUTES,
  route("GET", "logging", "/v2/logging", ({ context }) => jsonAnswer(context.logSettings.print())),
  route("POST", "logging", "/v2/logging", async call => {
    call.context.logSettings.updateFromJson(Object.fromEntries(await bodyObject(call, false)));
    return jsonAnswer(call.context.logSettings.print());
  }),
  ...(["GET", "POST"] as const).map(method =>
    route(method, "trace", "/v2(?:/models/[^/]+)?/trace/setting", () => {
      throw new RuntimeFault("UNAVAILABLE", "the server does not support tracing");
    }),
  ),
];

function refuseRepository({ path }: Call): void {
  if (path.repository !== undefined)
    throw new RuntimeFault("UNSUPPORTED", "'repository_name' specification is not supported");
}
