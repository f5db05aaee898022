import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { lembroRedis, type LembroRedisOptions } from "express-lembro/redis";
import { Redis as IoRedis } from "ioredis";
import process from "node:process";
import { createClient } from "redis";
import { type Redis, startRedis, startRedisCluster } from "../../scripts/support/redis_server.ts";
import { END, ENROL, REVOKE, SAVE } from "../../src/redis/scripts.ts";
import { eventually, hasRedis } from "../support/redis.ts";
import { CLIENTS } from "../support/redis_clients.ts";
import { session, type SessionData, sessionOf } from "../support/setup.ts";

const Lembro = lembroRedis(session);

type Client = ReturnType<typeof createClient>;
type Store = InstanceType<typeof Lembro>;

const by = (user: string) => sessionOf({ passport: { user } }, { path: "/" });

async function clientOf(port: number): Promise<Client> {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, disableOfflineQueue: true });
  await client.on("error", () => {}).connect();
  return client;
}

/** A client that looks at each command before it is sent, and may keep it waiting. */
function watching(
  client: Pick<Client, "sendCommand">,
  watch: (args: string[]) => Promise<void> = async () => {},
) {
  return {
    withTypeMapping: () => {},
    sendCommand: async (args: string[]) => {
      await watch(args);
      return await client.sendCommand(args);
    },
    options: { disableOfflineQueue: true },
  } as unknown as LembroRedisOptions["client"];
}

