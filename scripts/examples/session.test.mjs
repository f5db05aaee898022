// A test of what an app does when a session ends, under a clock that it holds.
import assert from "node:assert/strict";
import { test } from "node:test";
import session from "express-session";
import lembro from "express-lembro";

test("a session ends after an hour", async ({ mock }) => {
  mock.timers.enable({ apis: ["Date"] });
  const Lembro = lembro(session);
  const store = new Lembro({ ttl: 3_600_000 });
  await store.set("a", { cookie: new session.Cookie() });
  mock.timers.tick(3_599_999);
  assert.ok(await store.get("a"));
  mock.timers.tick(1);
  assert.equal(await store.get("a"), undefined);
});
