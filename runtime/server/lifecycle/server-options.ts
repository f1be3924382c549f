/**
 * The options of a server, and the running server.
 */

import { CLIENT_SHM_OFF, tritonContainer } from "../../../contract/triton-releases.js";
import type { Clock } from "../../base/clock.js";
import { defaultMemoryLimit } from "../../base/memory/memory-limit.js";
import { DEFAULT_RATIO } from "../../base/memory/request-allowance.js";
import type { Mocked } from "../backends/mock/mock-missing.js";
import type { ExposureOptions } from "../exposures/exposure-log.js";
import type { Fault } from "../faults/fault.js";
import type { GpuChoice } from "../models/gpus.js";
import type { ModelMiddleware } from "../models/model-middleware.js";
import type { LogOptions } from "../observe/server-log.js";
import type { ReadableRequests, RecentOptions, RecentRequests } from "../observe/tracing/recent-requests.js";
import { type TracerOptions, USUAL_TRACING } from "../observe/tracing/tracer.js";
import type { PeerOptions, PeerState } from "../peers/options.js";
import type { ReplayOptions } from "../recordings/replay.js";
import { PROTOCOL_VERSION } from "../requests/metadata.js";
import { DEFAULT_PLAN_ROWS } from "../scheduling/plan-rows.js";
import type { RateLimitResource } from "../scheduling/rate-limiter.js";
import { DEFAULT_KEEPALIVE, type KeepaliveOptions } from "../transport/grpc/keepalive.js";
import type { GrpcTls } from "../transport/grpc/tls.js";
import { readOrigins } from "../transport/http/browser-access.js";
import type { SageMaker } from "../transport/http/sagemaker.js";
import type { VertexAi } from "../transport/http/vertex-ai.js";
import { STALL_TIME } from "../transport/stalled-sockets.js";

interface Endpoint {
  /** @default "127.0.0.1", which no other machine reaches; Triton's is 0.0.0.0 */
  readonly address?: string;
  /** 0 takes a free port. */
  readonly port?: number;
}

