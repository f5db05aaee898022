import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import session from "express-session";
import lembro from "express-lembro";

describe("expiry", () => {
  it("ticks", async () => {
    using time = new FakeTime();
    using store = new (lembro(session))({ ttl: 1000 });
    await store.set("a", { cookie: new session.Cookie() });
    assertEquals(await store.length(), 1);
    time.tick(1000);
    assertEquals(await store.length(), 0);
  });
});