if (hasRedis()) {
  describe("on a real redis-server:", () => {
    let redis: Redis;
    let client: Client;
    beforeAll(async () => {
      redis = (await startRedis())!;
      client = await clientOf(redis.port);
    });
    afterAll(async () => {
      client.destroy();
      await redis[Symbol.asyncDispose]();
    });

    /** Two processes of an app, of which the first one stops before it runs a script. */
    function processes(prefix: string, script: { sha: string }) {
      const reached = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      const stopping = watching(client, async (args) => {
        if (args[1] !== script.sha) return;
        reached.resolve();
        await go.promise;
      });
      const options = { prefix };
      const [slow, other] = [
        new Lembro({ ...options, client: stopping }),
        new Lembro({ ...options, client }),
      ];
      return { slow, other, reached: reached.promise, go: () => go.resolve() };
    }

    it("asks no more of Redis at each sign-in of a user who signs out again", async () => {
      let sent = 0;
      const counting = watching(client, () => {
        sent++;
        return Promise.resolve();
      });
      const store = new Lembro({ prefix: "in and out:", client: counting });
      const counts: number[] = [];
      // More than a user may have at a time.
      for (let n = 0; n < 120; n++) {
        const before = sent;
        await store.set(`${n}`, by("ada"));
        counts.push(sent - before);
        await store.destroy(`${n}`);
      }
      const [, second, ...later] = counts;
      assertEquals(Math.max(...later), second);
      store.close();
    });

    const ends: Record<string, (store: Store) => Promise<unknown>> = {
      "it was destroyed": (store) => store.destroy("a"),
      "it was one too many": (store) => store.set("b", by("ada")),
    };
    for (const [name, end] of Object.entries(ends)) {
      it(`revokes who signs in to an id after ${name}, and before the answer comes`, async () => {
        const prefix = `again, ${name}:`;
        const other = new Lembro({ prefix, client });
        let isFirst = true;
        const slow = new Lembro({
          prefix,
          maxSessionsPerUser: 1,
          client: watching({
            sendCommand: async (args: string[]) => {
              const answer = await client.sendCommand(args);
              if (args[1] === END.sha && isFirst) {
                isFirst = false;
                await other.set("a", by("ada"));
              }
              return answer;
            },
          } as Pick<Client, "sendCommand">),
        });
        await other.set("a", by("ada"));
        await end(slow);
        // What nobody waits for has been sent by then.
        await slow.get("nobody");
        const live = await other.ids();
        assert(!isFirst && live.includes("a"));
        assertEquals(await other.revokeUser("ada"), live.length);
        assertEquals(await other.ids(), []);
        for (const store of [slow, other]) store.close();
      });
    }

    describe("a process that stops between two steps", () => {
      it("does not save a sign-in whose user was revoked after it was entered into the index", async () => {
        const { slow, other, reached, go } = processes("enrolled:", SAVE);
        const signIn = slow.set("a", by("ada"));
        await reached;
        assertEquals(await other.revokeUser("ada"), 0, "it is not there yet");
        go();
        await signIn;
        assertEquals([await other.get("a"), slow.stats().lateWrites], [undefined, 1]);
        for (const store of [slow, other]) store.close();
      });

      it("does not save a sign-in whose user was revoked before it is entered", async () => {
        const { slow, other, reached, go } = processes("not enrolled:", ENROL);
        const signIn = slow.set("a", by("ada"));
        await reached;
        await other.revokeUser("ada");
        go();
        await signIn;
        assertEquals([await other.get("a"), slow.stats().lateWrites], [undefined, 1]);
        for (const store of [slow, other]) store.close();
      });

      it("revokes who signs in before its own revocation comes, though another one was answered", async () => {
        const { slow, other, reached, go } = processes("revoking:", REVOKE);
        await other.set("old", by("ada"));
        const revoked = slow.revokeUser("ada");
        await reached;
        await other.revokeUser("ada");
        await other.set("new", by("ada"));
        go();
        // Its own revocation comes after that sign-in.
        assertEquals(await revoked, 1);
        assertEquals(await other.ids(), []);
        for (const store of [slow, other]) store.close();
      });

      it("enters the user anew if that was so long ago that nobody counts on it", async () => {
        const seen: string[] = [];
        let isStalled = true;
        const stalling = watching(client, (args) => {
          if (args[1] === ENROL.sha) seen.push("enrol");
          if (args[1] !== SAVE.sha) return Promise.resolve();
          seen.push("save");
          // As if half a minute had gone by since.
          const enrolled = args.length - 4;
          if (isStalled) args[enrolled] = String(Number(args[enrolled]) - 31e6);
          isStalled = false;
          return Promise.resolve();
        });
        using store = new Lembro({ client: stalling, prefix: "stalled:" });
        await store.set("a", by("ada"));
        assertEquals(seen, ["enrol", "save", "enrol", "save"]);
        assertEquals(await store.revokeUser("ada"), 1);
      });
    });

    describe("replicas", () => {
      it("have what has ended by the time it is answered: it stays so after a failover", async () => {
        for (
          const [left, end] of [
            [["b", "c"], (store: Store) => store.destroy("a")],
            [["b", "c"], (store: Store) => store.revokeUser("a")],
            [[], (store: Store) => store.clear()],
          ] as const
        ) {
          const main = (await startRedis(["--repl-diskless-sync-delay", "0"]))!;
          const replica = (await startRedis(["--replicaof", "127.0.0.1", `${main.port}`]))!;
          const [own, later] = [await clientOf(main.port), await clientOf(replica.port)];
          await eventually(async () => {
            const said = String(await own.sendCommand(["INFO", "replication"]));
            assert(/^connected_slaves:1/m.test(said), "the replica does not come");
          });
          // As a client does that follows a failover.
          let current = own;
          const following = Object.assign(
            watching({ sendCommand: (args) => current.sendCommand(args) }),
            { duplicate: () => own.duplicate() },
          );
          using store = new Lembro({ client: following, replicas: 1 });
          for (const sid of ["a", "b", "c"]) await store.set(sid, by(sid));
          const loaded = (await store.get("a"))!;
          await end(store);
          await main[Symbol.asyncDispose]();
          await later.sendCommand(["REPLICAOF", "NO", "ONE"]);
          current = later;
          await store.set("a", loaded);
          assertEquals([await store.get("a"), store.stats().lateWrites], [undefined, 1]);
          assertEquals((await store.ids()).sort(), [...left]);
          for (const one of [own, later]) one.destroy();
          await replica[Symbol.asyncDispose]();
        }
      });

      it("of a cluster take over by themselves, and what has ended stays so", async () => {
        await using cluster = (await startRedisCluster(1))!;
        const [client, close] = await CLIENTS["ioredis 6"](...cluster.ports);
        using store = new Lembro({ client, replicas: 1 });
        const sids = Array.from({ length: 30 }, (_, n) => `${n}`);
        const loaded: SessionData[] = [];
        for (const sid of sids) {
          await store.set(sid, by(sid));
          loaded.push((await store.get(sid))!);
        }
        const ended = sids.slice(0, 20);
        for (const sid of ended) {
          if (Number(sid) < 10) await store.destroy(sid);
          else await store.revokeUser(sid);
        }
        await cluster.kill(0);
        const failed = await Promise.allSettled(sids.map((sid) => store.get(sid)));
        assert(failed.some(({ status }) => status === "rejected"), "it fails meanwhile");
        for (const sid of ended) await eventually(() => store.set(sid, loaded[Number(sid)]));
        assertEquals(store.stats().lateWrites, ended.length);
        await eventually(async () => {
          const kept = await Promise.all(sids.map((sid) => store.get(sid)));
          assertEquals(sids.filter((_, n) => kept[n]), sids.slice(20));
        });
        close();
      });

      it("that are missing make the call fail, though it has taken effect", async () => {
        using store = new Lembro({ client, prefix: "alone:", replicas: 1 });
        for (
          const end of [
            () => store.destroy("a"),
            () => store.revokeUser("ada"),
            () => store.clear(),
          ]
        ) {
          await store.set("a", by("ada"));
          const error = await assertRejects(end);
          assertEquals((error as { code?: string }).code, "ERR_LEMBRO_REPLICAS");
          assertEquals(await store.get("a"), undefined);
        }
      });
    });

    describe("a warning", () => {
      /** Collects the warnings that come while `work` runs, `count` of them. */
      async function warnings(count: number, work: () => Promise<void>) {
        const heard: (Error & { code?: string })[] = [];
        const listener = (warning: Error) => heard.push(warning);
        process.on("warning", listener);
        await work();
        for (const end = Date.now() + 5_000; heard.length < count && Date.now() < end;) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        process.off("warning", listener);
        return heard;
      }

      it("comes once for a client that queues, and for a Redis that evicts", async () => {
        const own =
          (await startRedis(["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]))!;
        const queueing = createClient({ url: `redis://127.0.0.1:${own.port}` });
        await queueing.on("error", () => {}).connect();
        const heard = await warnings(2, async () => {
          for (let n = 0; n < 2; n++) {
            using store = new Lembro({ client: queueing });
            await store.length();
            await store.length();
          }
        });
        assertEquals(heard.map(({ code }) => code), [
          "LEMBRO_REDIS_QUEUE",
          "LEMBRO_REDIS_EVICTION",
        ]);
        assertStringIncludes(heard[0].message, "create it with disableOfflineQueue: true");
        queueing.destroy();
        await own[Symbol.asyncDispose]();
      });

      it("comes for a client of ioredis that queues, or that would send a save twice", async () => {
        const heard = await warnings(2, async () => {
          for (
            const settings of [
              { maxRetriesPerRequest: 0 },
              { enableOfflineQueue: false },
              { enableOfflineQueue: false, maxRetriesPerRequest: 0 },
            ]
          ) {
            const io = new IoRedis({ port: redis.port, ...settings });
            await new Promise((resolve) => io.once("ready", resolve));
            using store = new Lembro({ client: io });
            await store.length();
            // By now it has looked at the settings: warnings come a tick later.
            await new Promise((resolve) => setTimeout(resolve));
            io.disconnect();
          }
        });
        assertEquals(heard.map(({ code }) => code), ["LEMBRO_REDIS_QUEUE", "LEMBRO_REDIS_QUEUE"]);
        assertStringIncludes(
          heard[1].message,
          "create it with enableOfflineQueue: false and maxRetriesPerRequest: 0",
        );
      });
    });
  });
}
