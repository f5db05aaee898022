/** "Sign out everywhere" over real Express: the three ways in which it usually fails. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inMemory } from "./support/engines.ts";
import { type Kept, type Request, Site, type Visitor } from "./support/http.ts";
import { called, Lembro, sessionOfSize } from "./support/setup.ts";

/** For what only a store in memory promises. */
const test = inMemory(it);

/** An app where Ada signs in by her password, and changes it. */
function bank(options: { resave: boolean; isRegenerating?: boolean }, lembro = {}) {
  const { resave, isRegenerating = false } = options;
  const site = new Site({ resave }, new Lembro(lembro));
  let password = "old";
  const changed: (number | undefined)[] = [];

  async function signIn(request: Request, wait?: Promise<void>) {
    const isRight = request.query.password === password;
    await wait;
    if (!isRight) return "wrong password";
    if (request.query.regenerate) await called((done) => request.session.regenerate(done));
    (request.session as Kept).passport = { user: "ada" };
    return "welcome";
  }
  const go = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  site.on("/sign-in", (_kept, request) => signIn(request));
  // It has checked the password, and takes its time before it signs in.
  site.on("/slow-sign-in", (_kept, request) => {
    started.resolve();
    return signIn(request, go.promise);
  });
  site.on("/password", async (kept, request) => {
    const { user } = kept.passport as { user: string };
    password = "new";
    changed.push(await site.store.revokeUser(user, { except: request as never }));
    if (isRegenerating) {
      await called((done) => request.session.regenerate(done));
      (request.session as Kept).passport = { user };
    }
    return "changed";
  });
  site.on("/who", (kept) => (kept.passport as { user?: string } | undefined)?.user);
  site.on("/visit", (kept) => kept.visits = Number(kept.visits ?? 0) + 1);
  const pages = {
    read: site.slow("/slow-read"),
    write: site.slow("/slow-write", (kept) => kept.page = 1),
  };
  return { site, changed, pages, signIn: { started: started.promise, go: () => go.resolve() } };
}

const isSignedIn = (visitor: Visitor) => visitor.get("/who").then((user) => user === "ada");

for (const resave of [false, true]) {
  for (const isRegenerating of [false, true]) {
    const how = isRegenerating ? "and regenerates its session" : "and keeps its session";
    describe(`a password change that revokes all but its own request ${how}, with resave: ${resave}`, () => {
      it("signs two other devices out, with requests of theirs under way", async () => {
        const { site, changed, pages } = bank({ resave, isRegenerating });
        await using _ = site;
        const [phone, laptop, tablet, eve] = await Promise.all(
          Array.from({ length: 4 }, () => site.visitor()),
        );
        for (const device of [phone, laptop, tablet]) await device.get("/sign-in?password=old");
        await eve.get("/visit");
        const slow = [laptop.tab().get("/slow-write"), tablet.tab().get("/slow-read")];
        await Promise.all([pages.write.started, pages.read.started]);
        assertEquals(await phone.get("/password"), "changed");
        pages.write.go();
        pages.read.go();
        assertEquals(await Promise.all(slow), [1, "slow"], "they still get an answer");
        assertEquals(await isSignedIn(phone), true);
        assertEquals([await isSignedIn(laptop), await isSignedIn(tablet)], [false, false]);
        assertEquals(await eve.get("/visit"), 2, "another visitor is untouched");
        assertEquals(changed, [2]);
        assertEquals((await site.store.sessionsOfUser("ada")).length, 1);
      });

      for (const query of ["", "&regenerate=1"]) {
        for (const isKnown of [false, true]) {
          const visitor = isKnown ? "a visitor with a session" : "a new visitor";
          it(`stops a sign-in of ${visitor} under way${query && " that regenerates"}`, async () => {
            const { site, signIn } = bank({ resave, isRegenerating });
            await using _ = site;
            const [ada, thief] = [await site.visitor(), await site.visitor()];
            await ada.get("/sign-in?password=old");
            if (isKnown) await thief.get("/visit");
            const slow = thief.get(`/slow-sign-in?password=old${query}`);
            await signIn.started;
            await ada.get("/password");
            signIn.go();
            assertEquals(await slow, "welcome");
            assertEquals([await isSignedIn(ada), await isSignedIn(thief)], [true, false]);
            assertEquals((await site.store.sessionsOfUser("ada")).length, 1);
            assertEquals(site.store.stats().lateWrites, 1);
          });
        }
      }

      it("lets Ada sign in again with the new password, on a device that was signed out too", async () => {
        const { site } = bank({ resave, isRegenerating });
        await using _ = site;
        const [ada, phone] = [await site.visitor(), await site.visitor()];
        await ada.get("/sign-in?password=old");
        await phone.get("/sign-in?password=old");
        await ada.get("/password");
        assertEquals(await phone.get("/sign-in?password=old"), "wrong password");
        assertEquals(await phone.get("/sign-in?password=new"), "welcome");
        assertEquals([await isSignedIn(ada), await isSignedIn(phone)], [true, true]);
        assertEquals(site.store.stats().lateWrites, 0);
      });

      it("keeps what its own session has, for the requests that follow", async () => {
        const { site } = bank({ resave, isRegenerating });
        await using _ = site;
        const ada = await site.visitor();
        await ada.get("/sign-in?password=old");
        const before = ada.cookie;
        await ada.get("/password");
        if (isRegenerating) assertNotEquals(ada.cookie, before);
        else assertEquals(ada.cookie, before);
        for (let visit = 1; visit <= 3; visit++) assertEquals(await ada.get("/visit"), visit);
        assertEquals(await isSignedIn(ada), true);
      });

      test("signs out a session that was evicted while its request was under way", async () => {
        const { site, pages } = bank({ resave, isRegenerating }, { maxSize: "16K" });
        await using _ = site;
        const [ada, phone] = [await site.visitor(), await site.visitor()];
        await phone.get("/sign-in?password=old");
        const slow = phone.tab().get("/slow-write");
        await pages.write.started;
        const [sid] = await site.store.ids();
        await ada.get("/sign-in?password=old");
        for (let i = 0; await site.store.info(sid); i++) {
          assert(i < 10);
          const passport = { user: `user ${i}` };
          await site.store.set(`${i}`, sessionOfSize(2_048, { passport }));
          await ada.get("/who");
        }
        await ada.get("/password");
        pages.write.go();
        assertEquals(await slow, 1);
        assertEquals([await isSignedIn(ada), await isSignedIn(phone)], [true, false]);
      });
    });
  }
}

for (const resave of [false, true]) {
  describe(`one login only: maxSessionsPerUser is 1, with resave: ${resave}`, () => {
    it("the newest sign-in ends the one before, for good", async () => {
      const { site, pages } = bank({ resave }, { maxSessionsPerUser: 1 });
      await using _ = site;
      const [phone, laptop] = [await site.visitor(), await site.visitor()];
      await phone.get("/sign-in?password=old");
      const slow = phone.tab().get("/slow-write");
      await pages.write.started;
      await laptop.get("/sign-in?password=old&regenerate=1");
      pages.write.go();
      await slow;
      assertEquals([await isSignedIn(phone), await isSignedIn(laptop)], [false, true]);
      assertEquals(site.store.stats().revoked, 1);
    });
  });
}