export interface ServeOptions {
  /** Folders, or addresses in an object store as `s3://bucket/prefix`. */
  readonly modelRepositories: readonly string[];
  /** Brings the repositories up to date: called before models load at the start, before each poll, and before a load by name. */
  readonly refreshRepositories?: (() => Promise<void>) | undefined;
  /**
   * Number of processes that serve, `"auto"` for one a processor that this process may use. With more than one, this process only accepts
   * connections, and restarts a worker that dies. Clients see one server. @default 1
   */
  readonly workers?: number | "auto";
  /** Seconds of silence after which a worker is replaced, or ten times as many while it loads. 0 turns it off. @default 30 */
  readonly workerTimeoutSeconds?: number;
  /**
   * Processors of the workers: `"auto"` divides those that this process may use, `"0-3"` these, and `"0,1:2,3"` names those of each worker. Needs Linux
   * and `taskset`. @default all processors for all workers
   */
  readonly cpuAffinity?: string;
  /** `false` leaves an endpoint out. */
  readonly http?: Endpoint | false;
  readonly grpc?: Endpoint | false;
  /** Triton's front end for Vertex AI. */
  readonly vertexAi?: (Required_<Endpoint> & VertexAi) | undefined;
  /** Triton's front end for SageMaker, of a single model. */
  readonly sageMaker?: (Required_<Endpoint> & SageMaker) | undefined;
  /** TLS on the gRPC port; without it the port speaks plain text. */
  readonly grpcTls?: GrpcTls | undefined;
  readonly grpcConnections?: Partial<KeepaliveOptions>;
  readonly metrics?: Endpoint | false;
  readonly modelControlMode?: "none" | "poll" | "explicit";
  /** Mode poll: seconds between two looks at the repositories. */
  readonly repositoryPollSeconds?: number;
  /** Explicit mode: models to load at the start; `"*"` for all. */
  readonly loadModels?: readonly string[];
  readonly disableAutoComplete?: boolean;
  /** Reads `configs/NAME.pbtxt` of a model that has it instead of `config.pbtxt`. */
  readonly modelConfigName?: string;
  /** Allows one name in several repositories. */
  readonly modelNamespacing?: boolean;
  /** How often a version that fails to load is tried again. */
  readonly modelLoadRetries?: number;
  /** Settings by backend; those of `""` hold for all. */
  readonly backendConfig?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Bytes of the response cache; 0, the default, for none. */
  readonly cacheSize?: number;
  /** Settings of caches by name; there is one, `local`, and its `size` precedes `cacheSize`. */
  readonly cacheConfig?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Named in the error if the configured cache is not here; nothing is read from it. */
  readonly cacheDirectory?: string;
  /** How many models load at a time at the start. */
  readonly modelLoadThreads?: number;
  /** How old the machine's figures among the metrics may be. */
  readonly metricsIntervalMs?: number;
  /** Several servers may listen to the same port when all of them say so. */
  readonly reuseHttpPort?: boolean;
  readonly reuseGrpcPort?: boolean;
  /** How inference responses are packed for clients that can unpack them. */
  readonly grpcCompression?: "none" | "low" | "medium" | "high";
  /** Load requests may bring models with code, and choose backends that run code. @default false */
  readonly allowModelCodeUpload?: boolean;
  /** A `model.mjs` in the version folder answers in the place of any backend; part of `mockMissing`. @default false */
  readonly mockStandIns?: boolean;
  /** Bounds instances by the resources that they name. */
  readonly rateLimit?: boolean;
  readonly rateLimitResources?: readonly RateLimitResource[];
  /** Which GPUs models may run on; `"cpu"` runs models for GPUs on the CPU. @default "auto", with `mockMissing` CUDA or the CPU */
  readonly gpu?: GpuChoice;
  readonly exitOnError?: boolean;
  readonly strictReadiness?: boolean;
  readonly exitTimeoutSeconds?: number;
  /** How long `stop` serves new requests, not ready, before it ends those in flight. @default 0 */
  readonly drainDelaySeconds?: number;
  /**
   * Seconds that all plans may take to warm up their code at the start, and each that is loaded later, before they are ready. 0 turns it
   * off. @default 0
   */
  readonly warmUpSeconds?: number;
  /** How long a client may read nothing of an answer that waits for it; 0 for any time. @default 30 */
  readonly stallTimeoutSeconds?: number;
  /** Bytes that requests, responses and caches may hold together. @default 75 % of the cgroup's or the machine's memory */
  readonly memoryLimit?: number;
  /** Whether the process collects and gives memory back to the system when it is quiet after a peak. @default true */
  readonly returnMemory?: boolean;
  /** Requests carry the client's headers on to the models, for the test kit. @default false */
  readonly keepHeaders?: boolean;
  /** Rows that wide runs of plans compute at a time, candidates included; 0 for any number, without a pause between their stages. @default 65536 */
  readonly maxPlanRows?: number;
  /** Bytes of memory that a request may take for each byte of its body, beside 1 MiB. @default 16 */
  readonly requestMemoryRatio?: number;
  readonly id?: string;
  readonly httpMaxInputSize?: number;
  /** Origins of web pages that may call the HTTP ports, as `https://shop.example`; `*` for all. @default none but the server's own */
  readonly httpAllowedOrigins?: readonly string[];
  /** @default false; true with a `tritonRelease` before 26.05 */
  readonly allowClientShm?: boolean;
  /** Triton's release, as `26.04`: the version that the server names, and that release's default for shared memory. @default the recorded state, 2.73.0dev */
  readonly tritonRelease?: string | undefined;
  readonly allowCpuMetrics?: boolean;
  /** `SETTING` → value of `--metrics-config`. */
  readonly metricsConfig?: Readonly<Record<string, string>>;
  /** Which requests are traced before a client says so. @default none */
  readonly trace?: TracerOptions;
  /** Whether clients may read and change the settings of tracing; without them the server answers as a Triton that was built without tracing. @default true */
  readonly allowTrace?: boolean;
  /** `API[,API]:KEY=VALUE`: what only answers clients with that header. */
  readonly httpRestrictedApis?: readonly string[];
  readonly grpcRestrictedProtocols?: readonly string[];
  /** Headers whose whole names match become parameters of inference requests. */
  readonly httpHeaderForwardPattern?: string;
  readonly grpcHeaderForwardPattern?: string;
  /** Makes the seeds of requests that name none a repeatable sequence. */
  readonly seed?: bigint;
  /** Runs the golden rows of fitted workflows as they load, and warns of differences (the default) or refuses the model. */
  readonly verifyWorkflows?: "off" | "warn" | "refuse";
  /** Mocks replace backends, model files and stores that aren't here; see `backends/mock`. */
  readonly mockMissing?: boolean;
  /** A cassette that answers for the models it has; without a repository it is one. */
  readonly replay?: ReplayOptions | undefined;
  /** Faults on purpose, as objects or in their short form `ranker:error,rate=0.1`; see `faults/fault.ts`. */
  readonly faults?: readonly (Fault | string)[];
  /** Opens the call that adds and takes away faults, on this port of the loopback address. */
  readonly faultAdminPort?: number | undefined;
  /** Layers between the server and its models, the outermost first: mocks, faults, replacements. */
  readonly middleware?: readonly ModelMiddleware[];
  /** Keeps the last requests with the outputs of their stages, for the page; `RunningServer.recent` has them. */
  readonly recentRequests?: RecentOptions | undefined;
  /** Writes what ensembles with a `log` show to Parquet files. */
  readonly exposures?: ExposureOptions | undefined;
  /** The clock of mocks, faults and the ages of features; the machine's by default. */
  readonly clock?: Clock;
  readonly log?: Partial<LogOptions>;
  /** File that takes the log instead of the process's streams. */
  readonly logFile?: string;
  /** Adds lines to the log that a real Triton does not have: what to do about a fault. */
  readonly hints?: boolean;
  /** Called when the models are loaded and before the ports are announced: from here on `stop` is the way to end. */
  readonly onLoaded?: () => void;
  /**
   * Whether the gRPC, HTTP and metrics ports open before the models are loaded. The server is then live and not ready, and calls that concern
   * models get UNAVAILABLE (HTTP 503). @default false, as in Triton
   */
  readonly opensEarly?: boolean;
  /** This server is one of several workers, which forward requests to each other; `merlon serve --workers` starts them. */
  readonly peers?: PeerOptions | undefined;
  /** Writes log lines; by default to the process's streams. */
  readonly writeLog?: (text: string, stream: "stdout" | "stderr") => void;
}

