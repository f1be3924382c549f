/**
 * Numbers of versions beyond 2^53, where neighbors are one number to JavaScript. They are in policies of configurations and of load requests,
 * and in an ensemble's step.
 */
import { expect, test } from "vitest";
import { grpcCall } from "../../../conformance/repository/calls.js";
import { repository, startServer } from "../support.js";

const [LOW, HIGH] = ["9007199254740992", "9007199254740993"];
const TENSORS = `input { name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] } output { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] }`;
const model = (policy: string): string => `backend: "identity" ${TENSORS} ${policy}`;
const folders = (name: string) => ({ [`${name}/${LOW}/x`]: "", [`${name}/${HIGH}/x`]: "" });

test("a policy serves the version that it names, and not its neighbor beyond 2^53", async () => {
  const root = repository([], {
    ...folders("written"),
    "written/config.pbtxt": model(`version_policy { specific { versions: [ ${HIGH} ] } }`),
    ...folders("given"),
    "given/config.pbtxt": model(""),
    ...folders("missing"),
    "missing/config.pbtxt": model(`version_policy { specific { versions: [ 9007199254740995 ] } }`),
  });
  const server = await startServer(root, { modelControlMode: "explicit" });
  try {
    expect((await server.post("/v2/repository/models/written/load", {})).status).toBe(200);
    const config = JSON.stringify({ backend: "identity", version_policy: { specific: { versions: [HIGH] } } });
    const tensor = { data_type: "TYPE_FP32", dims: [4] };
    const whole = {
      ...(JSON.parse(config) as object),
      input: [{ name: "INPUT0", ...tensor }],
      output: [{ name: "OUTPUT0", ...tensor }],
    };
    const load = await server.post("/v2/repository/models/given/load", {
      parameters: { config: JSON.stringify(whole) },
    });
    expect(load).toEqual({ status: 200, body: "" });
    for (const name of ["written", "given"]) {
      const { body } = await server.json(`/v2/models/${name}`);
      expect(body).toMatchObject({ versions: [HIGH] });
      const shown = await (await fetch(`${server.http}/v2/models/${name}/config`)).text();
      expect(shown).toContain(`"version_policy":{"specific":{"versions":[${HIGH}]}}`);
      expect(await grpcCall(server.ports.grpc!, "ModelConfig", { name }, text => text)).toMatchObject({
        response: { config: { version_policy: { specific: { versions: [HIGH] } } } },
      });
      expect((await server.json(`/v2/models/${name}/versions/${LOW}/ready`)).status).toBe(400);
    }
    expect((await server.post("/v2/repository/models/missing/load", {})).status).toBe(400);
    expect(server.log.join("")).toContain(
      "version 9007199254740995 is specified for model 'missing', but the version directory is not present",
    );
  } finally {
    await server.stop();
  }
});

test("an ensemble's step uses the version that it names", async () => {
  const step = (version: string): string =>
    `platform: "ensemble" ${TENSORS} ensemble_scheduling { step { model_name: "member" model_version: ${version} input_map { key: "INPUT0" value: "INPUT0" } output_map { key: "OUTPUT0" value: "OUTPUT0" } } }`;
  const root = repository([], {
    [`member/${HIGH}/x`]: "",
    "member/config.pbtxt": model("version_policy { all {} }"),
    "good/1/x": "",
    "good/config.pbtxt": step(HIGH),
    "bad/1/x": "",
    "bad/config.pbtxt": step(LOW),
  });
  const server = await startServer(root, { exitOnError: false, modelControlMode: "explicit", loadModels: ["*"] });
  try {
    const asked = { inputs: [{ name: "INPUT0", datatype: "FP32", shape: [4], data: [1, 2, 3, 4] }] };
    expect(await server.post("/v2/models/good/infer", asked)).toMatchObject({ status: 200 });
    expect((await server.post("/v2/repository/models/good/load", {})).status).toBe(200);
    expect(server.log.join("")).toContain(
      `ensemble 'bad' depends on 'member' whose required version ${LOW} is not loaded.`,
    );
  } finally {
    await server.stop();
  }
});
