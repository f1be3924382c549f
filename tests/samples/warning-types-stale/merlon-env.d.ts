export {};

declare module "merlon" {
  interface Artefacts {
    "../artefacts/etl/user": { kind: "workflow"; inputs: "float32 age"; outputs: "float32 age" };
  }
}
