import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Endings } from "../../src/core/overlaps/endings.ts";
import { BaseVersions, requestOf } from "../../src/core/overlaps/base_version.ts";
import { Stamp } from "../../src/util/stamp.ts";
import { entryOf } from "../support/core.ts";
import { session, sessionOf } from "../support/setup.ts";

describe("BaseVersions", () => {
  it("of: knows a loaded session under its own id only", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const loaded = sessionOf();
    bases.loaded(loaded, entryOf("a"));
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
    bases.loaded(loaded, entryOf("a"));
    assertEquals(Reflect.ownKeys(loaded), ["cookie", "n"]);
    assertEquals(JSON.stringify(loaded), '{"cookie":{},"n":1}');
    assertEquals(Object.getPrototypeOf(loaded), Object.prototype);
  });

  it("does without a base for a session that is frozen", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const frozen = Object.freeze(sessionOf());
    bases.loaded(frozen, entryOf("a"));
    assertEquals(bases.of(frozen, "a"), undefined);
  });

  it("keeps the latest base in each of several stores", () => {
    const [here, there] = [
      new BaseVersions(new Endings(() => 0)),
      new BaseVersions(new Endings(() => 0)),
    ];
    const loaded = sessionOf();
    const entry = entryOf("a");
    here.loaded(loaded, entry);
    there.loaded(loaded, entryOf("b"));
    for (let i = 0; i < 5; i++) {
      here.loaded(loaded, entry);
      there.loaded(loaded, entryOf("c"));
    }
    assertEquals([here.find(loaded)?.identity.sid, there.find(loaded)?.identity.sid], ["a", "c"]);
    let length = 0;
    for (let note = Stamp.find(loaded, there); note; note = note.other) length++;
    assertEquals(length, 2, "it does not grow by each save");
  });

  it("created: gives a Session the base of the data that it was made of", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const [loaded, made] = [sessionOf(), sessionOf()];
    bases.loaded(loaded, entryOf("a"));
    bases.created(loaded, made);
    assertEquals(bases.of(made, "a"), bases.of(loaded, "a"));
    bases.rebase(made, bases.find(made), entryOf("a"), undefined);
    assertNotEquals(bases.of(made, "a"), bases.of(loaded, "a"), "the data was not saved with it");
    bases.created(sessionOf(), sessionOf());
  });

  it("end, and a clear: are over for all that was ever loaded", () => {
    const endings = new Endings(() => 0);
    const bases = new BaseVersions(endings);
    const [a, b] = [entryOf("a"), entryOf("b")];
    const loads = [a, a, b].map((entry) => {
      const loaded = sessionOf();
      bases.loaded(loaded, entry);
      return bases.find(loaded)!;
    });
    const over = () => loads.map((base) => endings.isOver(base.identity));
    assertEquals(over(), [false, false, false]);
    bases.end("a", a);
    assertEquals(over(), [true, true, false]);
    endings.clear();
    assertEquals(over(), [true, true, true]);
    const after = sessionOf();
    bases.loaded(after, entryOf("c"));
    assertEquals(endings.isOver(bases.find(after)!.identity), false);
  });

  it("end: reaches requests of a session that had been evicted", () => {
    const endings = new Endings(() => 0);
    const bases = new BaseVersions(endings);
    const [entry, loaded] = [entryOf("a"), sessionOf()];
    bases.loaded(loaded, entry);
    bases.end("a", undefined);
    assertEquals(endings.isOver(bases.find(loaded)!.identity), true);
  });

  it("rebase: gives a base to a Session of a request without a past, and to no plain data", () => {
    const bases = new BaseVersions(new Endings(() => 0));
    const { Session } = session as unknown as {
      Session: new (req: object) => ReturnType<typeof sessionOf>;
    };
    const [made, plain, loaded] = [new Session({ sessionID: "a" }), sessionOf(), sessionOf()];
    bases.loaded(loaded, entryOf("b"));
    for (const saved of [made, plain, loaded]) {
      bases.rebase(saved, bases.find(saved), entryOf("a"), undefined);
    }
    assertEquals([made, plain, loaded].map((saved) => bases.find(saved)?.identity.sid), [
      "a",
      undefined,
      "b",
    ]);
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
