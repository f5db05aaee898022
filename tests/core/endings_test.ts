import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Revocations } from "../../src/core/overlaps/endings.ts";
import { MINUTE } from "../support/clock.ts";
import { session, sessionOf } from "../support/setup.ts";

const { Session } = session as unknown as {
  Session: new (req: object) => ReturnType<typeof sessionOf>;
};

/** A request that has reached the store, and its session. */
function arrived(revocations: Revocations) {
  const request = { sessionID: "a" };
  revocations.reached(request);
  return { request, session: new Session(request) };
}

/** Whether a sign-in of `user` is stale that began with `session`. */
const isStale = (revocations: Revocations, user: string, session: object, sid = "a", now = 0) =>
  revocations.isStale(user, sid, session as never, undefined, true, now);

describe("Revocations", () => {
  it("know which requests began before a revocation, by user", () => {
    const revocations = new Revocations();
    const before = arrived(revocations);
    revocations.revoke("ada", undefined, undefined, 0);
    const after = arrived(revocations);
    revocations.revoke("eve", undefined, undefined, 0);
    const stale = (user: string) =>
      [before, after].map(({ session }) => isStale(revocations, user, session));
    assertEquals(stale("ada"), [true, false]);
    assertEquals(stale("eve"), [true, true]);
    assertEquals(stale("bob"), [false, false]);
  });

  it("count the first time that a request reaches the store", () => {
    const revocations = new Revocations();
    const { request, session } = arrived(revocations);
    revocations.revoke("ada", undefined, undefined, 0);
    revocations.reached(request);
    assertEquals(isStale(revocations, "ada", session), true);
  });

  it("spare an id and a request", () => {
    const revocations = new Revocations();
    const { request, session } = arrived(revocations);
    revocations.revoke("ada", "spared", undefined, 0);
    assertEquals([
      isStale(revocations, "ada", session, "spared"),
      isStale(revocations, "ada", session),
    ], [false, true]);
    // Each of them counts: the second one does not lift the first.
    revocations.revoke("ada", undefined, request, 0);
    const stale = ["a", "spared"].map((sid) => isStale(revocations, "ada", session, sid));
    assertEquals(stale, [true, false]);
    const others = new Revocations();
    const arrival = arrived(others);
    others.revoke("ada", undefined, arrival.request, 0);
    assertEquals(isStale(others, "ada", arrival.session), false);
  });

  it("take plain data for new", () => {
    const revocations = new Revocations();
    revocations.revoke("ada", undefined, undefined, 0);
    assertEquals(isStale(revocations, "ada", sessionOf()), false);
    for (const request of [undefined, null, 5, "request"]) revocations.reached(request);
  });

  it("are forgotten after ten minutes", () => {
    const revocations = new Revocations();
    const { session } = arrived(revocations);
    revocations.revoke("ada", undefined, undefined, 0);
    assertEquals(isStale(revocations, "ada", session, "a", 10 * MINUTE), true);
    assertEquals(isStale(revocations, "ada", session, "a", 10 * MINUTE + 1), false);
  });

  it("of more than 10,000 users become one: sign-ins from before the oldest are stale, others not", () => {
    const revocations = new Revocations();
    const before = arrived(revocations);
    for (let i = 0; i < 10_000; i++) revocations.revoke(`${i}`, undefined, undefined, i);
    const between = arrived(revocations);
    assertEquals(isStale(revocations, "bob", before.session), false);
    for (let i = 0; i < 5_000; i++) {
      revocations.revoke(`more ${i}`, undefined, undefined, 10_000 + i);
    }
    for (const user of ["0", "4999", "5000", "9999", "more 4999", "bob"]) {
      assertEquals(isStale(revocations, user, before.session), true, user);
    }
    for (const user of ["0", "9999", "bob"]) {
      assertEquals(isStale(revocations, user, between.session), false, user);
    }
    // A save that is no sign-in: that session is still there, so nobody has revoked its user.
    assertEquals(revocations.isStale("bob", "a", before.session, undefined, false, 0), false);
    const later = 15_000 + 10 * MINUTE;
    revocations.revoke("last", undefined, undefined, later);
    assertEquals(isStale(revocations, "bob", before.session, "a", later), false);
  });
});
