import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openJournal } from "express-lembro/journal";
import { Folder } from "./support/folder.ts";
import { portOf, sessionsIn } from "./support/kept.ts";
import { isAll } from "./support/matrix.ts";
import { errorOf, Lembro, sessionOf, type Store } from "./support/setup.ts";
import { diskError, HookedDisk, MemoryDisk } from "./support/disks.ts";
import { chances, openOn } from "./support/journals.ts";

/** A encrypted file takes some 50 ms to open: of that, this test tries so many places only. */
const ENCRYPTED_PLACES = Number(Deno.env.get("ENCRYPTED_PLACES") ?? 40);

/** A session that was touched, with a cookie that differs in nothing but its date. */
function touched(n: number): ReturnType<typeof sessionOf> {
  return sessionOf({}, { path: "/", expires: new Date(Date.UTC(2100, 0, 1, 0, 0, n)) });
}

/** A journal as a killed process leaves it, and what it holds after each of its blocks. */
async function smallJournal(folder: Folder, secret: string | undefined) {
  using store = new Lembro();
  const journal = await openJournal(store, folder.snapshot, {
    interval: 60_000,
    ...(secret ? { secret } : {}),
  });
  const states = [sessionsIn(store)];
  const changes: ((store: Store) => Promise<unknown>)[] = [
    (store) => store.set("a", sessionOf({ name: "Ada" })),
    (store) => store.set("b", sessionOf({ name: "Bob" })),
    (store) => store.destroy("a"),
    (store) => store.set("c", sessionOf({ name: "Eve" })),
    (store) => store.set("b", sessionOf({ name: "Bob", again: true })),
    (store) => store.touch("c", touched(2)),
    (store) => store.touch("c", touched(3)),
  ];
  for (const change of changes) {
    await change(store);
    await journal.flush();
    states.push(sessionsIn(store));
  }
  const bytes = await Deno.readFile(folder.snapshot);
  await journal.close();
  const text = new TextDecoder("latin1").decode(bytes);
  const starts = [
    ...text.matchAll(/(head|test|rows) \d{10} \d{10} \d{10} [\da-f]{64} [\da-f]{64}\n/g),
  ]
    .map(({ index }) => index);
  // Behind the head, the test and the mark of the new file there is a block for each change.
  assertEquals(starts.length, 3 + changes.length);
  return { bytes, states, starts };
}

for (const secret of [undefined, "a secret"]) {
  describe(`a journal that was damaged, ${secret ? "encrypted" : "not encrypted"},`, () => {
    const places = (length: number): number[] => {
      const all = Array.from({ length }, (_, i) => i);
      if (!secret) return all;
      const chance = chances(length);
      return all.filter(() => chance() < ENCRYPTED_PLACES / length);
    };

    /** Opens a file with these bytes, and tells what is in it. */
    async function open(bytes: Uint8Array) {
      const disk = new MemoryDisk();
      disk.put("/disk/j", bytes);
      const secrets = secret ? [secret] : [];
      using store = new Lembro();
      try {
        const journal = await openOn(disk, store, "/disk/j", { secrets });
        await store.set("new", sessionOf());
        await journal.close();
      } catch (error) {
        assertEquals((error as { code?: string }).code, "ERR_LEMBRO_JOURNAL", `${error}`);
        assertMatch((error as Error).message, /^Cannot open journal: .* \(at byte \d+\)$/);
        assertEquals(await store.length(), 0);
        assertEquals(disk.bytes("/disk/j"), bytes, "the file stays as it is");
        assertEquals(await disk.names(), ["j"]);
        return undefined;
      }
      using again = new Lembro();
      await (await openOn(disk, again, "/disk/j", { secrets })).close();
      assertEquals(sessionsIn(again), sessionsIn(store), "it goes on behind what was cut off");
      await store.destroy("new");
      return sessionsIn(store);
    }

    it("is refused at every byte, or only its torn end is lost", async () => {
      using folder = new Folder();
      const { bytes, states, starts } = await smallJournal(folder, secret);
      for (const i of places(bytes.length)) {
        const altered = bytes.slice();
        altered[i] ^= 1 << i % 8;
        const found = await open(altered);
        if (i < starts.at(-1)!) assertEquals(found, undefined, `byte ${i}`);
        else assertEquals(found, states.at(-2), `byte ${i}`);
      }
    });

    it("loses only what was cut off, wherever that is", async () => {
      using folder = new Folder();
      const { bytes, states, starts } = await smallJournal(folder, secret);
      const ends = [...starts.slice(1), bytes.length];
      for (const length of places(bytes.length + 1)) {
        const found = await open(bytes.slice(0, length));
        const whole = ends.filter((end) => end <= length).length;
        // The mark holds no rows.
        if (whole < 2) assertEquals(found, undefined, `${length} bytes`);
        else assertEquals(found, states[Math.max(0, whole - 3)], `${length} bytes`);
      }
    });

    it("is refused with blocks left out, swapped, or of another file", async () => {
      using folder = new Folder();
      const { bytes, starts } = await smallJournal(folder, secret);
      using elsewhere = new Folder();
      const other = await smallJournal(elsewhere, secret);
      const block = (i: number, from = { bytes, starts }) =>
        from.bytes.slice(from.starts[i], from.starts[i + 1]);
      const head = bytes.slice(0, starts[3]);
      const joined = (...parts: Uint8Array[]) =>
        new Uint8Array([head, ...parts].flatMap((part) => [...part]));
      for (
        const [what, altered] of [
          ["left out", joined(block(3), block(5), block(6), block(7))],
          ["swapped", joined(block(4), block(3), block(5), block(6), block(7))],
          ["of another file", joined(block(3), block(4, other), block(5), block(6), block(7))],
        ] as const
      ) {
        assertEquals(await open(altered), undefined, what);
      }
    });
  });
}

