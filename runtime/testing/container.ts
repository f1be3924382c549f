/**
 * `merlon/testcontainers`: a server in a container for tests, by the `testcontainers` package of the project that has it. The image is the one of
 * `deploy/Dockerfile`, or any that has `tritonserver`'s command line, so the same tests run against a real Triton.
 */
import { resolve } from "node:path";

/** The container as data, for any library that starts containers. */
export interface ContainerPlan {
  readonly image: string;
  readonly command: readonly string[];
  /** HTTP, gRPC, metrics: inside the container. */
  readonly ports: readonly number[];
  /** Folders that are copied in before the start, so that it works with a Docker that is elsewhere too. */
  readonly folders: readonly { readonly source: string; readonly target: string }[];
  /** Ready when this path answers 200. */
  readonly ready: { readonly path: string; readonly port: number };
  readonly startupMs: number;
}

const HTTP = 8000;
const GRPC = 8001;
const METRICS = 8002;

/** A container that runs. */
export interface StartedMerlonContainer extends AsyncDisposable {
  /** `HOST:PORT` of gRPC. */
  readonly grpc: string;
  /** `http://HOST:PORT` */
  readonly http: string;
  /** `http://HOST:PORT/metrics` */
  readonly metrics: string;
  /** The library's own object, for logs and the like. */
  readonly container: StartedContainer;
  stop(): Promise<void>;
}

/**
 * @example
 * await using triton = await new MerlonContainer("merlon").withModelRepository("model-repo").withMockMissing().start();
 * const client = await connect(`grpc://${triton.grpc}`);
 */
export class MerlonContainer {
  #plan: ContainerPlan;
  readonly #library: () => Promise<Testcontainers>;

  /**
   * @param image made with `docker build -f deploy/Dockerfile -t merlon .`, or a Triton's
   * @param library loads `testcontainers`; the project's own package by default
   */
  constructor(image = "merlon", library: () => Promise<Testcontainers> = ownLibrary) {
    this.#library = library;
    this.#plan = {
      image,
      command: ["tritonserver"],
      ports: [HTTP, GRPC, METRICS],
      folders: [],
      ready: { path: "/v2/health/ready", port: HTTP },
      startupMs: 60_000,
    };
  }

  /** The plan that `start` will start. */
  get plan(): ContainerPlan {
    return this.#plan;
  }

  /** A folder of models; may be called again for more. */
  withModelRepository(folder: string): this {
    const target = `/models${this.#plan.folders.length > 0 ? `-${this.#plan.folders.length + 1}` : ""}`;
    const folders = [...this.#plan.folders, { source: resolve(folder), target }];
    return this.#with({ folders }).withFlags(`--model-repository=${target}`);
  }

  /** Flags of `tritonserver`: `"--model-control-mode=explicit"`. Ports stay as they are: they are mapped outside. */
  withFlags(...flags: readonly string[]): this {
    const port = flags.find(flag => /^--(http|grpc|metrics)-port\b/.test(flag));
    if (port !== undefined)
      throw new RangeError(
        `${port}: ports inside the container stay ${HTTP}, ${GRPC} and ${METRICS}; outside they are free ones`,
      );
    return this.#with({ command: [...this.#plan.command, ...flags] });
  }

  /** Mocks for models whose backends or files are not in the image; Merlon's image only. */
  withMockMissing(): this {
    return this.withFlags("--mock-missing");
  }

  /** A fault on purpose in its short form: `"ranker:error,rate=0.1"`; Merlon's image only. */
  withFault(fault: string): this {
    return this.withFlags(`--fault=${fault}`);
  }

  /** How long it may take until it is ready. @default 60000 */
  withStartupTimeout(milliseconds: number): this {
    return this.#with({ startupMs: milliseconds });
  }

  /** @throws Error without a repository, without the package, or with what the library says */
  async start(): Promise<StartedMerlonContainer> {
    const { image, command, ports, folders, ready, startupMs } = this.#plan;
    if (folders.length === 0) throw new Error("the container has nothing to serve: call withModelRepository(FOLDER)");
    const { GenericContainer, Wait } = await this.#library();
    const container = await new GenericContainer(image)
      .withCommand([...command])
      .withExposedPorts(...ports)
      .withCopyDirectoriesToContainer([...folders])
      .withWaitStrategy(Wait.forHttp(ready.path, ready.port).forStatusCode(200))
      .withStartupTimeout(startupMs)
      .start();
    const at = (port: number): string => `${container.getHost()}:${container.getMappedPort(port)}`;
    let stopped: Promise<unknown> | undefined;
    const stop = async (): Promise<void> => {
      stopped ??= container.stop();
      await stopped;
    };
    return {
      grpc: at(GRPC),
      http: `http://${at(HTTP)}`,
      metrics: `http://${at(METRICS)}/metrics`,
      container,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  }

  #with(change: Partial<ContainerPlan>): this {
    this.#plan = Object.freeze({ ...this.#plan, ...change });
    return this;
  }
}

/** The package of the project, which need not be there: a bundler must not look for it. */
async function ownLibrary(): Promise<Testcontainers> {
  const name = "testcontainers";
  try {
    return (await import(name)) as Testcontainers;
  } catch (error) {
    throw new Error(
      "the package testcontainers is not installed: `npm install --save-dev testcontainers`; without containers, createTestServer of merlon/testing needs neither it nor Docker",
      { cause: error },
    );
  }
}

/**
 * The part of the package `testcontainers` that a container for tests needs, as it is since version 10.
 */
interface Testcontainers {
  readonly GenericContainer: new (image: string) => GenericContainer;
  readonly Wait: { forHttp(path: string, port: number): { forStatusCode(status: number): WaitStrategy } };
}

/** Opaque. */
type WaitStrategy = object;

interface GenericContainer {
  withCommand(words: string[]): this;
  withExposedPorts(...ports: number[]): this;
  withCopyDirectoriesToContainer(folders: { source: string; target: string }[]): this;
  // biome-ignore lint/suspicious/noExplicitAny: the library's own class, which this package can't name
  withWaitStrategy(strategy: any): this;
  withStartupTimeout(milliseconds: number): this;
  start(): Promise<StartedContainer>;
}

interface StartedContainer {
  getHost(): string;
  getMappedPort(port: number): number;
  stop(): Promise<unknown>;
}
