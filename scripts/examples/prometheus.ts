/**
 * The figures of a store for Prometheus: an example to copy.
 *
 * ```ts ignore
 * app.get("/metrics", requireAdmin, async (_request, response) => {
 *   response.type(metrics.contentType).send(await metrics.metrics());
 * });
 * ```
 *
 * @module
 */
import type { LembroStats } from "express-lembro";
import { Counter, Gauge, Registry } from "prom-client";

/** The state now: the figure of `stats()`, the name of its metric, and what it is. */
const GAUGES = [
  ["bytes", "lembro_bytes", "Size of the sessions, in bytes"],
  ["maxSize", "lembro_max_bytes", "Limit of the size of the sessions, in bytes"],
  ["users", "lembro_users", "Users with at least one session"],
] as const;

/** What has happened since the start. */
const COUNTERS = [
  ["hits", "lembro_hits_total", "Sessions that were asked for and found"],
  ["misses", "lembro_misses_total", "Sessions that were asked for and not found"],
  ["saves", "lembro_saves_total", "Saves that were kept"],
  ["touches", "lembro_touches_total", "Touches that were kept"],
  ["merges", "lembro_merges_total", "Saves that were merged with one that had overtaken them"],
  ["lateWrites", "lembro_late_writes_total", "Saves that came after the session had ended"],
  ["expired", "lembro_expired_total", "Sessions that have expired"],
  ["revoked", "lembro_revoked_total", "Sessions that were revoked"],
  ["rejected", "lembro_rejected_total", "Saves, updates and touches that failed"],
  ["listsTakenWhole", "lembro_lists_taken_whole_total", "Lists that were too long to be merged"],
] as const;

const RANKS = ["newcomers", "returning", "protected"] as const;

/** The metrics of a store, read from `stats()` whenever Prometheus asks. */
export function metricsOf(store: { stats(): LembroStats }): Registry {
  const registry = new Registry();
  const registers = [registry];
  for (const [figure, name, help] of GAUGES) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(store.stats()[figure]);
      },
    });
  }
  for (const [figure, name, help] of COUNTERS) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(store.stats()[figure]);
      },
    });
  }
  new Gauge({
    name: "lembro_sessions",
    help: "Sessions that are kept, by rank",
    labelNames: ["rank"],
    registers,
    collect() {
      for (const rank of RANKS) this.set({ rank }, store.stats()[rank]);
    },
  });
  new Counter({
    name: "lembro_evicted_total",
    help: "Sessions that were evicted to keep to the limit, by rank",
    labelNames: ["rank"],
    registers,
    collect() {
      this.reset();
      for (const rank of RANKS) this.inc({ rank }, store.stats().evicted[rank]);
    },
  });
  return registry;
}
