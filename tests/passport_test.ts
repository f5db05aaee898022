import { assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
// @ts-types="npm:@types/passport@^1.0.0"
import passport from "passport";
// @ts-types="npm:@types/passport-local@^1.0.0"
import { Strategy } from "passport-local";
import { type Kept, Site } from "./support/http.ts";
import type { session } from "./support/setup.ts";

/** An app that Passport guards: a password equal to the name is right. */
function guardedSite(options: Partial<session.SessionOptions>) {
  const site = new Site(options);
  const guard = new passport.Passport();
  guard.use(
    new Strategy((name, password, done) => done(null, name === password ? { name } : false)),
  );
  guard.serializeUser((user, done) => done(null, (user as { name: string }).name));
  guard.deserializeUser((name, done) => done(null, { name }));
  site.app.use(guard.authenticate("session"));
  site.app.get("/sign-in", guard.authenticate("local"), (_request, response) => {
    response.json("signed in");
  });
  site.on(
    "/sign-out",
    (_kept, request) =>
      new Promise<void>((resolve, reject) =>
        request.logout((error) => error ? reject(error) : resolve())
      ),
  );
  site.on("/who", (_kept, { user }) => (user as { name: string } | undefined)?.name);
  site.on("/visit", (kept) => kept.visits = Number(kept.visits ?? 0) + 1);
  const started = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  site.on("/slow", async (kept) => {
    started.resolve();
    await go.promise;
    (kept as Kept).slow = true;
    return "slow";
  });
  return { site, started: started.promise, go: () => go.resolve() };
}

for (const resave of [false, true]) {
  describe(`Passport, with resave: ${resave}`, () => {
    it("signs in, which protects the session, and out, which ends that", async () => {
      const { site } = guardedSite({ resave });
      await using _ = site;
      const ada = await site.visitor();
      await ada.get("/visit");
      assertEquals(site.store.stats().protected, 0);
      await ada.get("/sign-in?username=Ada&password=Ada");
      assertEquals(await ada.get("/who"), "Ada");
      assertEquals(site.store.stats().protected, 1);
      assertEquals(await ada.get("/visit"), 1, "the session is another one");
      assertEquals(await site.store.length(), 1);
      await ada.get("/sign-out");
      assertEquals(await ada.get("/who"), null);
      assertEquals(site.store.stats().protected, 0);
    });

    it("signs nobody in with a wrong password", async () => {
      const { site } = guardedSite({ resave });
      await using _ = site;
      const eve = await site.visitor();
      await eve.get("/visit");
      await eve.get("/sign-in?username=Ada&password=Eve").catch(() => {});
      assertEquals(await eve.get("/who"), null);
      assertEquals(site.store.stats().protected, 0);
    });

    it("a logout during a slow request sticks", async () => {
      const { site, started, go } = guardedSite({ resave });
      await using _ = site;
      const ada = await site.visitor();
      await ada.get("/sign-in?username=Ada&password=Ada");
      const tab = ada.tab();
      const slow = tab.get("/slow");
      await started;
      await ada.get("/sign-out");
      go();
      assertEquals(await slow, "slow");
      assertEquals(await tab.get("/who"), null);
      assertEquals(await ada.get("/who"), null);
      assertEquals(site.store.stats().protected, 0);
      assertEquals(site.store.stats().lateWrites, 1);
    });

    it("a login during a slow request makes a session that the slow one can't change", async () => {
      const { site, started, go } = guardedSite({ resave });
      await using _ = site;
      const ada = await site.visitor();
      await ada.get("/visit");
      const tab = ada.tab();
      const slow = tab.get("/slow");
      await started;
      await ada.get("/sign-in?username=Ada&password=Ada");
      assertNotEquals(ada.cookie, tab.cookie);
      go();
      assertEquals(await slow, "slow");
      assertEquals(await tab.get("/who"), null);
      assertEquals(await ada.get("/who"), "Ada");
      assertEquals(await site.store.length(), 1);
    });
  });
}
