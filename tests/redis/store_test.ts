import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { RedisStore as ConnectRedis9 } from "connect-redis";
import { RedisStore as ConnectRedis10 } from "connect-redis-10";
import { lembroRedis, type LembroRedisOptions } from "express-lembro/redis";
import { transferSessions } from "express-lembro/transfer";
import { Redis as IoRedis6 } from "ioredis";
import { Redis as IoRedis5 } from "ioredis-5";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createClient } from "redis";
import { type Redis, startRedis, startRedisCluster } from "../../scripts/support/redis_server.ts";
import { eventually, hasRedis } from "../support/redis.ts";
import { CLIENTS } from "../support/redis_clients.ts";
import { Lembro as InMemory, session, type SessionData, sessionOf } from "../support/setup.ts";

const Lembro = lembroRedis(session);

type Store = InstanceType<typeof Lembro>;
type Kept = SessionData & Record<string, unknown>;

const at = (port: number) => ({ url: `redis://127.0.0.1:${port}` });

const IO_REDIS = { "ioredis 5": IoRedis5 as unknown as typeof IoRedis6, "ioredis 6": IoRedis6 };

/** A session of a user. */
const by = (user: string, data = {}) => sessionOf({ passport: { user }, ...data }, { path: "/" });

/** A port that leads to Redis, and can lose the answer of a script: then it breaks the connection. */
class CuttingLine implements AsyncDisposable {
  readonly #server = createServer();
  readonly #ends = new Set<Socket>();
  #lost = Promise.withResolvers<void>();
  #isCut = false;

