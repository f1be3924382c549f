/** A Python process that drives Spark (`tools/merlon_spark.py`): commands go to it one after another, as JSON lines. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Json } from "@duckdb/node-api";
import type { Expression } from "../../../contract/expression.js";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import type { DType } from "../../../triton-protos/datatype.js";
import { invalid, unavailable } from "../../base/errors.js";

export interface SparkOptions {
  /** As Spark spells it: `local[2]`, `yarn`, `spark://host:7077`. */
  readonly master: string;
  /** Further configuration: `{ "spark.executor.memory": "8g" }`. */
  readonly conf?: Readonly<Record<string, string>>;
  /** Python that has pyspark, pandas and pyarrow. @default python3 */
  readonly python?: string;
}

export type SparkCommand =
  | { readonly do: "list"; readonly path: string }
  | { readonly do: "types"; readonly file: string }
  | { readonly do: "open"; readonly files: readonly string[]; readonly view: string }
  | { readonly do: "run"; readonly sql: string }
  | { readonly do: "rows"; readonly sql: string }
  | { readonly do: "arrow"; readonly sql: string; readonly to: string }
  | { readonly do: "table"; readonly name: string; readonly file: string }
  | { readonly do: "places"; readonly name: string; readonly file: string; readonly column: string }
  | {
      readonly do: "expression";
      readonly name: string;
      readonly expression: Expression;
      /** Names, and whether they hold lists, and integers as digits. */
      readonly columns: readonly (readonly [string, boolean, boolean])[];
      readonly dtype: DType;
      /** Spark's name of the dtype. */
      readonly type: string;
    }
  | { readonly do: "write"; readonly sql: string; readonly to: string; readonly files: number | null };

export interface SparkSession {
  /** Folder that both sides can see, for exchanged files; it is removed with the session. */
  readonly exchange: string;
  /** @param doing completes "… failed on Spark: " */
  ask(command: SparkCommand, doing: string): Promise<Json>;
  close(): Promise<void>;
}

const DRIVER = fileURLToPath(new URL("../../../../tools/merlon_spark.py", import.meta.url));

/** @throws RuntimeFault that says what to install, where Python, pyspark or Java are missing */
export async function openSpark({ master, conf = {}, python = "python3" }: SparkOptions): Promise<SparkSession> {
  const exchange = new TemporaryFolder("spark");
  const child = spawn(python, [DRIVER, JSON.stringify({ master, conf })], { stdio: ["pipe", "pipe", "pipe"] });
  const next = answers(child, python);
  let turn: Promise<unknown> = Promise.resolve();
  const session: SparkSession = {
    exchange: exchange.path,
    ask(command, doing) {
      const asked = turn.then(async () => {
        child.stdin.write(`${JSON.stringify(command)}\n`);
        const { ok, error } = await next();
        if (error !== undefined) throw invalid(`${doing} failed on Spark: ${error}`);
        return ok ?? null;
      });
      turn = asked.catch(() => undefined);
      return asked;
    },
    async close() {
      const ended = new Promise(resolve => child.once("close", resolve));
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await ended;
      await exchange.dispose();
    },
  };
  const { error } = await next();
  if (error !== undefined) {
    await session.close();
    throw unavailable(error);
  }
  return session;
}

/** A session that is open already is lent, and stays open. */
export const borrowSpark = async (spark: SparkOptions | SparkSession): Promise<SparkSession> =>
  "ask" in spark ? { ...spark, close: async () => {} } : openSpark(spark);

interface Answer {
  readonly ok?: Json;
  readonly error?: string;
}

/** The child's answers in their order; its end rejects the calls that still wait. */
function answers(child: ChildProcess, python: string): () => Promise<Answer> {
  const ready: Answer[] = [];
  const waiting: ((answer: Answer) => void)[] = [];
  let end: Answer | undefined;
  let said = "";
  const give = (answer: Answer) => {
    const first = waiting.shift();
    if (first) first(answer);
    else ready.push(answer);
  };
  const finish = (answer: Answer) => {
    end ??= answer;
    for (const one of waiting.splice(0)) one(end);
  };
  createInterface({ input: child.stdout! }).on("line", line => give(JSON.parse(line) as Answer));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2000);
  });
  child.stdin!.on("error", () => {});
  child.on("error", error =>
    finish({
      error: `\`${python}\` did not start: ${error.message}. Install Python 3 with pyspark, or name one that has it with \`--spark-python\`.`,
    }),
  );
  child.on("close", code => {
    const last = said.trim().split("\n").at(-1);
    finish({ error: `Spark's driver ended with status ${code}${last ? `: ${last}` : ""}` });
  });
  return () => {
    const first = ready.shift();
    if (first) return Promise.resolve(first);
    return end ? Promise.resolve(end) : new Promise(resolve => waiting.push(resolve));
  };
}
