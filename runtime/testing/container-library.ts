/**
 * The part of the package `testcontainers` that a container for tests needs, as it is since version 10.
 */
export interface Testcontainers {
  readonly GenericContainer: new (image: string) => GenericContainer;
  readonly Wait: { forHttp(path: string, port: number): { forStatusCode(status: number): WaitStrategy } };
}

/** Opaque. */
export type WaitStrategy = object;

export interface GenericContainer {
  withCommand(words: string[]): this;
  withExposedPorts(...ports: number[]): this;
  withCopyDirectoriesToContainer(folders: { source: string; target: string }[]): this;
  // biome-ignore lint/suspicious/noExplicitAny: the library's own class, which this package can't name
  withWaitStrategy(strategy: any): this;
  withStartupTimeout(milliseconds: number): this;
  start(): Promise<StartedContainer>;
}

export interface StartedContainer {
  getHost(): string;
  getMappedPort(port: number): number;
  stop(): Promise<unknown>;
}
