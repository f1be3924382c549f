"""Writes tests/fixtures/schemas: what Kubernetes, KServe and Knative take, for the kinds of deploy/ and of the documentation alone.

    pip install kubernetes-validate==1.37.0 pyyaml
    python make_schemas.py KSERVE KNATIVE

KSERVE is a checkout of kserve/kserve at aaac4e294dae2c7b1aa1886447793f3aa1c30912 (0.20), KNATIVE one of knative/serving at
98e5ef90aa7033797aa0a61ef97f3ff7e49a3944. NetworkPolicy is Kubernetes 1.33's, from kubernetes-validate.

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
VOLUMES = "name configMap csi emptyDir persistentVolumeClaim projected secret".split()
FRAMEWORKS = "huggingface lightgbm onnx paddle pmml pytorch sklearn tensorflow xgboost workerSpec".split()


def closed(schema):
    """A copy without prose, in which objects have no other members than the declared ones."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value) for key, value in schema.items() if key not in ("description", "default", "format", "x-kubernetes-group-version-kind")}
    properties = schema.get("properties")
    if isinstance(properties, dict) and isinstance(schema.get("type"), (str, list)):
        kept = VOLUMES if "persistentVolumeClaim" in properties and "emptyDir" in properties else set(properties) - set(UNUSED)
        # A member may be called like a keyword.
        out["properties"] = {name: closed(value) for name, value in properties.items() if name in kept}
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


def network_policy():
    folder = importlib.resources.files("kubernetes_validate") / "kubernetes-json-schema" / KUBERNETES
    definitions = json.loads((folder / "_definitions.json").read_text())["$defs"]
    spec = inline(definitions["io.k8s.api.networking.v1.NetworkPolicySpec"], definitions)
    members = {
        "apiVersion": {"const": "networking.k8s.io/v1"},
        "kind": {"const": "NetworkPolicy"},
        "metadata": METADATA,
        "spec": closed(spec),
    }
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def write(name, schema):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n")


def main(kserve, knative):
    crds = pathlib.Path(kserve) / "config" / "crd" / "full"
    service = yaml.safe_load((crds / "serving.kserve.io_inferenceservices.yaml").read_text())
    for version in service["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        for name in ("canary", "explainer", "transformer"):
            spec.pop(name, None)
        for name in FRAMEWORKS:
            spec["predictor"]["properties"].pop(name, None)
    write("inference-service", kind(service, "v1beta1"))
    write("serving-runtime", kind(yaml.safe_load((crds / "serving.kserve.io_servingruntimes.yaml").read_text()), "v1alpha1"))
    write("network-policy", network_policy())
    resources = pathlib.Path(knative) / "config" / "core" / "300-resources"
    [version] = yaml.safe_load((resources / "service.yaml").read_text())["spec"]["versions"]
    template = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["template"]
    write("knative-pod", closed(template["properties"]["spec"]))


main(*sys.argv[1:])
