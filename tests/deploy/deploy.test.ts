/**
 * The files in `deploy/`: what they must say, so that a container and a cluster find ports, probes and models where they look for them.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import "../needs/built.js";

const folder = new URL("../../deploy/", import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, folder), "utf8");

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: number };
}
interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
}
interface Runtime {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly annotations: Readonly<Record<string, string>>;
    readonly protocolVersions: readonly string[];
    readonly supportedModelFormats: readonly { readonly name: string; readonly version: string }[];
    readonly containers: readonly Container[];
    readonly volumes: readonly { readonly name: string }[];
  };
}

/** The arguments, by the server's own reader. */
function flagsOf({ args: [command, ...flags] }: Container): ReturnType<typeof serveOptions> {
  expect(command).toBe("serve");
  return serveOptions(flags);
}

const runtime = parse(text("serving-runtime.yaml")) as Runtime;

test("the ServingRuntime starts the server on the ports and the folder that KServe uses", () => {
  expect(runtime).toMatchObject({
    apiVersion: "serving.kserve.io/v1alpha1",
    kind: "ServingRuntime",
    spec: { protocolVersions: ["v2", "grpc-v2"] },
  });
  const [container] = runtime.spec.containers;
  expect(runtime.spec.containers).toHaveLength(1);
  expect(container).toMatchObject({ name: "kserve-container", command: ["merlon"] });
  const address = "0.0.0.0";
  expect(flagsOf(container!)).toMatchObject({
    modelRepositories: ["/mnt/models"],
    http: { address, port: 8080 },
    grpc: { address, port: 9000 },
    metrics: { address, port: 8002 },
    exitOnError: false,
    drainDelaySeconds: 5,
  });
  expect(container!.ports).toEqual([{ name: "http1", containerPort: 8080, protocol: "TCP" }]);
  expect(runtime.spec.annotations).toEqual({
    "prometheus.kserve.io/path": "/metrics",
    "prometheus.kserve.io/port": "8002",
  });
  expect(container!.readinessProbe.httpGet).toEqual({ path: "/v2/health/ready", port: 8080 });
  expect(container!.livenessProbe.httpGet).toEqual({ path: "/v2/health/live", port: 8080 });
  expect(container!.securityContext).toMatchObject({ runAsNonRoot: true, readOnlyRootFilesystem: true });
  const volumes = runtime.spec.volumes.map(({ name }) => name);
  for (const { name } of container!.volumeMounts) expect(volumes).toContain(name);
});

test("the InferenceService names the runtime, one of its formats, and a grace period that the server's patience fits into", () => {
  const service = parse(text("inference-service.yaml")) as {
    readonly apiVersion: string;
    readonly kind: string;
    readonly spec: {
      readonly predictor: {
        readonly terminationGracePeriodSeconds: number;
        readonly model: {
          readonly modelFormat: { readonly name: string; readonly version: string };
          readonly runtime: string;
          readonly protocolVersion: string;
          readonly storageUri: string;
        };
      };
    };
  };
  const { model, terminationGracePeriodSeconds } = service.spec.predictor;
  expect(service).toMatchObject({ apiVersion: "serving.kserve.io/v1beta1", kind: "InferenceService" });
  expect(model.runtime).toBe(runtime.metadata.name);
  expect(runtime.spec.supportedModelFormats).toContainEqual({ ...model.modelFormat, autoSelect: true });
  expect(runtime.spec.protocolVersions).toContain(model.protocolVersion);
  expect(model.storageUri).toMatch(/^[a-z0-9]+:\/\/./);
  const { drainDelaySeconds } = flagsOf(runtime.spec.containers[0]!);
  expect(terminationGracePeriodSeconds).toBeGreaterThan(drainDelaySeconds! + 30);
});

test("the Dockerfile ends in a small non-root stage with a health check, and starts the server on /models", () => {
  const lines = text("Dockerfile")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter(line => line && !line.startsWith("#"));
  const last = lines.slice(lines.findLastIndex(line => line.startsWith("FROM ")));
  const of = (instruction: string): string | undefined =>
    last.find(line => line.startsWith(`${instruction} `))?.slice(instruction.length + 1);
  expect(of("FROM")).toMatch(/^\$\{BASE\}@/);
  expect(text("Dockerfile")).toMatch(/^ARG BASE=\S+-slim$/m);
  expect(of("USER")).toBe("1000:1000");
  expect(of("EXPOSE")).toBe("8000 8001 8002");
  // A list of words: the slim image's shell is not used, and the probe runs unchanged here.
  const [probe, flag, script] = JSON.parse(of("HEALTHCHECK")!.replace(/^.*? CMD /, "")) as string[];
  expect([probe, flag]).toEqual(["node", "-e"]);
  expect(script).toContain("/v2/health/ready");
  execFileSync("node", ["--check", "-"], { input: script! });
  for (const [, path] of text("Dockerfile").matchAll(/ (deploy\/\S+)/g))
    expect(existsSync(new URL(`../${path}`, folder)), path).toBe(true);
  const [program, ...words] = JSON.parse(of("CMD")!) as string[];
  expect(program).toBe("tritonserver");
  expect(serveOptions(words)).toMatchObject({ modelRepositories: ["/models"] });
  expect(last.join("\n")).not.toMatch(/g\+\+|python3|libfaiss-dev/);
});

