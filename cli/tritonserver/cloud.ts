/**
 * The front ends of clouds: flags and the environment that the clouds give a container → options. The environment decides as Triton lets it.
 */
import type { ServeOptions } from "../../runtime/server/lifecycle/server-options.js";
import { UsageError } from "./getopt.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The values of the flags; ports are Triton's until a flag or the environment names one. */
export interface CloudFlags {
  vertexAi: boolean;
  vertexAiPort: number;
  vertexAiModel: string;
  sageMaker: boolean;
  sageMakerPort: number;
  /** Ports that the container may open. */
  sageMakerRange?: readonly [first: number, last: number];
}

/** Vertex AI starts a container to predict: there only its front end runs, unless flags enable others. */
export const predicts = (env: Environment): boolean => env.AIP_MODE === "PREDICTION";

/** @throws UsageError where a port is no number */
export function cloudFlags(env: Environment): CloudFlags {
  const port = env.AIP_HTTP_PORT || "8080";
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new UsageError([], ["", `AIP_HTTP_PORT is '${port}'; expected a port from 0 to 65535`]);
  return {
    vertexAi: predicts(env),
    vertexAiPort: Number(port),
    vertexAiModel: "",
    sageMaker: false,
    sageMakerPort: 8080,
  };
}

/** @param address where the HTTP port listens, too @throws UsageError */
export function cloudOptions(
  flags: CloudFlags,
  address: string,
  env: Environment,
): Pick<ServeOptions, "vertexAi" | "sageMaker"> {
  const inferenceType = env.SAGEMAKER_TRITON_INFERENCE_TYPE || "infer";
  return {
    ...(flags.vertexAi && {
      vertexAi: {
        address,
        port: flags.vertexAiPort,
        model: flags.vertexAiModel,
        predictRoute: env.AIP_PREDICT_ROUTE ?? "",
        healthRoute: env.AIP_HEALTH_ROUTE ?? "",
      },
    }),
    ...(flags.sageMaker && {
      sageMaker: {
        address,
        port: flags.sageMakerPort,
        model: env.SAGEMAKER_TRITON_DEFAULT_MODEL_NAME || "unspecified_SAGEMAKER_TRITON_DEFAULT_MODEL_NAME",
        pingMode: env.SAGEMAKER_TRITON_PING_MODE || "ready",
        inferenceType: readType(inferenceType),
      },
    }),
  };
}

function readType(text: string): "infer" | "generate" | "generate_stream" {
  if (text === "infer" || text === "generate" || text === "generate_stream") return text;
  throw new UsageError(
    [],
    ["", `Server has invalid inference type '${text}'. Must be one of: infer, generate, generate_stream.`],
  );
}

/** `8080-8090`. @throws Error */
export function readRange(text: string): readonly [number, number] {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (first === undefined || last === undefined)
    throw new Error(
      `Cannot parse pair option due to incorrect number of inputs.--<pair option> argument requires format <first>-<second>. Found: ${text}`,
    );
  return [Number(first), Number(last)];
}
