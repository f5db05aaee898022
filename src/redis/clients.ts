/**
 * The clients of Redis that a store can be given, behind one face: `redis` 5
 * and later, `ioredis` 5 and later, each alone or as a client of a cluster.
 *
 * @module
 */
import { CREATE } from "../options.ts";
import { failure, invalidOption, isFunction, isObject } from "../util/errors.ts";
import { advise } from "../util/warnings.ts";
import type { Script } from "./scripts.ts";
import type { RedisClient, RedisSubscriber } from "./options.ts";

type Send = (args: string[]) => Promise<unknown>;

/** What the clients have, as far as it is used here. */
interface AnyClient {
  sendCommand?(...args: unknown[]): Promise<unknown>;
  call?(...args: string[]): Promise<unknown>;
  masters?: object[];
  nodeClient?(master: object): Promise<AnyClient>;
  nodes?(role: string): AnyClient[];
  withTypeMapping?: unknown;
  duplicate?(): AnyClient;
  connect?(): Promise<unknown>;
  disconnect?(): void;
  destroy?(): void;
  options?: {
    keyPrefix?: string;
    disableOfflineQueue?: boolean;
    enableOfflineQueue?: boolean;
    maxRetriesPerRequest?: number | null;
    retryDelayOnFailover?: number;
    defaults?: { disableOfflineQueue?: boolean };
    redisOptions?: { keyPrefix?: string };
  };
  _options?: AnyClient["options"];
  isReady?: boolean;
  status?: string;
  subscribe?(channel: string, listener?: (message: string) => void): Promise<unknown>;
  unsubscribe?(channel: string, listener?: (message: string) => void): Promise<unknown>;
  on?(event: string, listener: (...args: string[]) => void): unknown;
  off?(event: string, listener: (...args: string[]) => void): unknown;
}

/** How long replicas may take to confirm, in milliseconds. */
const MAX_CONFIRMATION_MS = 1_000;

/** The status of a client of ioredis that has not been connected yet. */
const STARTING = ["wait", "connecting", "connect"];

/** The clients that were warned of: once each. */
const warned = new WeakSet<object>();

/** A connection that a store has opened itself. */
export interface Duplicate {
  readonly connection: Connection;
  /** Settles once it is connected. */
  readonly ready: Promise<void>;
  close(): void;
}

/** Commands and scripts, sent through a client. */
export class Connection {
  readonly #client: AnyClient;
  readonly #isCluster: boolean;
  /** Sends a command to the server that has `key`. */
  readonly send: (key: string, args: string[]) => Promise<unknown>;