test("the package holds the programs and none of the tests", () => {
  const listed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: new URL("..", folder),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ files }] = JSON.parse(listed) as [{ files: readonly { readonly path: string }[] }];
  const paths = files.map(({ path }) => path);
  for (const path of [
    "dist/cli/main.js",
    "dist/cli/tritonserver.js",
    "dist/runtime/server/lifecycle/server.js",
    "package.json",
  ])
    expect(paths).toContain(path);
  expect(
    paths.filter(path => /^dist\/(tests|examples)\/|^tests\/|\.tsbuildinfo$|\.js\.map$|\.d\.ts\.map$/.test(path)),
  ).toEqual([]);
  // Source maps would refer to sources that are not in the package, and debuggers and bundlers look for a map that a file names. Outputs of modules
  // that were removed since an earlier build are not part of this one.
  const isBuilt = (path: string): boolean =>
    /^dist\/bundle\/|^dist\/bin\//.test(path) ||
    existsSync(new URL(`../${path.slice("dist/".length).replace(/(\.d)?\.[cm]?[jt]s$/, ".ts")}`, folder));
  const namesMap = (path: string): boolean =>
    /^\/\/# sourceMappingURL=/m.test(readFileSync(new URL(`../${path}`, folder), "utf8"));
  const built = paths.filter(path => /^dist\/.*\.([cm]?js|d\.ts)$/.test(path) && isBuilt(path));
  expect(built.length).toBeGreaterThan(1000);
  expect(built.filter(namesMap)).toEqual([]);
});

test("pods are as closed as they can be, and slow loads are not killed", () => {
  const [container] = runtime.spec.containers as unknown as [
    Record<"startupProbe" | "livenessProbe", { periodSeconds: number; failureThreshold: number }> & {
      securityContext: object;
    },
  ];
  expect(container.securityContext).toMatchObject({
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  });
  // Ports open before models load, which the readiness probe waits for without an end.
  for (const { periodSeconds, failureThreshold } of [container.startupProbe, container.livenessProbe])
    expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(60);
  for (const volume of runtime.spec.volumes)
    expect(volume).toMatchObject({ emptyDir: { sizeLimit: expect.any(String) } });
  const service = parse(text("inference-service.yaml")) as {
    readonly metadata: { readonly name: string; readonly annotations: Readonly<Record<string, string>> };
    readonly spec: { readonly predictor: Readonly<Record<string, unknown>> };
  };
  // Knative refuses the grace period.
  expect(service.metadata.annotations).toEqual({ "serving.kserve.io/deploymentMode": "RawDeployment" });
  expect(service.spec.predictor.automountServiceAccountToken).toBe(false);
  const policy = parse(text("network-policy.yaml")) as {
    readonly spec: {
      readonly podSelector: object;
      readonly policyTypes: readonly string[];
      readonly ingress: readonly { readonly ports: readonly { readonly port: number }[] }[];
    };
  };
  expect(policy.spec.podSelector).toEqual({
    matchLabels: { "serving.kserve.io/inferenceservice": service.metadata.name },
  });
  expect(policy.spec.policyTypes).toEqual(["Ingress", "Egress"]);
  const ports = flagsOf(runtime.spec.containers[0]!);
  expect(policy.spec.ingress.flatMap(rule => rule.ports.map(({ port }) => port))).toEqual([
    ...[ports.http, ports.grpc, ports.metrics].map(one => (one as { port: number }).port),
  ]);
});

test.each(["serving-runtime.yaml", "kubernetes/deployment.yaml"])(
  "the image of %s is the one that the line above it builds, of this version",
  name => {
    const { version } = JSON.parse(text("../package.json")) as { readonly version: string };
    const [, built, image] = /`docker build -f (?:\S+) -t (\S+) \.`[^\n]*\n *image: (\S+)\n/.exec(text(name)) ?? [];
    expect([built, image]).toEqual([`merlon:${version}`, `merlon:${version}`]);
  },
);

describe("the installation script", () => {
  const script = new URL("install.sh", folder).pathname;

  test("is sound shell", () => {
    execFileSync("sh", ["-n", script]);
  });

  /** Runs the script with a package whose `tritonserver` is this shell script. */
  const install = (server: string) => {
    const place = mkdtempSync(join(tmpdir(), "merlon-install-"));
    const [programs, temporary, prefix] = ["programs", "tmp", "prefix"].map(name => join(place, name)) as [
      string,
      string,
      string,
    ];
    for (const made of [programs, temporary]) mkdirSync(made);
    const npm = `#!/bin/sh
set -eu
mkdir -p node_modules/.bin node_modules/merlon/scripts node_modules/onnxruntime-node/bin
: > node_modules/merlon/scripts/add-native.mjs
cat > node_modules/.bin/tritonserver <<'END'
#!/bin/sh
${server}
END
chmod +x node_modules/.bin/tritonserver
`;
    writeFileSync(join(programs, "npm"), npm, { mode: 0o755 });
    const { status, stderr } = spawnSync("sh", [script, "/nowhere", prefix], {
      encoding: "utf8",
      env: {
        ...process.env,
        PATH: `${programs}:${process.env.PATH}`,
        TMPDIR: temporary,
        MERLON_TARBALL: "/nowhere/merlon.tgz",
        MERLON_FAISS: "none",
      },
    });
    return { status, stderr, left: readdirSync(temporary) };
  };

  test("fails where the installed server does not start, and prints its log", () => {
    expect(install("echo 'a library is missing' >&2; exit 1")).toEqual({
      status: 1,
      stderr: "a library is missing\ninstall.sh: the installed server does not start; its log is above\n",
      left: [],
    });
  });

  test("ends the server that starts", () => {
    const server = "trap 'exit 0' TERM; echo 'Started HTTPService at 127.0.0.1:1'; while :; do sleep 0.05; done";
    expect(install(server)).toEqual({ status: 0, stderr: "", left: [] });
  });
});