export interface RunningServer {
  /** Ports that are open; an endpoint that is off has none. */
  readonly ports: {
    readonly http?: number;
    readonly grpc?: number;
    readonly vertexAi?: number;
    readonly sageMaker?: number;
    readonly metrics?: number;
    readonly faultAdmin?: number;
  };
  /** The last requests, if `recentRequests` enables them. */
  readonly recent?: RecentRequests;
  /** The same of all processes. */
  readonly requests?: ReadableRequests;
  /** The links to the other workers, if `peers` names any. */
  readonly peers?: PeerState;
  /** The models and stages that `mockMissing` stands in for now, and why. */
  readonly mocked: readonly Mocked[];
  /** Reads the certificates of the gRPC port again if their files have changed, which a server also does by itself every few seconds. */
  reload(): Promise<void>;
  /** Refuses new requests, lets those in flight end, unloads the models. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

type Required_<T> = { readonly [K in keyof T]-?: T[K] };
type OpenEndpoint = Required_<Endpoint>;

const endpoint = (
  value: Endpoint | false | undefined,
  port: number,
  address = "127.0.0.1",
): OpenEndpoint | undefined =>
  value === false ? undefined : { address: value?.address ?? address, port: value?.port ?? port };

/** @throws Error for a release that is not in the table */
function ofRelease({ tritonRelease, allowClientShm }: ServeOptions) {
  const triton = tritonRelease === undefined ? undefined : tritonContainer(tritonRelease);
  return {
    serverVersion: triton?.server ?? PROTOCOL_VERSION,
    allowClientShm: allowClientShm ?? (triton !== undefined && triton.release < CLIENT_SHM_OFF),
  };
}

/** One line an option. */
const USUAL_LOG = { info: true, warning: true, error: true, verbose: 0, format: "default" as const };

export const withDefaults = (given: ServeOptions) => {
  const http = endpoint(given.http, 8000);
  return {
    modelRepositories: [...new Set(given.modelRepositories)],
    refreshRepositories: given.refreshRepositories ?? (async () => {}),
    workerTimeoutSeconds: given.workerTimeoutSeconds ?? 30,
    http,
    grpc: endpoint(given.grpc, 8001),
    vertexAi: given.vertexAi,
    sageMaker: given.sageMaker,
    grpcTls: given.grpcTls,
    grpcConnections: { ...DEFAULT_KEEPALIVE, ...given.grpcConnections },
    metrics: endpoint(given.metrics, 8002, http?.address),
    modelControlMode: given.modelControlMode ?? "none",
    loadModels: given.loadModels ?? [],
    repositoryPollSeconds: given.repositoryPollSeconds ?? 15,
    disableAutoComplete: given.disableAutoComplete ?? false,
    modelConfigName: given.modelConfigName ?? "",
    modelNamespacing: given.modelNamespacing ?? false,
    modelLoadRetries: given.modelLoadRetries ?? 0,
    backendConfig: given.backendConfig ?? {},
    cacheSize: given.cacheSize ?? 0,
    cacheDirectory: given.cacheDirectory ?? "/opt/tritonserver/caches",
    cacheConfig: given.cacheConfig ?? {},
    modelLoadThreads: given.modelLoadThreads ?? 4,
    metricsIntervalMs: given.metricsIntervalMs ?? 2000,
    reuseHttpPort: given.reuseHttpPort ?? false,
    reuseGrpcPort: given.reuseGrpcPort ?? false,
    grpcCompression: given.grpcCompression ?? "none",
    rateLimit: given.rateLimit ?? false,
    rateLimitResources: given.rateLimitResources ?? [],
    gpu: given.gpu ?? ("auto" as const),
    exitOnError: given.exitOnError ?? true,
    strictReadiness: given.strictReadiness ?? true,
    exitTimeoutSeconds: given.exitTimeoutSeconds ?? 30,
    drainDelaySeconds: given.drainDelaySeconds ?? 0,
    warmUpSeconds: given.warmUpSeconds ?? 0,
    stallTimeoutSeconds: given.stallTimeoutSeconds ?? STALL_TIME / 1000,
    memoryLimit: given.memoryLimit ?? defaultMemoryLimit(),
    ...{ returnMemory: given.returnMemory ?? true, keepHeaders: given.keepHeaders ?? false },
    requestMemoryRatio: given.requestMemoryRatio ?? DEFAULT_RATIO,
    maxPlanRows: given.maxPlanRows ?? DEFAULT_PLAN_ROWS,
    id: given.id ?? "triton",
    httpMaxInputSize: given.httpMaxInputSize ?? 2 ** 26,
    httpAllowedOrigins: (given.httpAllowedOrigins ?? []).flatMap(readOrigins),
    ...ofRelease(given),
    allowCpuMetrics: given.allowCpuMetrics ?? true,
    metricsConfig: given.metricsConfig ?? {},
    trace: (given.allowTrace ?? true) ? (given.trace ?? USUAL_TRACING) : undefined,
    allowModelCodeUpload: given.allowModelCodeUpload ?? false,
    mockMissing: given.mockMissing ?? false,
    mockStandIns: (given.mockStandIns || given.mockMissing) ?? false,
    replay: given.replay,
    faults: given.faults ?? [],
    faultAdminPort: given.faultAdminPort,
    middleware: given.middleware ?? [],
    clock: given.clock,
    recentRequests: given.recentRequests,
    exposures: given.exposures,
    httpRestrictedApis: given.httpRestrictedApis ?? [],
    grpcRestrictedProtocols: given.grpcRestrictedProtocols ?? [],
    httpHeaderForwardPattern: given.httpHeaderForwardPattern ?? "",
    grpcHeaderForwardPattern: given.grpcHeaderForwardPattern ?? "",
    seed: given.seed,
    verifyWorkflows: given.verifyWorkflows ?? ("warn" as const),
    onLoaded: given.onLoaded ?? (() => {}),
    opensEarly: given.opensEarly ?? false,
    logFile: given.logFile ?? "",
    peers: given.peers,
    log: { ...USUAL_LOG, hints: given.hints ?? false, ...given.log },
    writeLog:
      given.writeLog ??
      ((text: string, stream: "stdout" | "stderr"): void => {
        process[stream].write(text);
      }),
  };
};

export type OpenOptions = ReturnType<typeof withDefaults>;
