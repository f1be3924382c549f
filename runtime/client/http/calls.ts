/**
 * The calls besides inference over HTTP: each is a route with the same messages as over gRPC.
 */
import { settingValues } from "../../../triton-protos/setting-values.js";
import type { Rpc, RpcAnswer, RpcRequest } from "../wire-call.js";

export interface Route<N extends Rpc> {
  readonly method: "GET" | "POST";
  /** Settings are read by GET and changed by POST. */
  isRead?(request: RpcRequest<N>): boolean;
  path(request: RpcRequest<N>): string;
  body?(request: RpcRequest<N>): unknown;
  /** Reads the response: its JSON, or for probes its status. */
  read(json: unknown, status: number): RpcAnswer<N>;
}

/** A status of such a route that is not an error. */
export const PROBES: ReadonlySet<Rpc> = new Set<Rpc>(["ServerLive", "ServerReady", "ModelReady"]);

const part = (text: string | undefined): string => encodeURIComponent(text ?? "");
const model = ({ name, version }: { name?: string | undefined; version?: string | undefined }): string =>
  `/v2/models/${part(name)}${version ? `/versions/${part(version)}` : ""}`;
const route = <N extends Rpc>(given: Route<N>): Route<N> => given;
const nothing = () => ({}) as never;
const region = (kind: string, name: string | undefined): string =>
  `/v2/${kind}sharedmemory${name ? `/region/${part(name)}` : ""}`;
const byName = (json: unknown) =>
  ({ regions: Object.fromEntries((json as { name: string }[]).map(found => [found.name, found])) }) as never;

const noSettings = ({ settings }: { settings?: object | undefined }): boolean =>
  Object.keys(settings ?? {}).length === 0;

const base64 = (bytes: Uint8Array): string => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 2 ** 15) text += String.fromCharCode(...bytes.subarray(at, at + 2 ** 15));
  return btoa(text);
};

/** A oneof as the plain value that HTTP has in its place. */
const plain = (value: object): unknown => {
  const [held] = Object.values(value);
  return held instanceof Uint8Array ? base64(held) : held;
};
const plainAll = (parameters: Readonly<Record<string, object | undefined>> = {}) =>
  Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, plain(value ?? {})]));

export const ROUTES: { readonly [N in Rpc]: Route<N> } = {
  ServerLive: route({ method: "GET", path: () => "/v2/health/live", read: (_, status) => ({ live: status === 200 }) }),
  ServerReady: route({
    method: "GET",
    path: () => "/v2/health/ready",
    read: (_, status) => ({ ready: status === 200 }),
  }),
  ModelReady: route({
    method: "GET",
    path: request => `${model(request)}/ready`,
    read: (_, status) => ({ ready: status === 200 }),
  }),
  ServerMetadata: route({ method: "GET", path: () => "/v2", read: json => json as never }),
  ModelMetadata: route({
    method: "GET",
    path: model,
    read: json => {
      const found = json as RpcAnswer<"ModelMetadata">;
      return { ...found, versions: found.versions ?? [], inputs: found.inputs ?? [], outputs: found.outputs ?? [] };
    },
  }),
  ModelConfig: route({
    method: "GET",
    path: request => `${model(request)}/config`,
    read: json => ({ config: json }) as never,
  }),
  ModelStatistics: route({
    method: "GET",
    path: request => (request.name ? `${model(request)}/stats` : "/v2/models/stats"),
    read: json => json as never,
  }),
  RepositoryIndex: route({
    method: "POST",
    path: ({ repository_name }) => `/v2/repository${repository_name ? `/${part(repository_name)}` : ""}/index`,
    body: ({ ready }) => (ready ? { ready } : {}),
    read: json => ({
      models: (json as Partial<RpcAnswer<"RepositoryIndex">["models"][number]>[]).map(
        ({ name = "", version = "", state = "", reason = "" }) => ({ name, version, state, reason }),
      ),
    }),
  }),
  RepositoryModelLoad: route({
    method: "POST",
    path: ({ repository_name, model_name }) =>
      `/v2/repository${repository_name ? `/${part(repository_name)}` : ""}/models/${part(model_name)}/load`,
    body: ({ parameters }) => ({ parameters: plainAll(parameters) }),
    read: nothing,
  }),
  RepositoryModelUnload: route({
    method: "POST",
    path: ({ repository_name, model_name }) =>
      `/v2/repository${repository_name ? `/${part(repository_name)}` : ""}/models/${part(model_name)}/unload`,
    body: ({ parameters }) => ({ parameters: plainAll(parameters) }),
    read: nothing,
  }),
  SystemSharedMemoryStatus: route({
    method: "GET",
    path: ({ name }) => `${region("system", name)}/status`,
    read: byName,
  }),
  SystemSharedMemoryRegister: route({
    method: "POST",
    path: ({ name }) => `${region("system", name)}/register`,
    body: ({ key, offset = 0, byte_size }) => ({ key, offset, byte_size }),
    read: nothing,
  }),
  SystemSharedMemoryUnregister: route({
    method: "POST",
    path: ({ name }) => `${region("system", name)}/unregister`,
    read: nothing,
  }),
  CudaSharedMemoryStatus: route({ method: "GET", path: ({ name }) => `${region("cuda", name)}/status`, read: byName }),
  CudaSharedMemoryRegister: route({
    method: "POST",
    path: ({ name }) => `${region("cuda", name)}/register`,
    body: ({ raw_handle, device_id = 0, byte_size }) => ({
      raw_handle: { b64: base64(raw_handle ?? new Uint8Array(0)) },
      device_id,
      byte_size,
    }),
    read: nothing,
  }),
  CudaSharedMemoryUnregister: route({
    method: "POST",
    path: ({ name }) => `${region("cuda", name)}/unregister`,
    read: nothing,
  }),
  TraceSetting: route({
    method: "POST",
    isRead: noSettings,
    path: ({ model_name }) => `/v2${model_name ? `/models/${part(model_name)}` : ""}/trace/setting`,
    body: ({ settings = {} }) =>
      Object.fromEntries(
        Object.entries(settings).map(([key, found]) => {
          const value = found?.value ?? [];
          return [key, value.length === 0 ? null : key === "trace_level" ? value : value[0]];
        }),
      ),
    read: json => ({
      settings: Object.fromEntries(
        Object.entries(json as Record<string, string | string[]>).map(([key, value]) => [
          key,
          { value: [value].flat() },
        ]),
      ),
    }),
  }),
  LogSettings: route({
    method: "POST",
    isRead: noSettings,
    path: () => "/v2/logging",
    body: ({ settings = {} }) => plainAll(settings),
    read: json => ({ settings: settingValues(json as Record<string, boolean | number | string>) }),
  }),
};
