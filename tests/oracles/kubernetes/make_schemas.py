"""Writes tests/fixtures/schemas: what Kubernetes, KServe and Knative take, for the kinds of deploy/ and of the documentation alone.

    pip install kubernetes-validate==1.37.0 pyyaml
    python make_schemas.py KSERVE KNATIVE KEDA

KSERVE is a checkout of kserve/kserve at aaac4e294dae2c7b1aa1886447793f3aa1c30912 (0.20), KNATIVE one of knative/serving at
98e5ef90aa7033797aa0a61ef97f3ff7e49a3944, KEDA one of kedacore/keda at
8b4f083ca8c8c2baf8477e322bd4d16ac4dfa09a. Kubernetes' own kinds are those of 1.33, from kubernetes-validate. An argument `-` leaves its kinds as they are.

Descriptions are left out, and members of predictors that no manifest here has. An API server drops unknown members in silence, and `kubectl`
refuses them (--validate=strict): here they are refused, too.
"""
import importlib.resources
import json
import pathlib
import sys

import yaml

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "schemas"
KUBERNETES = "v1.33.0-local"
# Members that are left out wherever they are: whole sub-schemas, and no manifest here has them.
UNUSED = "affinity ephemeralContainers initContainers topologySpreadConstraints resourceClaims".split()
VOLUMES = "name configMap csi emptyDir image persistentVolumeClaim projected secret".split()
# A Deployment keeps the members of its manifests.
UNUSED_IN_DEPLOYMENTS = "affinity ephemeralContainers resourceClaims lifecycle dnsConfig tolerations".split()
FRAMEWORKS = "huggingface lightgbm onnx paddle pmml pytorch sklearn tensorflow xgboost workerSpec".split()


def closed(schema, unused=UNUSED):
    """A copy without prose, in which objects have no other members than the declared ones."""
    if isinstance(schema, list):
        return [closed(one, unused) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value, unused) for key, value in schema.items() if key not in ("description", "default", "format", "x-kubernetes-group-version-kind")}
    properties = schema.get("properties")
    if isinstance(properties, dict) and isinstance(schema.get("type"), (str, list)):
        kept = VOLUMES if "persistentVolumeClaim" in properties and "emptyDir" in properties else set(properties) - set(unused)
        # A member may be called like a keyword.
        out["properties"] = {name: closed(value, unused) for name, value in properties.items() if name in kept}
        if "additionalProperties" not in schema and "x-kubernetes-preserve-unknown-fields" not in schema:
            out["additionalProperties"] = False
    return {key: value for key, value in out.items() if not key.startswith("x-kubernetes-")}


def kind(crd, version):
    """An object of a custom resource's kind."""
    spec = crd["spec"]
    [schema] = [one["schema"]["openAPIV3Schema"] for one in spec["versions"] if one["name"] == version]
    schema["properties"].pop("status", None)
    return {
        **closed(schema),
        "properties": {
            **closed(schema)["properties"],
            "apiVersion": {"const": f"{spec['group']}/{version}"},
            "kind": {"const": spec["names"]["kind"]},
            "metadata": METADATA,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
    }


TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}, "labels": TEXTS, "annotations": TEXTS},
    "required": ["name"],
    "additionalProperties": False,
}


def inline(schema, definitions):
    """A schema of Kubernetes with its references replaced."""
    if isinstance(schema, list):
        return [inline(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inline(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    return {key: inline(value, definitions) for key, value in schema.items()}


def of_kubernetes(group, kind_name, api=None, member="spec", unused=UNUSED):
    """An object of a kind of Kubernetes. `group` as in the names of its definitions, `api` as in manifests."""
    folder = importlib.resources.files("kubernetes_validate") / "kubernetes-json-schema" / KUBERNETES
    definitions = json.loads((folder / "_definitions.json").read_text())["$defs"]
    whole = inline(definitions[f"io.k8s.api.{group}.{kind_name}"]["properties"][member], definitions)
    members = {
        "apiVersion": {"const": api},
        "kind": {"const": kind_name},
        "metadata": METADATA,
        member: closed(whole, unused),
    }
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def write(name, schema):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n")


def write_kubernetes():
    write("network-policy", of_kubernetes("networking.v1", "NetworkPolicy", "networking.k8s.io/v1"))
    write("deployment", of_kubernetes("apps.v1", "Deployment", "apps/v1", unused=UNUSED_IN_DEPLOYMENTS))
    write("service", of_kubernetes("core.v1", "Service", "v1"))
    write("config-map", of_kubernetes("core.v1", "ConfigMap", "v1", member="data"))
    write("pod-disruption-budget", of_kubernetes("policy.v1", "PodDisruptionBudget", "policy/v1"))
    write("horizontal-pod-autoscaler", of_kubernetes("autoscaling.v2", "HorizontalPodAutoscaler", "autoscaling/v2"))


def write_kserve(checkout):
    crds = pathlib.Path(checkout) / "config" / "crd" / "full"
    service = yaml.safe_load((crds / "serving.kserve.io_inferenceservices.yaml").read_text())
    for version in service["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        for name in ("canary", "explainer", "transformer"):
            spec.pop(name, None)
        for name in FRAMEWORKS:
            spec["predictor"]["properties"].pop(name, None)
    write("inference-service", kind(service, "v1beta1"))
    write("serving-runtime", kind(yaml.safe_load((crds / "serving.kserve.io_servingruntimes.yaml").read_text()), "v1alpha1"))


def write_knative(checkout):
    resources = pathlib.Path(checkout) / "config" / "core" / "300-resources"
    [version] = yaml.safe_load((resources / "service.yaml").read_text())["spec"]["versions"]
    template = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["template"]
    write("knative-pod", closed(template["properties"]["spec"]))


def write_keda(checkout):
    crd = pathlib.Path(checkout) / "config" / "crd" / "bases" / "keda.sh_scaledobjects.yaml"
    write("scaled-object", kind(yaml.safe_load(crd.read_text()), "v1alpha1"))


write_kubernetes()
for checkout, writer in zip(sys.argv[1:], (write_kserve, write_knative, write_keda)):
    if checkout != "-":
        writer(checkout)