  constructor(client: unknown) {
    if (!isObject(client)) throw noClient(client);
    const { masters, nodeClient, sendCommand, call, nodes, withTypeMapping } = this.#client =
      client as AnyClient;
    const isNodeRedis = isFunction(sendCommand) && isFunction(withTypeMapping);
    this.#isCluster = isNodeRedis ? isObject(masters) && isFunction(nodeClient) : isFunction(nodes);
    if (isNodeRedis) {
      this.send = this.#isCluster
        ? (key, args) => this.#client.sendCommand!(key, false, args)
        : (_key, args) => this.#client.sendCommand!(args);
    } else if (isFunction(call)) {
      this.send = (_key, args) => this.#client.call!(...args);
    } else {
      throw noClient(client);
    }
    const options = optionsOf(this.#client);
    if (options?.keyPrefix || options?.redisOptions?.keyPrefix) {
      const rule = "client must have no keyPrefix (use the option prefix of the store)";
      throw invalidOption(
        TypeError,
        CREATE,
        rule,
        options.keyPrefix ?? options.redisOptions?.keyPrefix,
      );
    }
  }

  /** Tells the servers the scripts, so that they need not be sent with the first calls. */
  async load(scripts: Script[]): Promise<void> {
    for (const [, send] of await this.#servers()) {
      await Promise.all(scripts.map(({ text }) => send(["SCRIPT", "LOAD", text])));
    }
  }

  /** Runs a script at the server that has its keys. */
  async run({ text, sha }: Script, keys: string[], args: string[]): Promise<unknown> {
    const command = ["EVALSHA", sha, String(keys.length), ...keys, ...args];
    try {
      return await this.send(keys[0], command);
    } catch (error) {
      // The server doesn't know the script: it has not run.
      if (!String((error as Error | undefined)?.message).startsWith("NOSCRIPT")) throw error;
      return await this.send(keys[0], ["EVAL", text, ...command.slice(2)]);
    }
  }

  /** Iterates over the strings whose keys begin with `prefix`, in parts. A key may come twice. */
  async *scan(prefix: string): AsyncGenerator<string[], void, undefined> {
    const pattern = prefix.replace(/[[\]*?\\^]/g, "\\$&") + "*";
    for (const [, send] of await this.#servers()) {
      let cursor = "0";
      do {
        const args = ["SCAN", cursor, "MATCH", pattern, "COUNT", "500", "TYPE", "string"];
        const [next, keys] = await send(args) as [string, string[]];
        cursor = String(next);
        yield keys;
      } while (cursor !== "0");
    }
  }

  /** Asks each server for its time, in microseconds since the epoch. */
  async times(): Promise<[server: string, time: number][]> {
    const servers = await this.#servers();
    return await Promise.all(servers.map(async ([name, send]): Promise<[string, number]> => {
      const [seconds, microseconds] = await send(["TIME"]) as string[];
      return [name, Number(seconds) * 1e6 + Number(microseconds)];
    }));
  }

  /** Returns a connection of its own to the same servers, which `close` ends. */
  duplicate(): Duplicate {
    const client = this.#client.duplicate!();
    // While it is down, its commands fail, which is enough.
    client.on?.("error", () => {});
    const isNodeRedis = Boolean(client.withTypeMapping);
    const connected = isNodeRedis || client.status === "wait"
      ? client.connect!()
      : new Promise((resolve) => client.on!("ready", resolve));
    const ready = Promise.resolve(connected).then(() => {}, () => {});
    const close = () => void (isNodeRedis ? client.destroy!() : client.disconnect!());
    return { connection: new Connection(client), ready, close };
  }

  /**
   * Waits until `replicas` replicas have confirmed what was written through this
   * connection.
   *
   * @throws {Error} With the code `ERR_LEMBRO_REPLICAS` if they don't within a second.
   */
  async confirm(replicas: number): Promise<void> {
    const servers = await this.#servers();
    const args = ["WAIT", String(replicas), String(MAX_CONFIRMATION_MS)];
    const counts = await Promise.all(servers.map(async ([, send]) => Number(await send(args))));
    const count = Math.min(...counts);
    if (count >= replicas) return;
    const rule = `${replicas} replicas must have it within a second (it is done all the same)`;
    throw failure(
      Error,
      "ERR_LEMBRO_REPLICAS",
      `Cannot confirm what has ended: ${rule}: received ${count}`,
    );
  }

  /** Whether there are several servers, each with a clock of its own. */
  get isCluster(): boolean {
    return this.#isCluster;
  }

  /** Warns of settings under which the promises of the store do not hold. */
  async warn(): Promise<void> {
    if (warned.has(this.#client)) return;
    warned.add(this.#client);
    const settings = this.#settingsToFail();
    if (settings) {
      advise(
        "While Redis is down, this client makes requests wait, or sends them again: " +
          `create it with ${settings}`,
        "LEMBRO_REDIS_QUEUE",
      );
    }
    for (const [, send] of await this.#servers()) {
      const memory = String(await send(["INFO", "memory"]));
      const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? "noeviction";
      if (policy === "noeviction" || /^maxmemory:0\r?$/m.test(memory)) continue;
      advise(
        `Redis may drop sessions, and that they were ended: set its maxmemory-policy to noeviction (it is ${policy})`,
        "LEMBRO_REDIS_EVICTION",
      );
      return;
    }
  }

  /** The settings with which commands fail at once while there is no connection, if it has others. */
  #settingsToFail(): string | undefined {
    const options = optionsOf(this.#client);
    if (this.#client.withTypeMapping) {
      const isSet = options?.disableOfflineQueue ?? options?.defaults?.disableOfflineQueue;
      return isSet ? undefined : "disableOfflineQueue: true";
    }
    // What was sent already would be sent again, and might be done twice.
    const retries = this.#isCluster ? "retryDelayOnFailover" : "maxRetriesPerRequest";
    if (options?.enableOfflineQueue === false && options[retries] === 0) return undefined;
    return `enableOfflineQueue: false and ${retries}: 0`;
  }

  async #servers(): Promise<[name: string, send: Send][]> {
    const client = this.#client;
    if (!this.#isCluster) return [["", (args) => this.send("", args)]];
    if (client.nodes) {
      return client.nodes("master").map((node, n) => [String(n), (args) => node.call!(...args)]);
    }
    return await Promise.all(client.masters!.map(async (master, n): Promise<[string, Send]> => {
      const node = await client.nodeClient!(master);
      return [String(n), (args) => node.sendCommand!(args)];
    }));
  }
}

/** Hears what is published on a channel, until it is closed. */
export class Subscription {
  readonly #stop: () => void;

  /**
   * @param heard Called with each message.
   * @param gap Called when the connection is back after it was lost: messages may be missing.
   * @param failed Called if it can't subscribe.
   */
  constructor(
    subscriber: RedisSubscriber,
    channel: string,
    heard: (message: string) => void,
    gap: () => void,
    failed: (error: unknown) => void,
  ) {
    const client = subscriber as AnyClient;
    if (!isObject(client) || !isFunction(client.subscribe) || !isFunction(client.on)) {
      const rule = "subscriber must be a client of redis or ioredis, such as client.duplicate()";
      throw invalidOption(TypeError, CREATE, rule, subscriber);
    }
    const isNodeRedis = Boolean(client.withTypeMapping);
    const listener = (on: string, message: string) => {
      if (on === channel) heard(message);
    };
    if (!isNodeRedis) client.on("message", listener);
    let isUnderWay = false;
    const subscribe = async () => {
      isUnderWay = true;
      try {
        await client.subscribe!(channel, isNodeRedis ? heard : undefined);
      } finally {
        isUnderWay = false;
      }
    };
    // Commands of ioredis fail before the first connection, which misses nothing.
    let isFirst = STARTING.includes(client.status ?? "");
    const reconnecting = () => isFirst = false;
    // The clients subscribe again themselves, but only to what they were subscribed to before.
    const ready = () => {
      if (!isUnderWay) subscribe().then(isFirst ? () => {} : gap).catch(failed);
    };
    client.on("ready", ready);
    client.on("reconnecting", reconnecting);
    if (client.status === "wait") client.connect!().catch(failed);
    if (!isFirst) subscribe().catch(failed);
    this.#stop = () => {
      client.off?.("ready", ready);
      client.off?.("reconnecting", reconnecting);
      if (!isNodeRedis) client.off?.("message", listener);
      // A connection that is closed already has no subscriptions to end.
      client.unsubscribe?.(channel, isNodeRedis ? heard : undefined).catch(() => {});
    };
  }

  close(): void {
    this.#stop();
  }
}

function optionsOf(client: AnyClient): AnyClient["options"] {
  return client.options ?? client._options;
}

function noClient(client: unknown): Error {
  const rule =
    "client must be a connected client or cluster of redis 5 or later, or of ioredis 5 or later";
  return invalidOption(TypeError, CREATE, rule, client as RedisClient);
}
