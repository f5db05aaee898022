import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Endings } from "../../src/core/overlaps/endings.ts";
import { requestOf } from "../../src/core/overlaps/base_version.ts";
import { MINUTE } from "../support/clock.ts";
import { session, sessionOf } from "../support/setup.ts";

const { Session } = session as unknown as {
  Session: new (req: object) => ReturnType<typeof sessionOf>;
};

/** Endings with a clock that the test sets. */
class TestEndings extends Endings {
  time = 0;

  constructor() {
    super(() => this.time);
  }
}

/** A request that has reached the store, and its session. */
function arrived(endings: Endings) {
  const request = { sessionID: "a" };
  endings.reached(request);
  return { request, session: new Session(request) };
}

/** Whether a sign-in of `user` is stale that began with `session`. */
const isStale = (endings: Endings, user: string, session: object, sid = "a") =>
  endings.isStale(user, sid, requestOf(session as never), undefined);

describe("Endings", () => {
  it("know which requests began before a revocation, by user", () => {
    const endings = new TestEndings();
    const before = arrived(endings);
    endings.revoke("ada", undefined, undefined);
    const after = arrived(endings);
    endings.revoke("eve", undefined, undefined);
    const stale = (user: string) =>
      [before, after].map(({ session }) => isStale(endings, user, session));
    assertEquals(stale("ada"), [true, false]);
    assertEquals(stale("eve"), [true, true]);
    assertEquals(stale("bob"), [false, false]);
  });

  it("count the first time that a request reaches the store", () => {
    const endings = new TestEndings();
    const { request, session } = arrived(endings);
    endings.revoke("ada", undefined, undefined);
    endings.reached(request);
    assertEquals(isStale(endings, "ada", session), true);
  });

  it("spare an id and a request", () => {
    const endings = new TestEndings();
    const { request, session } = arrived(endings);
    endings.revoke("ada", "spared", undefined);
    assertEquals([
      isStale(endings, "ada", session, "spared"),
      isStale(endings, "ada", session),
    ], [false, true]);
    // Each of them counts: the second one does not lift the first.
    endings.revoke("ada", undefined, request);
    const stale = ["a", "spared"].map((sid) => isStale(endings, "ada", session, sid));
    assertEquals(stale, [true, false]);
    const others = new TestEndings();
    const arrival = arrived(others);
    others.revoke("ada", undefined, arrival.request);
    assertEquals(isStale(others, "ada", arrival.session), false);
  });

  it("take plain data for new", () => {
    const endings = new TestEndings();
    endings.revoke("ada", undefined, undefined);
    assertEquals(isStale(endings, "ada", sessionOf()), false);
    for (const request of [undefined, null, 5, "request"]) endings.reached(request);
  });

  it("are forgotten after ten minutes", () => {
    const endings = new TestEndings();
    const { session } = arrived(endings);
    endings.revoke("ada", undefined, undefined);
    endings.time = 10 * MINUTE;
    assertEquals(isStale(endings, "ada", session), true);
    endings.time++;
    assertEquals(isStale(endings, "ada", session), false);
  });

  it("of more than 10,000 users: those revoked stay so, and hardly anybody else is kept out", () => {
    const endings = new TestEndings();
    const before = arrived(endings);
    const revokeAll = (prefix: string, count: number) => {
      for (let i = 0; i < count; i++) {
        endings.revoke(`${prefix}${i}`, undefined, undefined);
        endings.time++;
      }
    };
    revokeAll("", 10_000);
    const between = arrived(endings);
    assertEquals(isStale(endings, "bob", before.session), false);
    revokeAll("more ", 5_000);
    for (const user of ["0", "4999", "5000", "9999", "more 4999"]) {
      assertEquals(isStale(endings, user, before.session), true, user);
    }
    for (const user of ["0", "9999"]) {
      assertEquals(isStale(endings, user, between.session), false, user);
    }
    const others = Array.from({ length: 1_000 }, (_, i) => `other ${i}`);
    const kept = others.filter((user) => !isStale(endings, user, before.session));
    assert(kept.length > 800, `${kept.length} of 1,000 come through`);
    // Whoever was revoked again is stopped by both, even if the second one spares the request.
    endings.revoke("0", undefined, before.request);
    assertEquals(isStale(endings, "0", before.session), true);
    endings.time += 10 * MINUTE;
    endings.revoke("last", undefined, undefined);
    for (const user of ["0", ...others]) {
      assertEquals(isStale(endings, user, before.session), false, user);
    }
  });

  it("cost no more once thousands have been put into buckets, or are too old", () => {
    for (const step of [0, 100]) {
      let time = 0;
      const create = () => new Endings(() => time += step);
      const thousand = (endings: Endings) => {
        const start = performance.now();
        for (let i = 0; i < 1_000; i++) endings.destroy(`session ${time++}`, false);
        return performance.now() - start;
      };
      const old = create();
      for (let i = 0; i < 25; i++) thousand(old);
      // By turns, and the least of each: what else the machine does only adds to it.
      const costs = Array.from({ length: 10 }, () => [thousand(create()), thousand(old)]);
      const [early, late] = [0, 1].map((which) => Math.min(...costs.map((both) => both[which])));
      assert(late < 5 * early, `the latest take ${late / early} times as long`);
    }
  });

  it("of a hundred times one user: the oldest spare nothing, and the others what they spared", () => {
    const endings = new TestEndings();
    const { session } = arrived(endings);
    for (let i = 0; i < 150; i++) endings.revoke("ada", `${i}`, undefined);
    assertEquals(isStale(endings, "ada", session, "149"), true, "the others stop it");
    const only = new TestEndings();
    const arrival = arrived(only);
    only.revoke("ada", "spared", undefined);
    assertEquals(isStale(only, "ada", arrival.session, "spared"), false);
  });

  it("of a session: what was there before has ended, for ten minutes", () => {
    for (const isKept of [false, true]) {
      const endings = new TestEndings();
      const before = endings.epoch;
      endings.destroy("a", isKept);
      const after = endings.epoch;
      const ended = () =>
        [["a", before], ["b", before], ["a", after]].map(([sid, epoch]) =>
          endings.hasEnded(sid as string, epoch as number)
        );
      assertEquals(ended(), [true, false, false]);
      endings.time += 10 * MINUTE;
      assertEquals(ended(), [true, false, false]);
      endings.time++;
      assertEquals(ended(), [false, false, false]);
    }
  });

  it("of more than 10,000 sessions that had left: none of them is forgotten", () => {
    const endings = new TestEndings();
    const before = endings.epoch;
    for (let i = 0; i < 15_000; i++) endings.destroy(`${i}`, false);
    for (let i = 0; i < 15_000; i += 99) assertEquals(endings.hasEnded(`${i}`, before), true);
    const others = Array.from({ length: 1_000 }, (_, i) => `other ${i}`);
    const ended = others.filter((sid) => endings.hasEnded(sid, before));
    assert(ended.length < 200, `${ended.length} of 1,000 have ended too`);
    // Nobody depends on the log for those that were there.
    const present = new TestEndings();
    for (let i = 0; i < 15_000; i++) present.destroy(`${i}`, true);
    assertEquals(others.filter((sid) => present.hasEnded(sid, 0)), []);
  });

  it("of all sessions: what was there before has ended, at any time", () => {
    const endings = new TestEndings();
    endings.destroy("a", false);
    const before = endings.epoch;
    endings.clear();
    endings.time += 60 * MINUTE;
    assertEquals([endings.hasEnded("b", before), endings.hasEnded("b", endings.epoch)], [
      true,
      false,
    ]);
  });
});
