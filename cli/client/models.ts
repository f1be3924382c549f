/** `merlon client status`, `models`, `load`, `unload`. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { readNamed } from "../../contract/files/file-fault.js";
import type { Client } from "../../runtime/client/index.js";
import { printTable } from "../print-table.js";
import { type ConnectionOptions, connected, printJson, withClient } from "./connection.js";

/** Milliseconds before the second attempt, and the longest wait, as in `merlon/client`. */
const [BACKOFF, MAX_BACKOFF] = [50, 2000];

/** Polls up to `attempts` times while the server is live and not ready: it loads its models. */
async function readiness(
  client: Client,
  attempts: number,
): Promise<{ readonly live: boolean; readonly ready: boolean }> {
  for (let tried = 1; ; tried++) {
    const [live, ready] = [await client.isServerLive(), await client.isServerReady()];
    if (ready || !live || tried >= attempts) return { live, ready };
    await sleep(Math.min(MAX_BACKOFF, BACKOFF * 2 ** (tried - 1)));
  }
}

export const statusCommand = (): Command =>
  connected(new Command("status").description("show server health and version"), 10_000)
    .addHelpText(
      "after",
      "\nExit status: 0 when the server is ready, 1 otherwise; --retry 30 waits for a server that loads its models.",
    )
    .action(async (options: ConnectionOptions) => {
      await withClient(options, async client => {
        const { live, ready } = await readiness(client, options.retry ?? 1);
        if (!live) {
          if (options.json) process.stdout.write(printJson({ live, ready }));
          // Any call returns the reason.
          await client.serverMetadata();
        }
        const { name, version, extensions } = await client.serverMetadata();
        if (options.json) process.stdout.write(printJson({ live, ready, name, version, extensions }));
        else
          process.stdout.write(
            printTable([
              ["server", `${name} ${version}`],
              ["address", `${client.address} (${client.protocol})`],
              ["live", String(live)],
              ["ready", String(ready)],
              ["extensions", (extensions ?? []).join(", ") || "none"],
            ]),
          );
        if (!ready) process.exitCode = 1;
      });
    });

export const indexCommand = (): Command =>
  connected(new Command("models").description("list the models of the server's repositories with their states"))
    .option("--ready", "only those that are ready")
    .action(async (options: ConnectionOptions & { readonly ready?: true }) => {
      await withClient(options, async client => {
        const models = await client.index(options.ready ? { ready: true } : {});
        if (options.json) process.stdout.write(printJson(models));
        else if (models.length === 0) process.stdout.write("There are no models.\n");
        else
          process.stdout.write(
            printTable([
              ["model", "version", "state", "reason"],
              ...models.map(m => [m.name, m.version || "-", m.state || "-", m.reason]),
            ]),
          );
      });
    });

export const loadCommand = (): Command =>
  connected(new Command("load").description("load a model, or load it again").argument("<model>"), null)
    .option("--config <file>", "JSON of a configuration to load it with")
    .option("--file <path=file...>", "files instead of the repository's: 1/model.onnx=local.onnx")
    .action(
      async (model: string, options: ConnectionOptions & { readonly config?: string; readonly file?: string[] }) => {
        const files = (options.file ?? []).map(given => {
          const at = given.indexOf("=");
          if (at < 1) throw new Error(`--file ${given}: write it as PATH=FILE, the path as in the model's folder.`);
          return [given.slice(0, at), readNamed("--file", given.slice(at + 1), path => readFileSync(path))] as const;
        });
        const config = options.config && readNamed("--config", options.config, path => readFileSync(path, "utf8"));
        await withClient(options, async client => {
          await client.load(model, {
            ...(config && { config }),
            ...(files.length > 0 && { files: Object.fromEntries(files) }),
          });
          process.stdout.write(options.json ? printJson({ loaded: model }) : `✔ Loaded ${model}\n`);
        });
      },
    );

export const unloadCommand = (): Command =>
  connected(new Command("unload").description("unload a model").argument("<model>"), null)
    .option("--dependents", "the models that only an ensemble needs too")
    .action(async (model: string, options: ConnectionOptions & { readonly dependents?: true }) => {
      await withClient(options, async client => {
        await client.unload(model, options.dependents ? { dependents: true } : {});
        process.stdout.write(options.json ? printJson({ unloaded: model }) : `✔ Unloaded ${model}\n`);
      });
    });