describe("a journal whose power fails", () => {
  const nOf = (session: unknown) => (session as { n: number }).n;

  /** What the app knows of a session: its versions, and how many of them were confirmed. */
  interface Known {
    versions: (string | undefined)[];
    confirmed: number;
  }

  it("has all that was confirmed, whatever became of what was not", async () => {
    const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9);
    const rounds = Number(Deno.env.get("POWER_LOSSES") ?? (isAll ? 150 : 40));
    const chance = chances(seed);
    let compacted = 0;
    let lost = 0;
    for (let round = 0; round < rounds; round++) {
      const memory = new MemoryDisk();
      const known = new Map<string, Known>();
      let n = 0;
      // Once more on what the last loss has left.
      for (let life = 0; life < 3; life++) {
        const hooked = new HookedDisk(memory);
        let calls = 20 + Math.floor(chance() * 200);
        let isOut = false;
        hooked.hook = () => {
          if (calls-- <= 0) isOut = true;
          if (isOut) throw diskError("EIO");
        };
        const store = new Lembro({ maxSize: Infinity });
        store.on("error", () => {});
        let journal;
        try {
          journal = await openOn(hooked.disk, store, "/disk/j");
        } catch (error) {
          assert(isOut, `${error}`);
        }
        const confirming: Promise<unknown>[] = [];
        while (journal && !isOut) {
          const sid = `${Math.floor(chance() * 30)}`;
          const of = known.get(sid) ?? { versions: [undefined], confirmed: 0 };
          known.set(sid, of);
          const kind = chance();
          if (kind < 0.15) {
            of.versions.push(undefined);
            const upTo = of.versions.length - 1;
            // An answer after the loss says nothing: nobody has got it.
            const answered = () => {
              if (!isOut) of.confirmed = Math.max(of.confirmed, upTo);
            };
            confirming.push(store.destroy(sid).then(answered));
          } else if (kind < 0.5) {
            // It goes to another rank, or to the end of its own, or there is none.
            if (kind < 0.3) store.get(sid, () => {});
            const kept = portOf(store).find(sid);
            if (kept) of.versions.push(`${nOf(portOf(store).sessionOf(kept))} ${++n}`);
            store.touch(sid, touched(n), () => {});
          } else {
            of.versions.push(`${++n} ${n}`);
            const fill = "x".repeat(chance() * 40_000);
            store.set(sid, { ...touched(n), n, fill } as never, () => {});
          }
          if (chance() < 0.3) {
            const marks = [...known.values()].map((of) => [of, of.versions.length - 1] as const);
            const flushed = journal.flush().then(() => {
              if (isOut) return;
              for (const [of, upTo] of marks) of.confirmed = Math.max(of.confirmed, upTo);
            }, () => {});
            if (chance() < 0.5) await flushed;
            else confirming.push(flushed);
          }
          if (chance() < 0.3) await new Promise((resolve) => setImmediate(resolve));
        }
        compacted += journal?.stats().compactions ?? 0;
        await journal?.close().catch(() => {});
        await Promise.all(confirming);
        store.close(() => {});
        memory.loseThePower(() => chance() < 0.5);
        lost++;

        using after = new Lembro({ maxSize: Infinity });
        // It had not come to the first file.
        if (!(await memory.names()).includes("j")) {
          assert([...known.values()].every(({ confirmed }) => confirmed === 0));
          known.clear();
          continue;
        }
        const reopened = await openOn(memory, after, "/disk/j");
        for (const [sid, of] of known) {
          const kept = await after.get(sid);
          const since = Date.UTC(2100, 0, 1);
          const found = kept &&
            `${nOf(kept)} ${(new Date(kept.cookie.expires!).getTime() - since) / 1_000}`;
          assert(
            of.versions.slice(of.confirmed).includes(found),
            `SEED=${seed}, round ${round}: ${sid} is ${found}, of ${of.versions}, ` +
              `confirmed up to ${of.versions[of.confirmed]}`,
          );
          // What is there now is on the disk.
          of.versions = [found];
          of.confirmed = 0;
        }
        await reopened.close();
      }
    }
    console.log(`      SEED=${seed}: ${lost} losses, ${compacted} compactions before`);
    assert(compacted > rounds / 10, "too few compactions");
  });
});

describe("a file that is no journal", () => {
  for (
    const [what, bytes] of [
      ["is empty", ""],
      ["is something else", "a".repeat(1_000)],
      ["is of another version", "express-lembro sessions 4\n".padEnd(1_000)],
      ["ends behind the title", "express-lembro sessions 3\n"],
    ]
  ) {
    it(`${what}: refused, and left as it is`, async () => {
      using folder = new Folder();
      await Deno.writeTextFile(folder.snapshot, bytes);
      using store = new Lembro();
      const error = await errorOf(openJournal(store, folder.snapshot));
      assertEquals(error.code, "ERR_LEMBRO_JOURNAL");
      assertEquals(await Deno.readTextFile(folder.snapshot), bytes);
      assertEquals(folder.names(), ["sessions"]);
    });
  }
});
