import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Endings } from "../../src/core/overlaps/endings.ts";
import { BaseVersions, requestOf } from "../../src/core/overlaps/base_version.ts";
import type { Note } from "../../src/util/stamp.ts";
import { entryOf } from "../support/core.ts";
import { session, sessionOf } from "../support/setup.ts";

describe("BaseVersions", () => {
  it("of: knows a loaded session under its own id only", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const loaded = sessionOf();
    bases.loaded(loaded, entryOf("a"), 0);
    assert(bases.of(loaded, "a"));
    assertEquals(bases.of(loaded, "b"), undefined);
    assertEquals(bases.of({ ...loaded }, "a"), undefined, "a copy is plain data");
    assertEquals(
      new BaseVersions(new Endings(() => 0)).of(loaded, "a"),
      undefined,
      "another store knows nothing of it",
    );
  });

  it("leaves no trace on a session that anybody could see", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const loaded = sessionOf({ n: 1 }, {});
    bases.loaded(loaded, entryOf("a"), 0);
    assertEquals(Reflect.ownKeys(loaded), ["cookie", "n"]);
    assertEquals(JSON.stringify(loaded), '{"cookie":{},"n":1}');
    assertEquals(Object.getPrototypeOf(loaded), Object.prototype);
  });

  it("does without a base for a session that is frozen", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const frozen = Object.freeze(sessionOf());
    bases.loaded(frozen, entryOf("a"), 0);
    assertEquals(bases.of(frozen, "a"), undefined);
  });

  it("keeps the latest base in each of several stores", () => {
    const [here, there] = [
      new BaseVersions(new Endings(() => 0)),
      new BaseVersions(new Endings(() => 0)),
    ];
    const loaded = sessionOf();
    const entry = entryOf("a");
    here.loaded(loaded, entry, 0);
    there.loaded(loaded, entryOf("b"), 0);
    for (let i = 0; i < 5; i++) {
      here.loaded(loaded, entry, i);
      there.loaded(loaded, entryOf("c"), i);
    }
    assertEquals([here.find(loaded)?.identity.sid, there.find(loaded)?.identity.sid], ["a", "c"]);
    assertEquals(here.find(loaded)?.epoch, 4);
    let length = 0;
    for (let note: Note | undefined = there.find(loaded); note; note = note.other) length++;
    assertEquals(length, 2, "it does not grow by each save");
  });

  it("copied: gives a Session the base of the data that it was made of", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const [loaded, made] = [sessionOf(), sessionOf()];
    bases.loaded(loaded, entryOf("a"), 0);
    bases.copied(loaded, made);
    assert(bases.of(made, "a") === bases.of(loaded, "a"));
    bases.copied(sessionOf(), sessionOf());
  });

  it("end, and a clear: are over for all that was ever loaded", () => {
    const endings = new Endings(() => 0);
    const bases = new BaseVersions(endings);
    const [a, b] = [entryOf("a"), entryOf("b")];
    const loads = [a, a, b].map((entry) => {
      const loaded = sessionOf();
      bases.loaded(loaded, entry, 0);
      return bases.find(loaded)!;
    });
    const over = () => loads.map((base) => bases.isOver(base));
    assertEquals(over(), [false, false, false]);
    bases.end("a", a);
    assertEquals(over(), [true, true, false]);
    endings.clear();
    assertEquals(over(), [true, true, true]);
    const after = sessionOf();
    bases.loaded(after, entryOf("c"), 0);
    assertEquals(bases.isOver(bases.find(after)!), false);
  });

  it("end: reaches requests of a session that had been evicted", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const [entry, loaded] = [entryOf("a"), sessionOf()];
    bases.loaded(loaded, entry, 0);
    bases.departed(entry);
    bases.end("a", undefined);
    assertEquals(bases.isOver(bases.find(loaded)!), true);
  });

  it("follows: a Session of a request without a past, and no plain data", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const { Session } = session as unknown as {
      Session: new (req: object) => ReturnType<typeof sessionOf>;
    };
    const made = new Session({ sessionID: "a" });
    assertEquals([bases.follows(made), bases.follows(sessionOf())], [true, false]);
    bases.loaded(made, entryOf("a"), 0);
    assertEquals(bases.follows(made), false);
  });
});

describe("requestOf", () => {
  it("is the request of a Session, and nothing of plain data with a key req", () => {
    const { Session } = session as unknown as {
      Session: new (req: object) => ReturnType<typeof sessionOf>;
    };
    const request = { sessionID: "a" };
    assert(requestOf(new Session(request)) === request);
    for (const req of [request, 5, null, undefined, "req"]) {
      assertEquals(requestOf(sessionOf({ req })), undefined);
    }
  });
});