  static async start(port: number): Promise<CuttingLine> {
    const line = new CuttingLine();
    line.#server.on("connection", (client) => {
      if (line.#isCut) return client.destroy();
      const redis = connect(port, "127.0.0.1");
      for (const [end, other] of [[client, redis], [redis, client]]) {
        line.#ends.add(end);
        end.on("error", () => {}).on("close", () => other.destroy());
      }
      let isScript = false;
      client.on("data", (command) => {
        isScript ||= command.includes("EVALSHA");
        redis.write(command);
      });
      redis.on("data", (answer) => {
        if (!line.#isCut || !isScript) {
          isScript = false;
          return client.write(answer);
        }
        client.destroy();
        line.#lost.resolve();
      });
    });
    await once(line.#server.listen(0, "127.0.0.1"), "listening");
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Loses the answer of the next script, and lets nobody connect until `repair`. */
  cut(): Promise<void> {
    this.#isCut = true;
    this.#lost = Promise.withResolvers();
    return this.#lost.promise;
  }

  repair(): void {
    this.#isCut = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const end of this.#ends) end.destroy();
    await once(this.#server, "close");
  }
}

if (hasRedis()) {
  describe("on a real redis-server:", () => {
    let redis: Redis;
    let client: ReturnType<typeof createClient>;
    beforeAll(async () => {
      redis = (await startRedis())!;
      client = createClient({ ...at(redis.port), disableOfflineQueue: true });
      await client.on("error", () => {}).connect();
    });
    afterAll(async () => {
      client.destroy();
      await redis[Symbol.asyncDispose]();
    });

    let count = 0;
    /** A store with keys of its own. */
    const storeOf = (options: Partial<LembroRedisOptions> = {}): Store =>
      new Lembro({ client, prefix: `${count++}:`, ...options });

    for (const [name, connectTo] of Object.entries(CLIENTS)) {
      describe(`a store on a client of ${name}`, () => {
        it("merges, finds, updates and revokes", async () => {
          const [own, close] = await connectTo(redis.port);
          using store = storeOf({ client: own });
          await store.set("a", by("ada", { n: 1 }));
          await store.set("b", by("ada"));
          const [one, other] = [await store.get("a") as Kept, await store.get("a") as Kept];
          one.x = 1;
          other.y = 2;
          await store.set("a", one);
          await store.set("a", other);
          const { cookie: _, ...data } = await store.get("a") as Kept;
          assertEquals(data, { passport: { user: "ada" }, n: 1, x: 1, y: 2 });
          assertEquals(
            await store.updateUser("ada", (kept) => void Object.assign(kept, { n: 2 })),
            2,
          );
          assertEquals((await store.sessionsOfUser("ada")).map(({ sid }) => sid).sort(), [
            "a",
            "b",
          ]);
          assertEquals((await store.ids()).sort(), ["a", "b"]);
          assertEquals(await store.revokeUser("ada", { except: "b" }), 1);
          await store.set("a", one);
          assertEquals([await store.get("a"), store.stats().lateWrites], [undefined, 1]);
          await store.clear();
          assertEquals(await store.length(), 0);
          close();
        });

        it("tells every process of what has ended, and of a gap", async () => {
          const [own, close] = await connectTo(redis.port);
          const [subscriber, closeSubscriber] = await connectTo(redis.port);
          const prefix = `events ${name}:`;
          using here = storeOf({ client: own, prefix });
          using there = storeOf({ client: own, subscriber: subscriber as never, prefix });
          const heard: unknown[] = [];
          there.on("destroy", (sid, ended) => heard.push([sid, (ended as Kept).n]));
          there.on("clear", () => heard.push("clear"));
          there.on("gap", () => heard.push("gap"));
          await eventually(async () => {
            const [, subscribers] = await client.sendCommand([
              ...["PUBSUB", "NUMSUB", `lembro:${prefix}events`],
            ]) as [string, number];
            assertEquals(subscribers, 1);
          });
          await here.set("a{b}\n é", by("ada", { n: 1 }));
          await here.destroy("a{b}\n é");
          await here.clear();
          await eventually(() => assertEquals(heard, [["a{b}\n é", 1], "clear"]));
          await client.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]);
          await eventually(() => assertEquals(heard.slice(2), ["gap"]));
          closeSubscriber();
          close();
        });

        it("fails when an answer is lost, and nothing is done twice when the connection is back", async () => {
          await using line = await CuttingLine.start(redis.port);
          const [own, close] = await connectTo(line.port);
          using store = storeOf({ client: own });
          using other = storeOf({ prefix: store.options.prefix });
          await store.set("a", by("ada", { list: [], count: 0 }));
          const loseAnswer = async (write: () => Promise<unknown>) => {
            const lost = line.cut();
            const failed = assertRejects(write);
            await lost;
            await other.update("a", (session) => void Object.assign(session, { other: 1 }));
            line.repair();
            await failed;
            await eventually(async () => void await store.get("a"));
          };
          const count = (session: SessionData) =>
            void (session as Kept & { count: number }).count++;
          await loseAnswer(() => store.update("a", count));
          const kept = await store.get("a") as Kept & { list: string[] };
          kept.list.push("b");
          await loseAnswer(() => store.set("a", kept));
          const { list, count: counted } = await other.get("a") as typeof kept;
          assertEquals([list, counted], [["b"], 1]);
          close();
        });

        it("hears of what has ended though Redis was away when it was made", async () => {
          let own = (await startRedis())!;
          const [main, close] = await connectTo(own.port);
          const [subscriber, closeSubscriber] = await connectTo(own.port);
          await own[Symbol.asyncDispose]();
          await eventually(async () => {
            await assertRejects(() => storeOf({ client: main }).length());
          });
          using store = storeOf({ client: main, subscriber: subscriber as never });
          const heard: unknown[] = [];
          store.on("error", () => heard.push("error"));
          store.on("gap", () => heard.push("gap"));
          store.on("destroy", (sid) => heard.push(sid));
          await eventually(() => assertEquals(heard, ["error"]));
          own = (await startRedis([], own.port))!;
          await eventually(() => assertEquals(heard, ["error", "gap"]));
          // The subscriber may be back before the client is.
          await eventually(() => store.set("a", by("ada")));
          await store.destroy("a");
          await eventually(() => assertEquals(heard, ["error", "gap", "a"]));
          for (const end of [close, closeSubscriber]) end();
          await own[Symbol.asyncDispose]();
        });
      });
    }

    for (const [name, Client] of Object.entries(IO_REDIS)) {
      for (const lazyConnect of [false, true]) {
        it(`emits no error and no gap at its start: ${name}, a subscriber that is ${lazyConnect ? "to connect" : "connecting"}`, async () => {
          const settings = { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect };
          const subscriber = new Client(redis.port, "127.0.0.1", settings as never);
          subscriber.on("error", () => {});
          using store = storeOf({ subscriber: subscriber as never });
          const heard: string[] = [];
          for (const event of ["error", "gap"]) store.on(event, () => heard.push(event));
          store.on("destroy", (sid) => heard.push(sid));
          await eventually(async () => {
            const channel = `lembro:${store.options.prefix}events`;
            const [, count] = await client.sendCommand(["PUBSUB", "NUMSUB", channel]) as unknown[];
            assertEquals(count, 1);
          });
          await store.set("a", by("ada"));
          await store.destroy("a");
          await eventually(() => assertEquals(heard, ["a"]));
          subscriber.disconnect(true);
          await eventually(() => assertEquals(heard, ["a", "gap"]));
          subscriber.disconnect();
        });
      }
    }

    describe("a store on a cluster", () => {
      it("hears at any one of its servers what ends at each, and of a gap", async () => {
        await using cluster = (await startRedisCluster())!;
        const [main, close] = await CLIENTS["redis 5"](...cluster.ports);
        const [subscriber, closeSubscriber] = await CLIENTS["redis 5"](cluster.ports[0]);
        const heard: string[] = [];
        using store = storeOf({ client: main, subscriber: subscriber as never });
        store.on("destroy", (sid) => heard.push(sid));
        store.on("gap", () => heard.push("gap"));
        const sids = Array.from({ length: 20 }, (_, n) => `${n}`);
        for (const sid of sids) await store.set(sid, by(sid));
        for (const sid of sids) await store.destroy(sid);
        await eventually(() => assertEquals(heard.toSorted(), sids.toSorted()));
        await (subscriber as unknown as { disconnect(): Promise<void> }).disconnect();
        await (subscriber as unknown as { connect(): Promise<void> }).connect();
        await eventually(() => assertEquals(heard.at(-1), "gap"));
        for (const end of [close, closeSubscriber]) end();
      });
    });

    describe("a store on Redis", () => {
      it("asks Redis once for a get, save, touch and destroy that nothing overlaps", async () => {
        const commands: string[] = [];
        const counting = new Proxy(client, {
          get(target, name) {
            const value = Reflect.get(target, name, target);
            if (name !== "sendCommand") {
              return typeof value === "function" ? value.bind(target) : value;
            }
            return (args: string[], ...rest: unknown[]) => {
              commands.push(args[0]);
              return value.call(target, args, ...rest as []);
            };
          },
        });
        using store = storeOf({ client: counting });
        await store.set("a", sessionOf({ n: 1 }));
        // A newcomer that is asked for is noted as such, for which nobody waits.
        await store.get("a");
        await eventually(async () => assertEquals((await store.info("a"))?.rank, "returning"));
        const count = async (call: () => Promise<unknown>): Promise<number> => {
          commands.length = 0;
          await call();
          return commands.length;
        };
        assertEquals(await count(() => store.set("new", sessionOf({ n: 1 }))), 1);
        const loaded = (await store.get("a"))!;
        assertEquals(await count(() => store.get("a")), 1);
        assertEquals(await count(() => store.set("a", Object.assign(loaded, { n: 2 }))), 1);
        assertEquals(await count(() => store.touch("a", loaded)), 1);
        assertEquals(await count(() => store.destroy("a")), 1);
      });

      it("works through a Proxy, and its class says what was meant", async () => {
        using store = storeOf();
        const proxy = new Proxy(store, {});
        await proxy.set("a", by("ada"));
        assertEquals((await proxy.sessionsOfUser("ada")).length, 1);
        // deno-lint-ignore no-explicit-any -- what nobody should pass
        const Class = Lembro as any;
        assertThrows(() => Class({ client }), TypeError, "call it with new");
        assertThrows(
          () => session({ store: Class, secret: "s", resave: false, saveUninitialized: false }),
          TypeError,
          "store must be a store",
        );
      });

      it("goes on when Redis has forgotten its scripts", async () => {
        using store = storeOf();
        await store.set("a", by("ada"));
        for (
          const call of [
            () => store.set("a", by("ada", { n: 1 })),
            async () => await store.set("a", (await store.get("a"))!),
            () => store.touch("a", sessionOf({}, { path: "/" })),
            () => store.revokeUser("ada"),
            () => store.destroy("a"),
            () => store.clear(),
          ]
        ) {
          await client.sendCommand(["SCRIPT", "FLUSH"]);
          await call();
        }
        assertEquals(await store.length(), 0);
      });

      it("keeps sessions of any id apart", async () => {
        using store = storeOf();
        const sids = [
          "",
          " ",
          "{a}",
          "{a",
          "a}",
          "}{",
          "{}a",
          "a:b",
          "é😀",
          "*",
          "a\nb",
          "lembro%7B",
        ];
        for (const sid of sids) await store.set(sid, by(`user of ${sid}`, { sid }));
        assertEquals((await store.ids()).sort(), sids.toSorted());
        for (const sid of sids) {
          assertEquals((await store.get(sid) as Kept).sid, sid);
          assertEquals((await store.sessionsOfUser(`user of ${sid}`)).map((one) => one.sid), [sid]);
          await store.destroy(sid);
          assertEquals(await store.get(sid), undefined);
        }
      });

      it("revokes ten thousand sessions of one user", async () => {
        using store = storeOf({ maxSessionsPerUser: Infinity });
        await Promise.all(Array.from({ length: 10_000 }, (_, n) => store.set(`${n}`, by("ada"))));
        assertEquals((await store.sessionsOfUser("ada")).length, 10_000);
        assertEquals(await store.revokeUser("ada", { except: "7" }), 9_999);
        assertEquals(await store.ids(), ["7"]);
      });

      it("keeps what another serializer writes, and merges it", async () => {
        const serializer = {
          stringify: (kept: SessionData) => btoa(encodeURIComponent(JSON.stringify(kept))),
          parse: (text: string) => JSON.parse(decodeURIComponent(atob(text))),
        };
        using store = storeOf({ serializer });
        await store.set("a", by("ada", { name: "é" }));
        const [one, other] = [await store.get("a") as Kept, await store.get("a") as Kept];
        Object.assign(one, { x: 1 });
        Object.assign(other, { y: 2 });
        await store.set("a", one);
        await store.set("a", other);
        await store.touch("a", (await store.get("a"))!);
        const { cookie: _, ...data } = await store.get("a") as Kept;
        assertEquals(data, { passport: { user: "ada" }, name: "é", x: 1, y: 2 });
        assertEquals(await store.revokeUser("ada"), 1);
      });

      it("keeps what a crawler leaves for newcomerTtl, and for its whole life what comes back", async () => {
        using store = storeOf({ newcomerTtl: 60_000, ttl: 600_000 });
        for (const sid of ["bot", "visitor"]) await store.set(sid, sessionOf());
        await store.set("user", by("ada"));
        await store.get("visitor");
        const lives = await Promise.all(
          ["bot", "visitor", "user"].map(async (sid) =>
            Math.round(Number(await client.pTTL(`${store.options.prefix}${sid}`)) / 60_000)
          ),
        );
        assertEquals(lives, [1, 10, 10]);
        const { created, expires } = (await store.info("bot"))!;
        assertEquals(expires!.getTime() - created.getTime(), 60_000);
      });

      it("refuses options that a store in memory alone has, and what is no client", () => {
        for (const name of ["maxSize", "interval", "address"]) {
          const error = assertThrows(() => storeOf({ [name]: 1 }), TypeError);
          assert(error.message.startsWith(`Cannot create store: ${name} is no option on Redis (`));
        }
        assertThrows(() => storeOf({ prefx: "a" } as never), TypeError, "unknown option");
        assertThrows(() => storeOf({ newcomerTtl: 0 }), RangeError, "newcomerTtl");
        assertThrows(
          () => storeOf({ client: {} as never }),
          TypeError,
          "client must be a connected",
        );
        assertThrows(() => new Lembro(undefined as never), TypeError, "with a client");
      });

      it("fails at once while Redis is away, and goes on when it is back", async () => {
        const [, port] = [0, (await startRedis())!];
        let server: Redis = port;
        const own = createClient({
          ...at(server.port),
          disableOfflineQueue: true,
          socket: { reconnectStrategy: 50 },
        });
        await own.on("error", () => {}).connect();
        using store = storeOf({ client: own });
        await store.set("a", sessionOf());
        await server[Symbol.asyncDispose]();
        await eventually(() => assertEquals(own.isReady, false));
        const start = performance.now();
        await assertRejects(() => store.get("a"));
        await assertRejects(() => store.set("a", sessionOf()));
        await assertRejects(() => store.destroy("a"));
        assert(performance.now() - start < 1_000, "nobody waits");
        server = (await startRedis([], server.port))!;
        await eventually(async () => await store.set("b", sessionOf({ n: 1 })));
        assertEquals((await store.get("b") as Kept).n, 1);
        own.destroy();
        await server[Symbol.asyncDispose]();
      });

      for (const isMade of [false, true]) {
        const what = isMade
          ? "by the session that is made of the same data then"
          : "by the same data";
        it(`finds its own write again whose answer was lost, and adds nothing twice: ${what}`, async () => {
          let isCut = false;
          const cutting = Object.assign(Object.create(client), {
            sendCommand: async (args: string[]) => {
              const reply = await client.sendCommand(args);
              if (isCut && args[0] === "EVALSHA") throw new Error("the connection broke");
              return reply;
            },
            withTypeMapping: () => {},
          });
          using store = storeOf({ client: cutting });
          await store.set("a", by("ada", { list: ["a"] }));
          const kept = await store.get("a") as Kept & { list: string[] };
          kept.list.push("b");
          isCut = true;
          await assertRejects(() => store.set("a", kept));
          isCut = false;
          const request = { sessionID: "a", sessionStore: store } as never;
          const again = isMade
            ? store.createSession(request, kept) as unknown as typeof kept
            : kept;
          again.list.push("c");
          await store.set("a", again);
          assertEquals((await store.get("a") as typeof kept).list, ["a", "b", "c"]);
        });
      }
    });

    describe("transferSessions to and from a store on Redis", () => {
      it("carries rank, creation, last use, user and life there, and the sessions back", async () => {
        using memory = new InMemory({ ttl: 600_000 });
        for (const sid of ["new", "back", "user"]) {
          await memory.set(sid, sid === "user" ? by("ada") : sessionOf({}, { path: "/" }));
        }
        await memory.get("back");
        const infos = async (store: Pick<Store, "info">) =>
          await Promise.all(["new", "back", "user"].map((sid) => store.info(sid)));
        using store = storeOf();
        assertEquals((await transferSessions(memory, store)).transferred, 3);
        assertEquals(await infos(store), await infos(memory));
        assertEquals(await store.revokeUser("ada"), 1);
        using again = new InMemory();
        assertEquals((await transferSessions(store, again)).transferred, 2);
        assertEquals((await again.ids()).sort(), ["back", "new"]);
      });
    });

    for (const [name, Other] of Object.entries({ 9: ConnectRedis9, 10: ConnectRedis10 })) {
      describe(`an app that moves from connect-redis ${name} and back`, () => {
        it("signs nobody out, and revoked users stay so", async () => {
          const prefix = `moved ${name}:`;
          const other = new Other({ client: client as never, prefix });
          const sids = Array.from({ length: 50 }, (_, n) => `${n}`);
          for (const sid of sids) await other.set(sid, by(`user ${sid}`, { n: 1 }));
          using store = storeOf({ prefix });
          assertEquals(await store.revokeUser("user 7"), 1, "before anybody has asked for it");
          for (const sid of sids.slice(0, 20)) {
            const kept = await store.get(sid) as Kept | undefined;
            assertEquals(kept?.n, sid === "7" ? undefined : 1);
            if (!kept) continue;
            kept.m = 2;
            await store.set(sid, kept);
          }
          assertEquals(await store.adopt(), 30);
          assertEquals(await store.adopt(), 0);
          assertEquals(await store.revokeUser("user 30"), 1);
          assertEquals((await store.sessionsOfUser("user 31")).length, 1);
          const back = new Other({ client: client as never, prefix });
          for (const sid of sids) {
            const kept = await back.get(sid) as unknown as Kept | null;
            const isRevoked = sid === "7" || sid === "30";
            assertEquals(kept?.n ?? null, isRevoked ? null : 1);
            if (kept) await back.set(sid, { ...kept, cookie: { path: "/" } } as never);
          }
          using again = storeOf({ prefix });
          assertEquals((await again.get("3") as Kept).m, 2);
          assertEquals(await again.revokeUser("user 40"), 1, "though it has no mark any more");
          assertEquals(await again.length(), 47);
        });
      });
    }
  });
}
