/**
 * What a save costs that another one overtook: it is merged with that one.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import type session from "express-session";
import { type BenchStore, call } from "./peers.ts";
import { type Live, loadedSession, newSession, sidOf } from "./sessions.ts";

/** The sessions that are merged: by name, what they hold beside what all sessions of the bench do. */
export const MERGED: Record<string, () => object> = {
  "350 characters": () => ({}),
  "10,000 keys": () => numbered(10_000),
  "10,000 keys in an object": () => ({ inventory: numbered(10_000) }),
  "1,000 objects of ten keys": () => ({
    inventory: Object.fromEntries(
      Array.from({ length: 1_000 }, (_, i) => [`item${i}`, numbered(10)]),
    ),
  }),
};

function numbered(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`key${i}`, `the value of ${i}`]),
  );
}

/** Nanoseconds for a save that was overtaken, for one that was not, and for three `JSON.parse`. */
export interface MergeCost {
  overtaken: number;
  plain: number;
  parses: number;
}

/** Measures `count` saves of a session of that name; until the call returns, for then it is done. */
export async function measureMerge(
  store: BenchStore,
  { name, count }: { name: string; count: number },
): Promise<MergeCost> {
  const sid = sidOf(1 << 29);
  const load = async () => {
    const kept = await call<session.SessionData>((callback) => store.get(sid, callback as never));
    return loadedSession(store, sid, kept!);
  };
  const set = async (live: Live) => {
    let time = 0;
    await call((callback) => {
      const start = performance.now();
      store.set(sid, live, callback);
      time = performance.now() - start;
    });
    return time;
  };
  const parse = (text: string) => {
    const start = performance.now();
    for (let i = 0; i < 3; i++) JSON.parse(text);
    return performance.now() - start;
  };

  await set(Object.assign(newSession(store, sid, 0), MERGED[name]()));
  const text = JSON.stringify(await load());
  const times = { overtaken: [] as number[], plain: [] as number[], parses: [] as number[] };
  for (let i = 0; i < count; i++) {
    const slow = await load();
    const fast = await load();
    fast.views = 10 + i % 90;
    times.plain.push(await set(fast));
    Object.assign(slow, { locale: i % 2 ? "en-GB" : "de-AT" });
    times.overtaken.push(await set(slow));
    times.parses.push(parse(text));
  }
  await call((callback) => store.destroy(sid, callback));
  return {
    overtaken: middleOf(times.overtaken),
    plain: middleOf(times.plain),
    parses: middleOf(times.parses),
  };
}

/** The median of milliseconds, in nanoseconds: what else the machine does only adds to some of them. */
function middleOf(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1] * 1e6;
}
