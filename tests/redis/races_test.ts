import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { OURS_ON_REDIS } from "../../scripts/bench/stores.ts";
import { type Found, isFaultless, race } from "../../scripts/races/main.ts";
import { startRedis, startRedisCluster } from "../../scripts/support/redis_server.ts";
import { hasRedis } from "../support/redis.ts";

/** Enough for a store without these promises to break each of them many times. */
const ROUNDS = 12;
const PROCESSES = 4;

function assertFaultless(found: Found): void {
  assert(isFaultless(found), JSON.stringify(found));
  assertEquals([found.writes, found.signOuts], [5 * ROUNDS, ROUNDS]);
  assert(found.signInsUnderWay >= ROUNDS && found.laterSignIns === 2 * ROUNDS);
}

if (hasRedis()) {
  describe("four processes of one app on Redis", () => {
    it("undo no logout, lose no update, and leave nobody signed in", async () => {
      await using redis = await startRedis();
      assertFaultless(await race(OURS_ON_REDIS, [redis!.port], ROUNDS, PROCESSES));
    });

    it("and do so on a cluster of three masters", async () => {
      await using cluster = await startRedisCluster();
      assertFaultless(await race(OURS_ON_REDIS, cluster!.ports, ROUNDS, PROCESSES));
    });

    it("which connect-redis can't: the races are real", async () => {
      await using redis = await startRedis();
      const found = await race("connect-redis", [redis!.port], ROUNDS, PROCESSES);
      assertEquals([found.keptKeys, found.keptItems, found.keptNested], [1, 1, 1]);
      assert(found.lostWrites > 0 && found.undoneSignOuts > 0);
    });
  });
}
