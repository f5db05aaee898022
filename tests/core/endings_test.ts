import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Revocations } from "../../src/core/overlaps/endings.ts";
import { MINUTE } from "../support/clock.ts";
import { session, sessionOf } from "../support/setup.ts";

const { Session } = session as unknown as {
  Session: new (req: object) => ReturnType<typeof sessionOf>;
};

/** Revocations with a clock that the test sets. */
class TestRevocations extends Revocations {
  time = 0;

  constructor() {
    super(() => this.time);
  }
}

/** A request that has reached the store, and its session. */
function arrived(revocations: Revocations) {
  const request = { sessionID: "a" };
  revocations.reached(request);
  return { request, session: new Session(request) };
}

/** Whether a sign-in of `user` is stale that began with `session`. */
const isStale = (revocations: Revocations, user: string, session: object, sid = "a") =>
  revocations.isStale(user, sid, session as never, undefined, true);

describe("Revocations", () => {
  it("know which requests began before a revocation, by user", () => {
    const revocations = new TestRevocations();
    const before = arrived(revocations);
    revocations.revoke("ada", undefined, undefined);
    const after = arrived(revocations);
    revocations.revoke("eve", undefined, undefined);
    const stale = (user: string) =>
      [before, after].map(({ session }) => isStale(revocations, user, session));
    assertEquals(stale("ada"), [true, false]);
    assertEquals(stale("eve"), [true, true]);
    assertEquals(stale("bob"), [false, false]);
  });

  it("count the first time that a request reaches the store", () => {
    const revocations = new TestRevocations();
    const { request, session } = arrived(revocations);
    revocations.revoke("ada", undefined, undefined);
    revocations.reached(request);
    assertEquals(isStale(revocations, "ada", session), true);
  });

  it("spare an id and a request", () => {
    const revocations = new TestRevocations();
    const { request, session } = arrived(revocations);
    revocations.revoke("ada", "spared", undefined);
    assertEquals([
      isStale(revocations, "ada", session, "spared"),
      isStale(revocations, "ada", session),
    ], [false, true]);
    // Each of them counts: the second one does not lift the first.
    revocations.revoke("ada", undefined, request);
    const stale = ["a", "spared"].map((sid) => isStale(revocations, "ada", session, sid));
    assertEquals(stale, [true, false]);
    const others = new TestRevocations();
    const arrival = arrived(others);
    others.revoke("ada", undefined, arrival.request);
    assertEquals(isStale(others, "ada", arrival.session), false);
  });

  it("take plain data for new", () => {
    const revocations = new TestRevocations();
    revocations.revoke("ada", undefined, undefined);
    assertEquals(isStale(revocations, "ada", sessionOf()), false);
    for (const request of [undefined, null, 5, "request"]) revocations.reached(request);
  });

  it("are forgotten after ten minutes", () => {
    const revocations = new TestRevocations();
    const { session } = arrived(revocations);
    revocations.revoke("ada", undefined, undefined);
    revocations.time = 10 * MINUTE;
    assertEquals(isStale(revocations, "ada", session), true);
    revocations.time++;
    assertEquals(isStale(revocations, "ada", session), false);
  });

  it("of more than 10,000 users become one: sign-ins from before the oldest are stale, others not", () => {
    const revocations = new TestRevocations();
    const before = arrived(revocations);
    const revokeAll = (prefix: string, count: number) => {
      for (let i = 0; i < count; i++) {
        revocations.revoke(`${prefix}${i}`, undefined, undefined);
        revocations.time++;
      }
    };
    revokeAll("", 10_000);
    const between = arrived(revocations);
    assertEquals(isStale(revocations, "bob", before.session), false);
    revokeAll("more ", 5_000);
    for (const user of ["0", "4999", "5000", "9999", "more 4999", "bob"]) {
      assertEquals(isStale(revocations, user, before.session), true, user);
    }
    for (const user of ["0", "9999", "bob"]) {
      assertEquals(isStale(revocations, user, between.session), false, user);
    }
    // A save that is no sign-in: that session is still there, so nobody has revoked its user.
    assertEquals(revocations.isStale("bob", "a", before.session, undefined, false), false);
    revocations.time += 10 * MINUTE;
    revocations.revoke("last", undefined, undefined);
    assertEquals(isStale(revocations, "bob", before.session), false);
  });
});
