import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
// @ts-types="npm:@types/express@^5.0.0"
import express from "express";
import { monitor } from "express-lembro/monitor";
import { lembroRedis } from "express-lembro/redis";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createClient } from "redis";
import { startRedis } from "../../scripts/support/redis_server.ts";
import { hasRedis } from "../support/redis.ts";
import { session, sessionOf } from "../support/setup.ts";

if (hasRedis()) {
  describe("the monitor of a store on Redis", () => {
    it("shows its figures, lists who is signed in, and signs a user out everywhere", async () => {
      await using redis = (await startRedis())!;
      const client = createClient({
        url: `redis://127.0.0.1:${redis.port}`,
        disableOfflineQueue: true,
      });
      await client.on("error", () => {}).connect();
      using store = new (lembroRedis(session))({ client });
      using watch = monitor(store, { users: true });
      const server = express().use("/monitor", watch).listen(0, "127.0.0.1");
      try {
        await once(server, "listening");
        const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const ask = async (path: string, init?: RequestInit) =>
          await (await fetch(`${origin}/monitor/${path}`, init)).json();
        const start = Date.now();
        for (const [sid, user] of [["a1", "ada"], ["b1", "bea"], ["a2", "ada"]]) {
          await store.set(sid, sessionOf({ passport: { user } }));
        }
        await store.set("nobody", sessionOf());
        assertEquals(await ask("stats.json"), { ...store.stats() });
        const { found, users } = await ask("users.json?sort=sessions");
        assertEquals(found, 2);
        const isRecent = ({ lastUsed }: { lastUsed: number }) =>
          lastUsed >= start - 1 && lastUsed <= Date.now() + 1;
        assertEquals(
          users.map(({ user, sessions }: { user: string; sessions: number }) => [
            user,
            sessions,
          ]),
          [["ada", 2], ["bea", 1]],
        );
        assertEquals(users.every(isRecent), true);
        const headers = { "content-type": "application/json", origin };
        const body = JSON.stringify({ user: "ada" });
        assertEquals(await ask("users/sign-out", { method: "POST", headers, body }), { ended: 2 });
        assertEquals((await ask("users.json")).found, 1);
        assertEquals((await store.sessionsOfUser("ada")).length, 0);
      } finally {
        server.close();
        server.closeAllConnections();
        client.destroy();
      }
    });
  });
}
