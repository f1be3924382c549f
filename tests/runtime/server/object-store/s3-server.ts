/** moto on a port of loopback, with a bucket for each caller. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { spawnMoto } from "../../../needs/moto.js";

export interface S3Server {
  readonly endpoint: string;
  /** `HOST:PORT`. */
  readonly host: string;
  bucket(): Promise<TestBucket>;
  stop(): void;
}

export interface TestBucket {
  readonly name: string;
  put(key: string, body: string | Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** All files of a folder; those that `last` names after the others. */
  upload(folder: string, prefix: string, last?: (path: string) => boolean): Promise<void>;
}

const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };

export async function startS3(): Promise<S3Server> {
  const child = spawnMoto(["-H", "127.0.0.1", "-p", "0"]);
  const host = await new Promise<string>((resolve, reject) => {
    let text = "";
    const read = (chunk: Buffer): void => {
      text += chunk;
      const [, found] = /http:\/\/(127\.0\.0\.1:\d+)/.exec(text) ?? [];
      if (found) resolve(found);
    };
    child.stdout!.on("data", read);
    child.stderr!.on("data", read);
    child.once("exit", code => reject(new Error(`moto ended with ${code}:\n${text}`)));
  });
  const endpoint = `http://${host}`;
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials: CREDENTIALS });
  let count = 0;
  return {
    ...{ endpoint, host },
    async bucket() {
      const name = `models-${process.pid}-${count++}`;
      await client.send(new CreateBucketCommand({ Bucket: name }));
      const put: TestBucket["put"] = async (key, body) =>
        void (await client.send(new PutObjectCommand({ Bucket: name, Key: key, Body: body })));
      return {
        ...{ name, put },
        remove: async key => void (await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }))),
        async upload(folder, prefix, last = path => path.endsWith("manifest.json")) {
          const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(one => one.isFile());
          const paths = files.map(one => join(one.parentPath, one.name).slice(folder.length + 1));
          for (const path of [...paths.filter(one => !last(one)), ...paths.filter(last)])
            await put(`${prefix}${path}`, readFileSync(join(folder, path)));
        },
      };
    },
    stop() {
      client.destroy();
      child.kill();
    },
  };
}
