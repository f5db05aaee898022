import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { assertSame } from "./support/kept.ts";
import { Lembro, sessionOf, sessionOfSize, type Store } from "./support/setup.ts";
import { MemoryDisk } from "./support/disks.ts";
import { openOn } from "./support/journals.ts";

const ignore = () => {};

const USERS = ["Ada", "Bob", "Eve"];

/** What an app does to a session. A request that reads one touches it too, as express-session does. */
const OPERATIONS = {
  create: (store: Store, _sid: string, n: number) =>
    store.set(`new ${n}`, sessionOf({ n }), ignore),
  overwrite: (store: Store, sid: string, n: number) => store.set(sid, sessionOf({ n }), ignore),
  signIn: (store: Store, sid: string, n: number) =>
    store.set(sid, sessionOf({ user: USERS[n % 3] }), ignore),
  signOut: (store: Store, sid: string) => store.destroy(sid, ignore),
  grow: (store: Store, sid: string, n: number) =>
    store.set(sid, sessionOfSize(100 + n % 300 * 2), ignore),
  request: (store: Store, sid: string, n: number) => {
    store.get(sid, ignore);
    store.touch(sid, sessionOf({}, { path: "/", maxAge: 5_000 + n }), ignore);
  },
  touch: (store: Store, sid: string, n: number) =>
    store.touch(sid, sessionOf({}, { path: "/", maxAge: 5_000 + n }), ignore),
  update: (store: Store, sid: string, n: number) =>
    store.update(sid, (session) => void Object.assign(session, { updated: n }), ignore),
  expireSoon: (store: Store, sid: string) => store.touch(sid, sessionOf({}, { maxAge: 5 }), ignore),
  again: (store: Store, sid: string) => {
    store.destroy(sid, ignore);
    store.set(sid, sessionOf({ again: true }), ignore);
  },
  revoke: (store: Store, sid: string, n: number) =>
    store.revokeUser(USERS[n % 3], n % 2 ? { except: sid } : {}, ignore),
  purge: (store: Store) => store.purge(ignore),
  reduce: (store: Store) => store.reduce(ignore),
  clear: (store: Store, _sid: string, n: number) => n % 10 === 0 && store.clear(ignore),
};

const steps = fc.array(
  fc.record({
    operation: fc.constantFrom(...Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[]),
    sid: fc.integer({ min: 0, max: 12 }).map(String),
    n: fc.nat({ max: 1_000 }),
    /** What happens to the journal then. */
    then: fc.oneof(
      { weight: 6, arbitrary: fc.constant("nothing" as const) },
      { weight: 3, arbitrary: fc.constant("flush" as const) },
      { weight: 1, arbitrary: fc.constant("begin to flush" as const) },
      { weight: 1, arbitrary: fc.constant("reopen" as const) },
    ),
  }),
  { minLength: 5, maxLength: 50 },
);

describe("a journal that is replayed gives the store", () => {
  it("after every sequence of what an app does: sessions, ranks, order, users and lives", async () => {
    const numRuns = Number(Deno.env.get("SEQUENCES") ?? 400);
    let replays = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(Infinity, 6_000), async (steps, maxSize) => {
        using time = new FakeTime(1_900_000_000_000);
        const options = {
          maxSize,
          maxSessionsPerUser: 3,
          protect: (session: unknown) => "user" in (session as object),
          user: (session: unknown) => (session as { user?: string }).user,
        };
        const disk = new MemoryDisk();
        let store = new Lembro(options);
        let journal = await openOn(disk, store, "/disk/j");
        const reopen = async () => {
          await journal.close();
          const after = new Lembro(options);
          journal = await openOn(disk, after, "/disk/j");
          // Expired ones that nobody has met are not replayed.
          await store.purge();
          assertSame(after, store);
          store.close(ignore);
          store = after;
          replays++;
        };
        for (const { operation, sid, n, then } of steps) {
          time.tick(1);
          OPERATIONS[operation](store, sid, n);
          if (then === "flush") await journal.flush();
          else if (then === "begin to flush") journal.flush().catch(ignore);
          else if (then === "reopen") await reopen();
        }
        await reopen();
        await journal.close();
        store.close(ignore);
      }),
      { numRuns },
    );
    assert(replays > numRuns);
  });
});
