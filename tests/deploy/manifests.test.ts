/**
 * The manifests of `deploy/` and of the documentation fit the schemas of Kubernetes, KServe, Knative and KEDA (tests/oracles/kubernetes). Each schema
 * refuses what it should.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ErrorObject } from "ajv";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { blocksOf, PAGES, placeOf } from "../docs/blocks.js";
import { ROOT } from "../run/graph.mjs";

const SCHEMAS = join(ROOT, "tests", "fixtures", "schemas");
const ajv = new Ajv({ strict: false, allErrors: true });
const check = Object.fromEntries(
  readdirSync(SCHEMAS).map(file => [
    file.replace(".json", ""),
    ajv.compile(JSON.parse(readFileSync(join(SCHEMAS, file), "utf8"))),
  ]),
);
const KINDS: Readonly<Record<string, string>> = {
  InferenceService: "inference-service",
  ServingRuntime: "serving-runtime",
  NetworkPolicy: "network-policy",
  Deployment: "deployment",
  Service: "service",
  PodDisruptionBudget: "pod-disruption-budget",
  HorizontalPodAutoscaler: "horizontal-pod-autoscaler",
  ConfigMap: "config-map",
  ScaledObject: "scaled-object",
};

interface Manifest {
  readonly kind: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** @returns sentences such as `/spec/predictor must NOT have additional properties: replicas` */
function faultsOf(schema: string, value: unknown): readonly string[] {
  const validate = check[schema]!;
  if (validate(value)) return [];
  return validate.errors!.map(
    ({ instancePath, message, params }: ErrorObject) =>
      `${instancePath} ${message}${params.additionalProperty ? `: ${params.additionalProperty}` : ""}`,
  );
}
const faultsOfManifest = (manifest: Manifest): readonly string[] => {
  expect(Object.keys(KINDS)).toContain(manifest.kind);
  return faultsOf(KINDS[manifest.kind]!, manifest);
};

const folder = join(ROOT, "deploy");
const read = (name: string): string => readFileSync(join(folder, name), "utf8");
const files = ["", "kubernetes/"].flatMap(below =>
  readdirSync(join(folder, below)).flatMap(name => (name.endsWith(".yaml") ? [`${below}${name}`] : [])),
);
// Pages also show other files in YAML, which have neither of these members.
const blocks = PAGES.flatMap(blocksOf).filter(
  ({ language, text }) => language === "yaml" && /^(?:apiVersion|kind):/m.test(text),
);
const manifests = [
  ...files.flatMap(name =>
    parseAllDocuments(read(name)).map((document, i) => [`${name}, ${i + 1}`, document.toJS() as Manifest] as const),
  ),
  ...blocks.map(block => [placeOf(block), parse(block.text) as Manifest] as const),
];

test.each(manifests)("%s fits its schema", (_, manifest) => expect(faultsOfManifest(manifest)).toEqual([]));

describe("a broken manifest does not", () => {
  const broken = (name: string, from: string, to: string, at = 0): readonly string[] => {
    const text = read(name);
    expect(text.split(from)).toHaveLength(2);
    return faultsOfManifest(parseAllDocuments(text.replace(from, to))[at]!.toJS() as Manifest);
  };

  test("a misspelt member of a container", () =>
    expect(broken("serving-runtime.yaml", "startupProbe:", "startUpProbe:")).toEqual([
      "/spec/containers/0 must NOT have additional properties: startUpProbe",
    ]));
  test("a text where a number belongs", () =>
    expect(
      broken("inference-service.yaml", "terminationGracePeriodSeconds: 40", "terminationGracePeriodSeconds: 40s"),
    ).toEqual(["/spec/predictor/terminationGracePeriodSeconds must be integer"]));
  test("a member on the wrong level", () =>
    expect(
      broken("inference-service.yaml", "  predictor:\n    minReplicas: 1\n", "  minReplicas: 1\n  predictor:\n"),
    ).toEqual(["/spec must NOT have additional properties: minReplicas"]));
  test("a selector that is none", () =>
    expect(broken("network-policy.yaml", "    matchLabels:\n      serving", "    labels:\n      serving")).toEqual([
      "/spec/podSelector must NOT have additional properties: labels",
    ]));
  test.each([
    ["a probe that does not exist", "deployment.yaml", "livenessProbe:", "aliveProbe:", 0, "aliveProbe"],
    ["a strategy on the wrong level", "deployment.yaml", "    rollingUpdate:", "  rollingUpdate:", 0, "rollingUpdate"],
    [
      "a port's protocol by another name",
      "deployment.yaml",
      "      appProtocol:",
      "      applicationProtocol:",
      1,
      "application",
    ],
    [
      "a budget of pods that is misspelt",
      "deployment.yaml",
      "  maxUnavailable: 1\n",
      "  maxUnavailible: 1\n",
      2,
      "maxUnavailible",
    ],
    ["a replica count that is a text", "autoscaler.yaml", "minReplicas: 2", "minReplicas: two", 0, "must be integer"],
    [
      "a metric without its target",
      "autoscaler.yaml",
      '          averageValue: "4"',
      '          avarageValue: "4"',
      0,
      "avarage",
    ],
    [
      "a trigger without its values",
      "keda.yaml",
      "    - type: prometheus\n      metricType: Value\n      metadata:",
      "    - type: prometheus\n      metricType: Value\n      settings:",
      0,
      "settings",
    ],
    ["data that are not texts", "prometheus-adapter.yaml", "config.yaml: |", "config.yaml:", 0, "must be string"],
    [
      "a peer that is none",
      "network-policy.yaml",
      "        - port: 8002",
      "        - targetPort: 8002",
      0,
      "targetPort",
    ],
  ])("%s", (_, name, from, to, at, named) =>
    expect(broken(`kubernetes/${name}`, from, to, at).join("\n")).toContain(named),
  );
  test("another version of the kind", () =>
    expect(broken("serving-runtime.yaml", "serving.kserve.io/v1alpha1", "serving.kserve.io/v1beta1")).toEqual([
      "/apiVersion must be equal to constant",
    ]));
});

test("Knative takes the pod without the members that deploy/inference-service.yaml names, and refuses these", () => {
  const { predictor } = (parse(read("inference-service.yaml")) as Manifest).spec as {
    predictor: Record<string, unknown>;
  };
  const { model: _, minReplicas: __, ...members } = predictor;
  const { containers, volumes } = (parse(read("serving-runtime.yaml")) as Manifest).spec;
  const [, text] = /Knative's mode refuses (.*?): there/s.exec(read("inference-service.yaml"))!;
  const named = [...text!.matchAll(/[a-z]+[A-Z]\w+/g)].map(([name]) => name);
  const pod = { ...members, containers, volumes };
  expect(named.length).toBeGreaterThan(0);
  expect(faultsOf("knative-pod", pod).map(fault => fault.split(": ")[1])).toEqual(named);
  const left = Object.entries(pod).filter(([name]) => !named.includes(name));
  expect(faultsOf("knative-pod", { ...Object.fromEntries(left), timeoutSeconds: 40 })).toEqual([]);
});
