/**
 * Good requests to mutate: those of the recorded ones that a real Triton answered well, and that need none of the slow or stateful models.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { messageType } from "../../dist/triton-protos/proto-root.js";

const DATA = new URL("../conformance/data/protocol/", import.meta.url);
export const REPOSITORY = fileURLToPath(new URL("models", DATA));
export const MODELS = [
  "echo_int32",
  "echo_fp32",
  "echo_bytes",
  "echo_optional",
  "echo_mixed",
  "calc_fp32",
  "calc_int64",
  "calc_bool",
  "label_fp32",
  "reshape_fp32",
  "scalar_fp32",
  "vary_fp32",
  "ens_fan",
  "ens_text",
];

const records = name =>
  gunzipSync(readFileSync(new URL(`${name}.jsonl.gz`, DATA)))
    .toString("utf8")
    .trim()
    .split("\n")
    .map(line => JSON.parse(line))
    .filter(record => record.repository === "models");
const known = text => {
  const names = [...text.matchAll(/(?:"(?:model_)?name":"|\/models\/)([a-z][a-z0-9_]*)/g)].map(([, name]) => name);
  return names.length > 0 && names.every(name => MODELS.includes(name) || name === "stats");
};

/** `{ method, path, headers, body, json }`: `json` is the JSON at the front of the body, as a value, where there is one. */
export const httpSeeds = () =>
  records("http")
    .filter(
      ({ path, response, request_body, body }) =>
        response?.status === 200 && path && known(path) && (request_body ?? body ?? true),
    )
    .map(({ method, path, headers, body = {} }) => {
      const bytes =
        body.base64 !== undefined
          ? Buffer.from(body.base64, "base64")
          : Buffer.from(body.text ?? (body.json === undefined ? "" : JSON.stringify(body.json)));
      const named = Object.fromEntries(headers ?? []);
      const length = Number(
        Object.entries(named).find(([name]) => /^inference-header-content-length$/i.test(name))?.[1] ?? bytes.length,
      );
      let json;
      try {
        json = JSON.parse(bytes.subarray(0, length).toString("utf8"));
      } catch {
        // Binary, or a JSON that only Triton takes: its bytes are mutated.
      }
      return { method, path, headers: named, body: bytes, json, tail: bytes.subarray(length) };
    });

const typeOf = rpc =>
  messageType(
    rpc === "Health/Check"
      ? "grpc.health.v1.HealthCheckRequest"
      : rpc === "ModelStreamInfer"
        ? "inference.ModelInferRequest"
        : `inference.${rpc}Request`,
  );

/** `{ path, request, encode }`: a request as a value, and how it becomes bytes. */
export const grpcSeeds = () =>
  records("grpc").flatMap(({ rpc, request, requests, response, stream }) => {
    const [first] = requests ?? [request];
    if (!first) return [];
    const good = response?.code === "OK" || stream?.code === "OK";
    if (
      !good ||
      rpc.startsWith("/") ||
      !(known(JSON.stringify(requests ?? request)) || Object.keys(first).length === 0)
    )
      return [];
    const type = typeOf(rpc);
    const path = rpc === "Health/Check" ? "/grpc.health.v1.Health/Check" : `/inference.GRPCInferenceService/${rpc}`;
    return (requests ?? [request]).map(one => ({
      path,
      request: one,
      encode: value => Buffer.from(type.encode(type.fromObject(value)).finish()),
    }));
  });
