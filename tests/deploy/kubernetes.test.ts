/** The manifests of `deploy/kubernetes/`: flags that the server has, ports and labels that fit together, and metrics that it prints. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { ROOT } from "../run/graph.mjs";
import { repository, startServer } from "../runtime/server/support.js";

const folder = join(ROOT, "deploy", "kubernetes");
// biome-ignore lint/suspicious/noExplicitAny: manifests are compared with their schemas elsewhere
type Any = any;
const read = (name: string): readonly Any[] =>
  parseAllDocuments(readFileSync(join(folder, name), "utf8")).map(one => one.toJS());
const [deployment, service, budget] = read("deployment.yaml");
const [autoscaler] = read("autoscaler.yaml");
const [scaled] = read("keda.yaml");
const [policy] = read("network-policy.yaml");
const [adapter] = read("prometheus-adapter.yaml");
const pod = deployment.spec.template;

test("the container starts the server on the ports that its probes, the service and the policy name", () => {
  const [container] = pod.spec.containers;
  const [command, ...flags] = container.args;
  expect([container.command, command]).toEqual([["merlon"], "serve"]);
  const options = serveOptions(flags);
  const ports = Object.fromEntries(container.ports.map((one: Any) => [one.name, one.containerPort]));
  expect(options).toMatchObject({ modelRepositories: ["/models"], workers: "auto", exitOnError: false });
  expect([8000, 8001, 8002]).toEqual([ports.http, ports.grpc, ports.metrics]);
  expect(options.http).toMatchObject({ address: "0.0.0.0", port: ports.http });
  for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"])
    expect(ports[container[probe].httpGet.port]).toBe(8000);
  for (const { targetPort, port } of service.spec.ports) expect(ports[targetPort]).toBe(port);
  expect(policy.spec.ingress.flatMap((rule: Any) => rule.ports.map((one: Any) => one.port))).toEqual([
    8000, 8001, 8002,
  ]);
  expect(pod.metadata.annotations["prometheus.io/port"]).toBe(String(ports.metrics));
  const patience = options.drainDelaySeconds! + 30;
  expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(patience);
});

test("every selector finds the pods, and the autoscalers the Deployment", () => {
  const { labels } = pod.metadata;
  for (const selector of [
    deployment.spec.selector.matchLabels,
    service.spec.selector,
    budget.spec.selector.matchLabels,
    policy.spec.podSelector.matchLabels,
    ...pod.spec.topologySpreadConstraints.map((one: Any) => one.labelSelector.matchLabels),
  ])
    expect(labels).toMatchObject(selector);
  expect(autoscaler.spec.scaleTargetRef).toEqual({ apiVersion: "apps/v1", kind: "Deployment", name: "recommend" });
  expect(scaled.spec.scaleTargetRef.name).toBe(deployment.metadata.name);
  // A fixed number would undo the autoscaler's at each apply.
  expect(deployment.spec).not.toHaveProperty("replicas");
  // A budget that allows one pod to be away needs another.
  expect(autoscaler.spec.minReplicas).toBeGreaterThan(budget.spec.maxUnavailable);
});

test("no container runs as root, writes to its image, or is without a memory limit", () => {
  expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
  expect(pod.spec.automountServiceAccountToken).toBe(false);
  const volumes = new Set(pod.spec.volumes.map((one: Any) => one.name));
  for (const one of [...pod.spec.initContainers, ...pod.spec.containers]) {
    expect(one.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(one.resources.limits.memory).toBeDefined();
    for (const { name } of one.volumeMounts) expect(volumes).toContain(name);
  }
  for (const { emptyDir } of pod.spec.volumes) expect(emptyDir.sizeLimit).toBeDefined();
});

test("the rules of the adapter make the metrics that the autoscaler reads, of series that the server prints", async () => {
  const { rules } = parse(adapter.data["config.yaml"]);
  const made = rules.map((rule: Any) => rule.name.as);
  expect(autoscaler.spec.metrics.map((one: Any) => one.pods.metric.name)).toEqual(made);
  const queries = [
    ...rules.flatMap((rule: Any) => [rule.seriesQuery, rule.metricsQuery]),
    ...scaled.spec.triggers.map((one: Any) => one.metadata.query),
  ];
  const named = new Set(queries.flatMap(text => [...text.matchAll(/\b(?:nv|merlon)_\w+/g)].map(([name]) => name)));
  expect(named.size).toBe(3);
  const server = await startServer(repository(["calc_fp32"]));
  try {
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    for (const name of named) expect(text).toMatch(new RegExp(`^${name}\\{`, "m"));
  } finally {
    await server.stop();
  }
  // Both ways to scale have the same thresholds.
  expect(scaled.spec.triggers.map((one: Any) => one.metadata.threshold)).toEqual(
    autoscaler.spec.metrics.map((one: Any) => one.pods.target.averageValue),
  );
});

/** A strategic merge, as `kubectl patch` does it: lists of named objects by name, other lists as a whole, null removes. */
function merge(base: Any, patch: Any): Any {
  if (Array.isArray(patch)) {
    if (!Array.isArray(base) || !patch.every(one => typeof one === "object" && "name" in one)) return patch;
    const merged = new Map(base.map((one: Any) => [one.name, one]));
    for (const { $patch, ...one } of patch)
      if ($patch === "delete") merged.delete(one.name);
      else merged.set(one.name, merge(merged.get(one.name), one));
    return [...merged.values()];
  }
  if (typeof patch !== "object" || patch === null) return patch;
  const out = { ...base };
  for (const [name, value] of Object.entries(patch))
    if (value === null) delete out[name];
    else out[name] = merge(out[name], value);
  return out;
}

test.each(readdirSync(join(folder, "patches")))(
  "the Deployment with %s fits its schema, and its flags are the server's",
  name => {
    const patch = parse(readFileSync(join(folder, "patches", name), "utf8"));
    const patched = merge(deployment, patch);
    const schema = JSON.parse(readFileSync(join(ROOT, "tests/fixtures/schemas/deployment.json"), "utf8"));
    const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
    expect(validate(patched) ? [] : validate.errors).toEqual([]);
    const { spec } = patched.spec.template;
    expect(() => serveOptions(spec.containers[0].args.slice(1))).not.toThrow();
    const volumes = new Set(spec.volumes.map((one: Any) => one.name));
    for (const one of [...(spec.initContainers ?? []), ...spec.containers])
      for (const mount of one.volumeMounts) expect(volumes).toContain(mount.name);
    // A volume has one source.
    for (const volume of spec.volumes) expect(Object.keys(volume)).toHaveLength(2);
  },
);
