/**
 * What compiles, and what does not: `deno check` proves it. Each `@ts-expect-error`
 * is an error of its own if the line below it compiles.
 */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
// @ts-types="npm:@types/express@^5.0.0"
import express from "express";
// @ts-types="npm:@types/express-session@^1.18.0"
import session, { type SessionData } from "express-session";
import lembro, {
  lembro as named,
  type LembroEvents,
  type LembroOptions,
  type LembroStats,
  type LembroStore,
  type Rank,
  type SessionInfo,
} from "express-lembro";

declare module "express-session" {
  interface SessionData {
    /** Of this test alone. */
    theme?: "light" | "dark";
  }
}

/** Whether two types are the same. */
type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends (<T>() => T extends Other ? 1 : 2)
  ? true
  : false;

/** Compiles only for the type `true`. */
function proves<_Proof extends true>(): void {}

const Lembro = lembro(session);

describe("the types", () => {
  it("take code that was written for MemoryStore", async () => {
    const script = (store: session.MemoryStore | InstanceType<typeof Lembro>) =>
      new Promise<string>((resolve) => {
        store.set("a", { cookie: new session.Cookie() }, (err) => {
          if (err) return resolve(err.message);
          store.get("a", (err, found) => {
            if (err) return resolve(err.stack);
            store.touch("a", found!, () => {
              store.destroy("a", (err) => resolve(err?.message ?? "done"));
            });
          });
        });
      });
    using store = new Lembro();
    assertEquals([await script(new session.MemoryStore()), await script(store)], ["done", "done"]);
  });

  it("fit where express-session takes a store", () => {
    using store = new Lembro();
    const app = express();
    app.use(session({ store, secret: "s", resave: false, saveUninitialized: false }));
    const asStore: session.Store = store;
    // What people write is the instance, and fits there as well.
    const asLembro: LembroStore = store;
    app.use(session({ store: asLembro, secret: "s", resave: false, saveUninitialized: false }));
    asLembro.on("evict", (sid, _session, rank) => [sid.length, rank]);
    asLembro.on("disconnect", () => {});
    assertEquals(asStore as unknown, asLembro);
  });

  it("return a promise without a callback, and nothing with one", async () => {
    using store = new Lembro();
    const data = { cookie: new session.Cookie() };
    const maybe = undefined as ((error?: unknown) => void) | undefined;
    const answers = {
      get: store.get("a"),
      set: store.set("a", data),
      touch: store.touch("a", data),
      destroy: store.destroy("a"),
      update: store.update("a", () => {}),
      info: store.info("a"),
      sessionsOfUser: store.sessionsOfUser("ada"),
      updateUser: store.updateUser("ada", (session) => void (session.theme = "dark")),
      revokeUser: store.revokeUser("ada", { except: "a" }),
      all: store.all(),
      length: store.length(),
      ids: store.ids(),
      clear: store.clear(),
    };
    proves<Same<typeof answers.get, Promise<SessionData | undefined>>>();
    proves<Same<typeof answers.set, Promise<void>>>();
    proves<Same<typeof answers.update, Promise<SessionData | undefined>>>();
    proves<Same<typeof answers.info, Promise<SessionInfo | undefined>>>();
    proves<Same<typeof answers.sessionsOfUser, Promise<SessionInfo[]>>>();
    proves<Same<typeof answers.updateUser, Promise<number>>>();
    proves<Same<typeof answers.revokeUser, Promise<number>>>();
    proves<Same<typeof answers.all, Promise<Record<string, SessionData>>>>();
    proves<Same<typeof answers.length, Promise<number>>>();
    proves<Same<typeof answers.ids, Promise<string[]>>>();
    await Promise.all(Object.values(answers));
    const touched = store.touch("a", data, maybe);
    proves<Same<typeof touched, Promise<void> | void>>();
    const called = store.set("a", data, () => {});
    proves<Same<typeof called, void>>();
    assertEquals(called, undefined);
  });

  it("know the app's own SessionData in update, info and events", async () => {
    using store = new Lembro();
    store.on("destroy", (_sid, session) => {
      const theme: "light" | "dark" | undefined = session?.theme;
      return theme;
    });
    await store.set("a", { cookie: new session.Cookie(), theme: "light" });
    const kept = await store.update("a", (session) => {
      session.theme = "dark";
      // @ts-expect-error: SessionData has no such key.
      void session.colour;
    });
    proves<Same<NonNullable<typeof kept>["theme"], "light" | "dark" | undefined>>();
    assertEquals((await store.info("a"))?.session.theme, "dark");
  });

  it("know the arguments of each event", () => {
    using store = new Lembro();
    store.on("evict", (sid, kept, rank) => {
      proves<Same<typeof sid, string>>();
      proves<Same<typeof rank, Rank>>();
      proves<Same<typeof kept, SessionData | undefined>>();
      return [sid, rank, kept];
    });
    store.once("late", (sid) => {
      proves<Same<typeof sid, string>>();
      return sid;
    });
    store.on("reduce", ({ before, after, evicted }) => before - after + evicted);
    store.on("clear", () => {});
    proves<Same<LembroEvents["purge"], [result: { expired: number }]>>();
    assertEquals(store.listenerCount("evict"), 1);
  });

  it("take a Store of whatever kind, and promise events only where it has them", () => {
    class Store {
      name = "plain";
    }
    using plain = new (lembro({ Store }))();
    using nested = new (lembro({ session: { Store } }))();
    assertEquals([plain.name, nested.name], ["plain", "plain"]);
    // @ts-expect-error: it is no EventEmitter.
    void plain.on;
    // @ts-expect-error: there is no Store class.
    void (() => lembro({}));
    // @ts-expect-error: there is no Store class.
    void (() => lembro("express-session"));
  });

  it("name every option", () => {
    const options: LembroOptions = {
      interval: 60_000,
      maxSize: "16M",
      ttl: (session, sid) => session.theme === "dark" ? sid.length : 60_000,
      idleTimeout: 60_000,
      absoluteTimeout: Infinity,
      isActivity: ({ path, ip }) => path !== "/poll" && ip !== undefined,
      user: (session) => session.theme ?? null,
      maxSessionsPerUser: 5,
      protect: (session) => session.theme !== undefined,
      serializer: JSON,
    };
    using store = new Lembro(options);
    using other = new Lembro(options, () => {});
    using third = new Lembro(() => {});
    proves<Same<typeof store.options.maxSize, number>>();
    // @ts-expect-error: the options in force can't be changed.
    void (() => store.options.maxSize = 5);
    // @ts-expect-error: there is no such option.
    void (() => new Lembro({ max: 5 }));
    // @ts-expect-error: a promise is no user.
    void (() => new Lembro({ user: () => Promise.resolve("ada") }));
    // @ts-expect-error: a promise is no duration.
    void (() => new Lembro({ ttl: () => Promise.resolve(5) }));
    assertEquals([other.options.maxSize, third.options.maxSize], [16 * 2 ** 20, 4 * 2 ** 20]);
  });

  it("take a request of Express for revoke", () => {
    using store = new Lembro();
    const handler: express.RequestHandler = async (request, response) => {
      response.json(await store.revokeUser("ada", { except: request }));
    };
    // @ts-expect-error: a user is a string, a number or a bigint.
    void (() => store.revokeUser(null));
    // @ts-expect-error: there is no such option.
    void (() => store.revokeUser("ada", { only: "a" }));
    assertEquals(handler.length, 2);
  });

  it("are the same by the named export, and let the class be extended", () => {
    assertEquals(named === lembro, true);
    class Ours extends Lembro {
      get share(): number {
        const { bytes, maxSize }: LembroStats = this.stats();
        return bytes / maxSize;
      }
    }
    using store = new Ours();
    assertEquals(store.share, 0);
  });
});
