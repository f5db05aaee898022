/** What will be kept after a call, without a store around it. */
import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Drafts, type Save } from "../../src/core/drafts.ts";
import { BaseVersions } from "../../src/core/overlaps/base_version.ts";
import { Endings } from "../../src/core/overlaps/endings.ts";
import type { Entry } from "../../src/core/vault/entry.ts";
import { type Draft, Vault } from "../../src/core/vault/vault.ts";
import { type LembroOptions, resolveOptions } from "../../src/options.ts";
import { type SessionData, sessionOf } from "../support/setup.ts";

/** Every session here is kept at this time, with `ttl` so long after it. */
const [MADE, TTL] = [1_000, 500];

/** A session that is kept, and what a request has loaded of it, which it saves `at` some time. */
class Scene {
  readonly drafts: Drafts;
  readonly vault = new Vault(1e6, () => this.at, () => {});
  readonly #bases = new BaseVersions(new Endings(() => 0));
  at = MADE;

  constructor(options: LembroOptions = {}) {
    this.drafts = new Drafts(resolveOptions({ ttl: TTL, ...options }));
  }

  save(session: SessionData, more: Partial<Save> = {}): Draft | "nothing" | "destroy" {
    const [sid, base] = ["a", this.#bases.of(session, "a")];
    const kept = this.vault.find(sid, this.at);
    const none = { mine: undefined, isUpdate: false, isPassive: false };
    return this.drafts.ofSave({ sid, session, base, kept, ...none, ...more }, this.at);
  }

  touch(kept: Entry, session: SessionData): Draft | "destroy" {
    const base = this.#bases.of(session, "a");
    return this.drafts.ofTouch(kept, session, base, session.cookie, this.at);
  }

  /** Keeps a session, and returns a copy that counts as loaded. */
  kept(session: SessionData): [Entry, SessionData] {
    const entry = this.vault.put(this.save(session) as Draft);
    const loaded = structuredClone(session);
    this.#bases.loaded(loaded, entry);
    return [entry, loaded];
  }
}

const endOf = (draft: Draft | string) => typeof draft === "string" ? draft : draft.record.expires;

const dated = (expires: number) => sessionOf({}, { expires: new Date(expires) });

describe("Drafts: a save", () => {
  it("of a new session lives for ttl, and is protected if it has a user", () => {
    const { as, created, lastUsed, user, isProtected, record, identity } = new Scene({
      user: () => "ada",
    }).save(sessionOf({}, {})) as Draft;
    assertEquals([as, created, lastUsed, user, isProtected], ["save", MADE, MADE, "ada", true]);
    assertEquals([record.expires, identity], [MADE + TTL, undefined]);
  });

  it("keeps the creation of the session, and extends its life", () => {
    const scene = new Scene({ absoluteTimeout: 700 });
    const [, loaded] = scene.kept(sessionOf({}, {}));
    scene.at += 100;
    const { created, lastUsed, record } = scene.save(loaded) as Draft;
    assertEquals([created, lastUsed, record.expires], [MADE, MADE + 100, MADE + 600]);
    scene.at += 200;
    assertEquals(endOf(scene.save(loaded)), MADE + 700, "the creation bounds it");
  });

  for (
    const [who, more] of [
      ["an update", { isUpdate: true }],
      ["a request that is no activity", { isPassive: true }],
    ] as const
  ) {
    it(`by ${who} leaves the session in its place, and its life as it is`, () => {
      const scene = new Scene();
      const [, loaded] = scene.kept(sessionOf({}, {}));
      scene.at += 100;
      const draft = scene.save(loaded, more) as Draft;
      assertEquals([draft.as, draft.record.expires], ["update", MADE + TTL]);
    });
  }

  it("destroys by a date that the request has put into the past, but not by one that it left", () => {
    const scene = new Scene();
    const [entry, loaded] = scene.kept(dated(MADE + 50));
    scene.vault.put({ ...scene.save(dated(MADE + 900)) as Draft, as: "touch" });
    scene.at += 100;
    assertEquals(endOf(scene.save(loaded)), entry.expires, "it has moved on meanwhile");
    const set = structuredClone(loaded);
    set.cookie.expires = new Date(MADE + 60);
    assertEquals(scene.save(set), "destroy");
    loaded.cookie.expires = new Date(MADE + 60);
    assertEquals(scene.save(loaded), "destroy");
    assertEquals(endOf(scene.save(loaded, { isPassive: true })), entry.expires);
  });

  it("of what has ended meanwhile keeps nothing if its date has passed, or if it is no activity", () => {
    const scene = new Scene();
    const [, loaded] = scene.kept(dated(MADE + 50));
    scene.at += 100;
    assertEquals(scene.vault.find("a", scene.at), undefined);
    assertEquals(scene.save(loaded), "nothing");
    loaded.cookie.expires = new Date(MADE + 900);
    assertEquals(scene.save(loaded, { isPassive: true }), "nothing");
    assertEquals(endOf(scene.save(loaded)), MADE + 900, "another date brings it back");
  });

  it("of an evicted session by a request that is no activity ends when it was to end", () => {
    const scene = new Scene();
    const [entry, loaded] = scene.kept(sessionOf({}, {}));
    scene.vault.remove(entry, "evict");
    scene.at += 100;
    const draft = scene.save(loaded, { isPassive: true }) as Draft;
    assertEquals([draft.as, draft.created, draft.record.expires], ["save", MADE, MADE + TTL]);
  });

  it("destroys at the end of absoluteTimeout, even if that was longer before", () => {
    let most = 1_000;
    const scene = new Scene({ absoluteTimeout: () => most });
    const [, loaded] = scene.kept(sessionOf({}, {}));
    scene.at += 100;
    most = 100;
    assertEquals(scene.save(loaded), "destroy");
  });

  it("of a new session whose date has passed is a draft that has expired", () => {
    assertEquals(endOf(new Scene().save(dated(MADE - 1))), MADE - 1);
  });

  it("changes nothing if one of the functions throws", () => {
    const scene = new Scene({
      protect() {
        throw new TypeError("mine");
      },
    });
    assertThrows(() => scene.save(sessionOf({}, {})), TypeError, "mine");
    assertEquals(scene.vault.size, 0);
  });
});

describe("Drafts: a touch and a use", () => {
  it("a touch brings its cookie and a new life, and nothing else", () => {
    const scene = new Scene();
    const [entry] = scene.kept(sessionOf({ n: 1 }, { path: "/" }));
    scene.at += 100;
    const cookie = { path: "/in" } as SessionData["cookie"];
    const draft = scene.touch(entry, { cookie });
    const { as, created, record } = draft as Draft;
    assertEquals([as, created, record.expires], ["touch", MADE, MADE + 600]);
    assertEquals(JSON.parse(record.text), { n: 1, cookie });
    const past = { expires: new Date(MADE) } as SessionData["cookie"];
    assertEquals(scene.touch(entry, { cookie: past }), "destroy");
  });

  it("a touch by a date that the request has left, and that has passed, extends nothing", () => {
    const scene = new Scene();
    const [entry, loaded] = scene.kept(dated(MADE + 50));
    scene.vault.put({ ...scene.save(dated(MADE + 900)) as Draft, as: "touch" });
    scene.at += 100;
    const draft = scene.touch(entry, loaded);
    assertEquals(endOf(draft), MADE + 900);
  });

  it("a use extends the life up to the end by ttl, or is none", () => {
    const scene = new Scene({ idleTimeout: 200 });
    const [entry] = scene.kept(sessionOf({}, {}));
    const lives = [0, 100, 400].map((ms) => scene.drafts.ofUse(entry, MADE + ms));
    assertEquals(lives.map((draft) => draft && [draft.as, draft.record.expires]), [
      undefined,
      ["extension", MADE + 300],
      ["extension", MADE + TTL],
    ]);
  });
});
