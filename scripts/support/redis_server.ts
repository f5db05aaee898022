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
  readonly pid: number;
}

/** Starts a redis-server; `undefined` if there is none on this machine. */
export async function startRedis(
  settings: string[] = [],
  at?: number,
): Promise<Redis | undefined> {
  const version = await redisVersion();
  if (version === undefined) return undefined;
  const port = at ?? await freePort();
  // A replica writes what it gets from its master into its folder.
  const folder = await Deno.makeTempDir();
  const server = new Deno.Command("redis-server", {
    cwd: folder,
    args: ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
      .concat(settings),
    stdout: "null",
  }).spawn();
  return {
    port,
    version,
    pid: server.pid,
    async [Symbol.asyncDispose]() {
      try {
        server.kill("SIGKILL");
      } catch {
        // It was stopped before.
      }
      await server.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** How many masters a cluster has: the fewest with which it chooses a new one by itself. */
const MASTERS = 3;

/** A Redis Cluster of three masters on free ports of 127.0.0.1. */
export interface RedisCluster extends AsyncDisposable {
  /** Of the masters, as it was started. */
  readonly ports: number[];
  /** Kills one of the servers: a replica takes the place of a master, if it has one. */
  kill(n: number): Promise<void>;
}

/** Starts a cluster, each master with so many replicas; `undefined` if there is no redis-server on this machine. */
export async function startRedisCluster(replicas = 0): Promise<RedisCluster | undefined> {
  if (await redisVersion() === undefined) return undefined;
  const folder = await Deno.makeTempDir();
  const servers: Redis[] = [];
  const cluster: RedisCluster = {
    ports: [],
    async kill(n) {
      const [master] = servers.splice(n, 1);
      await master[Symbol.asyncDispose]();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      await Deno.remove(folder, { recursive: true });
    },
  };
  try {
    for (let n = 0; n < MASTERS * (1 + replicas); n++) {
      const server = await startRedis([
        ...["--cluster-enabled", "yes", "--cluster-port", `${await freePort()}`],
        ...["--cluster-config-file", `${folder}/${n}.conf`, "--cluster-node-timeout", "2000"],
        ...["--repl-diskless-sync-delay", "0"],
      ]);
      servers.push(server!);
    }
    cluster.ports.push(...servers.slice(0, MASTERS).map(({ port }) => port));
    const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
    // A server takes a moment until it listens, and all of them until they know each other.
    const create = ["--cluster", "create", ...addresses, "--cluster-replicas", `${replicas}`];
    await untilDone([...create, "--cluster-yes"]);
    for (const address of addresses) await untilDone(["--cluster", "check", address]);
    for (const port of cluster.ports) {
      await untilDone(["-p", `${port}`, "CLUSTER", "INFO"], "cluster_state:ok");
      await untilDone(["-p", `${port}`, "INFO", "replication"], `connected_slaves:${replicas}`);
    }
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs redis-cli until it succeeds and says `expected`, for ten seconds at most. */
async function untilDone(args: string[], expected = ""): Promise<void> {
  for (const end = Date.now() + 10_000;;) {
    const { success, stdout, stderr } = await new Deno.Command("redis-cli", { args }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    if (success && said.includes(expected)) return;
    if (Date.now() > end) {
      throw new Error(`Cannot run redis-cli ${args.join(" ")}: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** As `redis-server --version` prints it; `undefined` if there is none. */
export async function redisVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command("redis-server", { args: ["--version"] }).output();
    return /v=(\S+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
