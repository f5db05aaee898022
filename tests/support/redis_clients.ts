/**
 * The clients of Redis that a store can be given, as the README says to create
 * them: without a queue, and so that they send nothing twice.
 *
 * @module
 */
import type { LembroRedisOptions } from "express-lembro/redis";
import { Cluster as IoCluster6, Redis as IoRedis6 } from "ioredis";
import { Cluster as IoCluster5, Redis as IoRedis5 } from "ioredis-5";
import { createClient, createCluster } from "redis";
import { createClient as createClient6, createCluster as createCluster6 } from "redis-6";

/** A connected client, and what closes it. */
export type Connected = [
  client: LembroRedisOptions["client"] & { subscribe: unknown; isReady?: boolean },
  close: () => void,
];

/** Connects to a server, or with several ports to a cluster of them. */
type Connect = (...ports: number[]) => Promise<Connected>;

/** Each client, by its package and version. */
export const CLIENTS: Record<string, Connect> = {
  "redis 5": nodeRedis(createClient, createCluster),
  "redis 6": nodeRedis(createClient6, createCluster6),
  "ioredis 5": ioRedis(IoRedis5, IoCluster5),
  "ioredis 6": ioRedis(IoRedis6, IoCluster6),
};

// deno-lint-ignore no-explicit-any -- the types of four packages
type Any = any;

/** Often enough that nobody waits for long after Redis has come back. */
const RETRY_MS = 50;

function nodeRedis(create: Any, createCluster: Any): Connect {
  return async (...ports) => {
    const socket = { reconnectStrategy: RETRY_MS };
    const settings = { disableOfflineQueue: true, socket };
    const urls = ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
    const client = ports.length > 1
      ? createCluster({ rootNodes: urls, defaults: settings })
      : create({ ...urls[0], ...settings });
    await client.on("error", () => {}).connect();
    return [client, () => client.destroy()];
  };
}

function ioRedis(Client: Any, Cluster: Any): Connect {
  return async (...ports) => {
    const nodes = ports.map((port) => ({ host: "127.0.0.1", port }));
    const client = ports.length > 1
      ? new Cluster(nodes, { enableOfflineQueue: false, retryDelayOnFailover: 0 })
      : new Client({
        ...nodes[0],
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        retryStrategy: () => RETRY_MS,
      });
    client.on("error", () => {});
    await new Promise((resolve) => client.once("ready", resolve));
    // A cluster connects to a server when it is first asked for, and fails until then.
    await Promise.all(client.nodes?.("master").map((node: Any) => node.ping()) ?? []);
    return [client, () => client.disconnect()];
  };
}
