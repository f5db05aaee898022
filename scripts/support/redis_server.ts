/**
 * A redis-server on a free port of 127.0.0.1 that keeps nothing on the disk, for
 * tests and scripts.
 *
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** A running redis-server. */
export interface Redis extends AsyncDisposable {
  readonly port: number;
  /** As `redis-server --version` prints it. */
  readonly version: string;
}

/** Starts a redis-server; `undefined` if there is none on this machine. */
export async function startRedis(): Promise<Redis | undefined> {
  let version: string;
  try {
    const { stdout } = await new Deno.Command("redis-server", { args: ["--version"] }).output();
    version = /v=(\S+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const port = await freePort();
  const server = new Deno.Command("redis-server", {
    args: ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    stdout: "null",
  }).spawn();
  return {
    port,
    version,
    async [Symbol.asyncDispose]() {
      server.kill();
      await server.status;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
