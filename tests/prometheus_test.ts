import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { metricsOf } from "../scripts/examples/prometheus.ts";
import { Site } from "./support/http.ts";
import { Lembro, sessionOf } from "./support/setup.ts";

/** The samples of a scrape, by name and labels. */
function samplesOf(text: string): Record<string, number> {
  const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => {
    const [name, value] = line.split(" ");
    return [name, Number(value)];
  }));
}

describe("the example for Prometheus", () => {
  it("has the figures of stats() at each scrape", async () => {
    const store = new Lembro({ maxSize: "8K", user: (kept) => (kept as { user?: string }).user });
    await using site = new Site({}, store);
    const metrics = metricsOf(store);
    site.app.get("/metrics", async (_request, response) => {
      response.type(metrics.contentType).send(await metrics.metrics());
    });
    const visitor = await site.visitor();
    for (let scrape = 0; scrape < 3; scrape++) {
      for (let i = 0; i < 100; i++) await store.set(`${scrape}-${i}`, sessionOf({ i }));
      await store.get(`${scrape}-99`);
      await store.get("nobody");
      for (const sid of ["revoked", "kept"]) await store.set(sid, sessionOf({ user: sid }));
      await store.revokeUser("revoked");
      const stats = store.stats();
      assert(stats.evicted.newcomers > 0 && stats.returning > 0);
      assertEquals([stats.users, stats.revoked], [1, scrape + 1]);
      const samples = samplesOf(await visitor.text("/metrics"));
      assertEquals(samples, {
        lembro_bytes: stats.bytes,
        lembro_max_bytes: stats.maxSize,
        lembro_hits_total: stats.hits,
        lembro_misses_total: stats.misses,
        lembro_saves_total: stats.saves,
        lembro_touches_total: stats.touches,
        lembro_merges_total: stats.merges,
        lembro_late_writes_total: stats.lateWrites,
        lembro_expired_total: stats.expired,
        lembro_users: stats.users,
        lembro_revoked_total: stats.revoked,
        lembro_rejected_total: stats.rejected,
        lembro_lists_taken_whole_total: stats.listsTakenWhole,
        'lembro_sessions{rank="newcomers"}': stats.newcomers,
        'lembro_sessions{rank="returning"}': stats.returning,
        'lembro_sessions{rank="protected"}': stats.protected,
        'lembro_evicted_total{rank="newcomers"}': stats.evicted.newcomers,
        'lembro_evicted_total{rank="returning"}': stats.evicted.returning,
        'lembro_evicted_total{rank="protected"}': stats.evicted.protected,
      });
    }
  });

  it("says of each metric what it is and whether it only grows", async () => {
    using store = new Lembro();
    const text = await metricsOf(store).metrics();
    for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      assert(text.includes(`# HELP ${name} `), name);
      assertEquals(type, name.endsWith("_total") ? "counter" : "gauge", name);
    }
    assertEquals(text.match(/^# TYPE /gm)?.length, 15);
  });

  it("shows no limit as +Inf, and has separate metrics for two stores", async () => {
    using one = new Lembro({ maxSize: Infinity });
    using other = new Lembro({ maxSize: "8K" });
    const texts = [await metricsOf(one).metrics(), await metricsOf(other).metrics()];
    assertEquals(
      texts.map((text) => text.match(/^lembro_max_bytes (.*)$/m)?.[1]),
      ["+Inf", "8192"],
    );
  });
});
