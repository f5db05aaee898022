import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createHash } from "node:crypto";
import { fileURLToPath, pathToFileURL } from "node:url";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { locked } from "../scripts/suppliers.ts";
import { BlockReader } from "../src/persistence/block_reader.ts";
import { BlockWriter } from "../src/persistence/block_writer.ts";
import { nodeDisk } from "../src/persistence/disk.ts";
import { fillWith, SESSIONS } from "./snapshot/contents.ts";
import { Folder } from "./support/folder.ts";
import { assertSame, eventsOf, keptIn, sessionsIn } from "./support/kept.ts";
import { errorOf, Lembro, sessionOf, settled, type Store } from "./support/setup.ts";
import { chances } from "./support/journals.ts";
import { killed, KILLS } from "./support/kills.ts";

/** How many sessions there are in a block of a file that is to be damaged. */
const IN_A_BLOCK = 2;

async function smallStore(): Promise<Store> {
  const store = new Lembro();
  for (const sid of ["a", "b", "c", "d", "e"]) await store.set(sid, sessionOf({ name: sid }));
  await store.get("b");
  return store;
}

/** The rows of a snapshot. */
async function rowsOf(path: string): Promise<string[]> {
  const purpose = {
    cannot: "load snapshot",
    code: "ERR_LEMBRO_SNAPSHOT",
    kind: "snapshot",
  } as const;
  const reader = await BlockReader.open(nodeDisk, path, purpose, JSON, {
    secrets: [],
    isPlainRead: true,
  });
  const rows: string[] = [];
  for (;;) {
    const block = await reader.next();
    if (block!.kind === "ends") break;
    for (const { text } of block!.lines()) rows.push(text);
  }
  await reader.close();
  return rows;
}

/** Writes rows as a snapshot of many small blocks. */
async function writeRows(path: string, rows: string[], end: unknown): Promise<void> {
  const file = await nodeDisk.open(path, "w");
  const options = { kind: "snapshot", serializer: JSON, secrets: [] } as const;
  const writer = await BlockWriter.create(file, options);
  for (let i = 0; i < rows.length; i += IN_A_BLOCK) {
    await writer.write("rows", rows.slice(i, i + IN_A_BLOCK).map((row) => `${row}\n`).join(""));
  }
  await writer.write("ends", `${JSON.stringify(end)}\n`);
  await file.close();
}

/** The bytes of a snapshot of five sessions in three blocks. */
async function smallSnapshot(folder: Folder): Promise<Uint8Array> {
  using store = await smallStore();
  await saveSnapshot(store, folder.snapshot);
  const rows = await rowsOf(folder.snapshot);
  await writeRows(folder.snapshot, rows, [rows.length, rows.length]);
  using loaded = new Lembro();
  await loadSnapshot(loaded, folder.snapshot);
  assertSame(loaded, store);
  return await Deno.readFile(folder.snapshot);
}

/** A store in use, and a check that files are refused by it and leave it as it is. */
async function refusing(folder: Folder) {
  const store = await smallStore();
  const events = eventsOf(store);
  const sessions = sessionsIn(store);
  const stats = store.stats();
  const path = folder.snapshot;
  const refused = async (bytes: Uint8Array, what: string, says = /./) => {
    await Deno.writeFile(path, bytes);
    const error = await errorOf(
      loadSnapshot(store, path).then(() => {
        throw new Error(`${what}: it was loaded`);
      }),
    );
    assertEquals(error.code, "ERR_LEMBRO_SNAPSHOT", `${what}: ${error.message}`);
    assert(error.message.startsWith(`Cannot load snapshot: ${path}: `), error.message);
    const [, at] = error.message.match(/ \(at byte (\d+)\)$/) ?? [];
    assert(Number(at) <= bytes.length, error.message);
    assertMatch(error.message, says);
    assertEquals(store.stats(), stats, what);
  };
  const asItWas = async () => {
    await settled();
    assertEquals(events, []);
    assertEquals(sessionsIn(store), sessions);
    store.close(() => {});
  };
  return { refused, asItWas };
}

const joined = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

/** Where the headers of the blocks begin. */
function headersOf(bytes: Uint8Array): number[] {
  const text = new TextDecoder("latin1").decode(bytes);
  return [...text.matchAll(/^(rows|ends) \d{10} \d{10} \d{10} /gm)].map(({ index }) => index);
}

describe("a damaged snapshot is refused, and the store stays as it was", () => {
  it("every byte of it, altered in two ways", async () => {
    using folder = new Folder();
    const bytes = await smallSnapshot(folder);
    const { refused, asItWas } = await refusing(folder);
    for (let i = 0; i < bytes.length; i++) {
      for (const bits of [0b1, 0b1010_0000]) {
        const altered = bytes.slice();
        altered[i] ^= bits;
        await refused(altered, `byte ${i} with ${bits}`);
      }
    }
    await asItWas();
  });

  it("cut at every length", async () => {
    using folder = new Folder();
    const bytes = await smallSnapshot(folder);
    const { refused, asItWas } = await refusing(folder);
    for (let length = 0; length < bytes.length; length++) {
      await refused(
        bytes.slice(0, length),
        `cut at ${length}`,
        length < 26 ? /no snapshot/ : /cut off/,
      );
    }
    await asItWas();
  });

  it("with a byte more or less anywhere", async () => {
    using folder = new Folder();
    const bytes = await smallSnapshot(folder);
    const { refused, asItWas } = await refusing(folder);
    for (let i = 0; i <= bytes.length; i++) {
      const [head, tail] = [bytes.slice(0, i), bytes.slice(i)];
      await refused(joined(head, new Uint8Array([bytes[i] ?? 10]), tail), `one more at ${i}`);
      if (tail.length > 0) await refused(joined(head, tail.slice(1)), `one less at ${i}`);
    }
    await asItWas();
  });

  it("encrypted, altered or cut at many places", async () => {
    using folder = new Folder();
    using store = await smallStore();
    const secret = "a secret";
    await saveSnapshot(store, folder.snapshot, { secret });
    const bytes = await Deno.readFile(folder.snapshot);
    using other = await smallStore();
    const before = sessionsIn(other);
    const chance = chances(bytes.length);
    for (let i = 0; i < 40; i++) {
      const at = Math.floor(chance() * bytes.length);
      const altered = bytes.slice();
      altered[at] ^= 1 << i % 8;
      for (const wrong of [altered, bytes.slice(0, at)]) {
        await Deno.writeFile(folder.snapshot, wrong);
        const error = await errorOf(loadSnapshot(other, folder.snapshot, { secret }));
        assertEquals(error.code, "ERR_LEMBRO_SNAPSHOT", error.message);
      }
    }
    assertEquals(sessionsIn(other), before);
  });

  it("encrypted, and of which somebody without the secret has made the digests right", async () => {
    using folder = new Folder();
    using store = await smallStore();
    const secret = "a secret";
    await saveSnapshot(store, folder.snapshot, { secret });
    const bytes = await Deno.readFile(folder.snapshot);
    const text = new TextDecoder("latin1").decode(bytes);
    const [, identity] = /"file":"([^"]+)"/.exec(text)!;
    // The block of rows, with another first byte of what is encrypted.
    const header = /rows (\d{10} ){3}[\da-f]{64} /.exec(text)!;
    const start = header[0].slice(0, -1);
    const from = header.index + start.length + 1 + 64 + 1;
    const end = from + Number(start.split(" ")[3]);
    bytes[from + 20] ^= 1;
    const digest = createHash("sha256").update(identity).update(start)
      .update(bytes.subarray(from, end)).digest("hex");
    bytes.set(new TextEncoder().encode(digest), from - 65);
    await Deno.writeFile(folder.snapshot, bytes);
    using loaded = new Lembro();
    const error = await errorOf(loadSnapshot(loaded, folder.snapshot, { secret }));
    assertEquals(error.code, "ERR_LEMBRO_SNAPSHOT");
    assertMatch(error.message, new RegExp(`a block was altered \\(at byte ${header.index}\\)$`));
    assertEquals(await loaded.length(), 0);
  });

  it("encrypted, and of which somebody without the secret has swapped two blocks", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    // Rows of the same length, so that whole blocks can change places.
    for (let i = 0; i < 400; i++) await store.set(`${1000 + i}`, sessionOf({ n: 1000 + i }));
    for (let i = 0; i < 400; i++) await store.touch(`${1000 + i}`, sessionOf());
    const secret = "a secret";
    await saveSnapshot(store, folder.snapshot, { secret });
    const bytes = await Deno.readFile(folder.snapshot);
    const text = new TextDecoder("latin1").decode(bytes);
    const [, identity] = /"file":"([^"]+)"/.exec(text)!;
    const blocks = [
      ...text.matchAll(/(?:head|test|rows|ends) (?:\d{10} ){2}(\d{10}) [\da-f]{64} [\da-f]{64}\n/g),
    ]
      .map(({ index, 0: header, 1: length }) => ({
        header,
        content: bytes.slice(index + header.length, index + header.length + Number(length)),
      }));
    const [one, two] = blocks.flatMap(({ header }, i) => header.startsWith("rows") ? [i] : []);
    const rewritten = async (order: number[]) => {
      const parts: Uint8Array[] = [bytes.slice(0, text.indexOf("\n") + 1)];
      let before = blocks[0].header.split(" ")[4];
      for (const [i, { header }] of blocks.entries()) {
        const { content } = blocks[order[i]];
        const [kind, number, synced] = header.split(" ");
        const length = String(content.length).padStart(10, "0");
        const start = `${kind} ${number} ${synced} ${length} ${before}`;
        before = createHash("sha256").update(i === 0 ? "" : identity).update(start).update(content)
          .digest("hex");
        parts.push(new TextEncoder().encode(`${start} ${before}\n`), content);
      }
      await Deno.writeFile(folder.snapshot, joined(...parts));
      using loaded = new Lembro({ maxSize: Infinity });
      return await loadSnapshot(loaded, folder.snapshot, { secret });
    };
    const order = blocks.map((_, i) => i);
    assertEquals((await rewritten(order)).sessions, 400, "it is written as we write it");
    [order[one], order[two]] = [two, one];
    const error = await errorOf(rewritten(order));
    assertMatch(error.message, /a block was altered \(at byte \d+\)$/);
  });

  it("with blocks swapped, doubled, left out, or from another snapshot", async () => {
    using folder = new Folder();
    const bytes = await smallSnapshot(folder);
    using other = await smallStore();
    await other.set("f", sessionOf());
    await saveSnapshot(other, folder.snapshot);
    const theirs = await Deno.readFile(folder.snapshot);
    const { refused, asItWas } = await refusing(folder);
    const [first, second, third, end] = headersOf(bytes);
    const title = bytes.slice(0, first);
    const [one, two, three] = [[first, second], [second, third], [third, end]]
      .map(([from, to]) => bytes.slice(from, to));
    const last = bytes.slice(end);
    const moved = /a block was left out or moved \(at byte \d+\)$/;
    const altered = /a block was altered \(at byte \d+\)$/;
    await refused(joined(title, two, one, three, last), "swapped", moved);
    await refused(joined(title, one, one, two, three, last), "doubled", moved);
    await refused(joined(title, one, three, last), "left out", moved);
    await refused(joined(title, one, two, last), "the last left out", moved);
    await refused(joined(title, last), "all left out", moved);
    await refused(joined(title, one, theirs.slice(headersOf(theirs)[0])), "of another", altered);
    await refused(joined(bytes, last), "two ends", /something follows the end \(at byte \d+\)$/);
    await refused(joined(bytes, bytes), "twice", /something follows the end \(at byte \d+\)$/);
    await asItWas();
  });

  it("of another version, or of none, and says so", async () => {
    using folder = new Folder();
    const bytes = await smallSnapshot(folder);
    const { refused, asItWas } = await refusing(folder);
    const text = new TextDecoder().decode(bytes);
    const as = (title: string) => new TextEncoder().encode(text.replace(/^.*\n/, title));
    const unknown = /the file is of version 4, and this reads version 3 \(at byte 0\)$/;
    await refused(as("express-lembro sessions 4\n"), "version 4", unknown);
    await refused(as("express-lembro sessions 30\n"), "version 30", /of version 30/);
    await refused(as("express-lembro snapshot 1\n"), "version 1", /of version 1/);
    await refused(new TextEncoder().encode('{ "a": 1 }'), "JSON", /no snapshot/);
    await refused(
      new Uint8Array(100),
      "zeros",
      /this is no snapshot of express-lembro \(at byte 0\)$/,
    );
    await asItWas();
  });

  it("of a length that no memory has, before any is taken", async () => {
    using folder = new Folder();
    const bytes = await smallSnapshot(folder);
    const { refused, asItWas } = await refusing(folder);
    const text = new TextDecoder().decode(bytes).replace(
      /(rows \d{10} \d{10}) \d{10}/,
      "$1 9999999999",
    );
    await refused(new TextEncoder().encode(text), "9999999999 bytes", /its length altered/);
    // The file has that length, but nearly all of it is a hole.
    const path = folder.snapshot;
    await Deno.writeTextFile(path, text);
    await Deno.truncate(path, 10_737_418_240);
    using store = new Lembro();
    const error = await errorOf(loadSnapshot(store, path));
    assertEquals(error.code, "ERR_LEMBRO_SNAPSHOT");
    assertMatch(error.message, /its length altered \(at byte \d+\)$/);
    await asItWas();
  });

  for (
    const [what, row] of [
      ["no JSON", "[1"],
      ["no list", "{}"],
      ["no id", "[7]"],
      ["no text", '["a","newcomers",1e15,1,1,null,null]'],
      ["a text that is none", '["a","newcomers",1e15,1,1,null,null,7]'],
      ["an unknown rank", '["a","admin",1e15,1,1,null,null,"{}"]'],
      ["a life that is none", '["a","newcomers","long",1,1,null,null,"{}"]'],
      ["a creation that is none", '["a","newcomers",1e15,null,1,null,null,"{}"]'],
      ["a last use that is none", '["a","newcomers",1e15,1,"1",null,null,"{}"]'],
      ["a user that is none", '["a","newcomers",1e15,1,1,7,null,"{}"]'],
      ["a cookie that is none", '["a","newcomers",1e15,1,1,null,[],"{}"]'],
      ["an unknown place", '["a","newcomers",1e15,1,1,null,null,"{}",1]'],
      ["more than that", '["a","newcomers",1e15,1,1,null,null,"{}",0,0]'],
      ["a text that is no session", '["a","newcomers",1e15,1,1,null,null,"7"]'],
      ["a touch with no cookie", '["b","newcomers",1e15,1,null]'],
      ["a touch with an unknown rank", '["b","admin",1e15,1,{}]'],
      ["a touch with a life that is none", '["b","newcomers","long",1,{}]'],
      ["a touch with a use that is none", '["b","newcomers",1e15,null,{}]'],
      ["a touch with an unknown place", '["b","newcomers",1e15,1,{},1]'],
    ]
  ) {
    it(`that was made by hand with a row that is wrong: ${what}`, async () => {
      using folder = new Folder();
      const { refused, asItWas } = await refusing(folder);
      await writeRows(folder.snapshot, ['["b","newcomers",1e15,1,1,null,null,"{}"]', row], [2, 2]);
      const bytes = await Deno.readFile(folder.snapshot);
      await refused(bytes, what, /a (row|session) cannot be read \(at byte \d+\)$/);
      await asItWas();
    });
  }

  for (
    const [what, end] of [["rows", [2, 1]], ["rows and more", [0, 1]], ["an end", []], [
      "a number",
      [1, "x"],
    ]] as const
  ) {
    it(`that was made by hand and lacks ${what}`, async () => {
      using folder = new Folder();
      const { refused, asItWas } = await refusing(folder);
      await writeRows(folder.snapshot, ['["b","newcomers",1e15,1,1,null,null,"{}"]'], end);
      await refused(
        await Deno.readFile(folder.snapshot),
        what,
        /the end does not tell of 1 rows \(at byte \d+\)$/,
      );
      await asItWas();
    });
  }
});

describe("a snapshot is written whole or not at all", () => {
  it("is its owner's alone, and leaves nothing beside it", async () => {
    using folder = new Folder();
    using store = await smallStore();
    const umask = Deno.umask(0);
    try {
      await saveSnapshot(store, folder.snapshot);
      await saveSnapshot(store, folder.snapshot);
    } finally {
      Deno.umask(umask);
    }
    const { mode, size } = await Deno.stat(folder.snapshot);
    assertEquals(mode! & 0o777, 0o600);
    assertEquals(folder.names(), ["sessions"]);
    assertEquals((await saveSnapshot(store, folder.snapshot)).bytes, size);
  });

  it("takes the place of a file that others could read", async () => {
    using folder = new Folder();
    using store = await smallStore();
    await Deno.writeTextFile(folder.snapshot, "old", { mode: 0o644 });
    await saveSnapshot(store, folder.snapshot);
    assertEquals((await Deno.stat(folder.snapshot)).mode! & 0o777, 0o600);
  });

  it("over a folder is refused, and leaves that as it is, and nothing else", async () => {
    using folder = new Folder();
    using store = await smallStore();
    await Deno.mkdir(`${folder.snapshot}/earlier`, { recursive: true });
    const error = await errorOf(saveSnapshot(store, folder.snapshot));
    assertEquals(error.code, "EISDIR");
    assertMatch(error.message, /^Cannot save snapshot: .*folder: received EISDIR for .*sessions/);
    assertEquals(folder.names(), ["sessions"]);
  });

  it("in a folder that is not there is the file system's own error", async () => {
    using folder = new Folder();
    using store = await smallStore();
    const error = await errorOf(saveSnapshot(store, `${folder.path}/none/sessions`));
    assertEquals(error.code, "ENOENT");
    assertEquals(folder.names(), []);
  });

  it("to a full disk leaves the earlier file, and nothing else", async () => {
    using folder = new Folder();
    using store = await smallStore();
    await saveSnapshot(store, folder.snapshot);
    const earlier = await Deno.readFile(folder.snapshot);
    // A process with a limit on the length of its files, in 1024 bytes: the nearest to a full disk.
    const child = fileURLToPath(new URL("./snapshot/save_large.ts", import.meta.url));
    const { stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", 'trap "" XFSZ; ulimit -f 100; exec "$@"', "bash", Deno.execPath()]
        .concat(locked(["run", "-A", child, folder.snapshot])),
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertMatch(said, /^refused: .*(EFBIG|[Ff]ile too large|os error 27)/m);
    assertEquals(await Deno.readFile(folder.snapshot), earlier);
    assertEquals(folder.names(), ["sessions"]);
  });

  it("follows no link that was planted for it", async () => {
    using folder = new Folder();
    using store = await smallStore();
    await saveSnapshot(store, folder.snapshot);
    const earlier = await Deno.readFile(folder.snapshot);
    const victim = `${folder.path}/victim`;
    await Deno.writeTextFile(victim, "precious");
    const id = "00000000-0000-4000-8000-000000000000" as const;
    await Deno.symlink(victim, `${folder.snapshot}.${id}.tmp`);
    const { randomUUID } = crypto;
    crypto.randomUUID = () => id;
    try {
      const error = await errorOf(saveSnapshot(store, folder.snapshot));
      assertEquals(error.code, "EEXIST");
    } finally {
      crypto.randomUUID = randomUUID;
    }
    assertEquals(await Deno.readTextFile(victim), "precious");
    assertEquals(await Deno.readFile(folder.snapshot), earlier);
  });

  it("ten at once end with the last of them to start, whole", async () => {
    using folder = new Folder();
    const stores: Store[] = [];
    for (let i = 0; i < 10; i++) {
      const store = new Lembro();
      for (let j = 0; j < 300; j++) {
        store.set(`${i} ${j}`, sessionOf({ text: `${i}`.repeat(300) }), () => {});
      }
      stores.push(store);
    }
    const saved = await Promise.all(stores.map((store) => saveSnapshot(store, folder.snapshot)));
    assertEquals(saved.map(({ sessions }) => sessions), stores.map(() => 300));
    assertEquals(folder.names(), ["sessions"]);
    using loaded = new Lembro();
    await loadSnapshot(loaded, folder.snapshot);
    assertSame(loaded, stores[9]);
    for (const store of stores) store.close();
  });

  it("removes what a killed process left an hour ago, and nothing that may be in use", async () => {
    using folder = new Folder();
    using store = await smallStore();
    const id = crypto.randomUUID();
    const left = [`sessions.${id}.tmp`, `other.${id}.tmp`, "sessions.tmp", "sessions.old.tmp"];
    for (const name of left) {
      const path = `${folder.path}/${name}`;
      await Deno.writeTextFile(path, "");
      const hourAgo = new Date(Date.now() - 61 * 60 * 1000);
      await Deno.utime(path, hourAgo, hourAgo);
    }
    const inUse = `sessions.${crypto.randomUUID()}.tmp`;
    await Deno.writeTextFile(`${folder.path}/${inUse}`, "");
    await saveSnapshot(store, folder.snapshot);
    assertEquals(folder.names(), ["sessions", inUse, ...left.slice(1)].sort());
  });

  it("cleans up all the same beside a link that leads nowhere", async () => {
    using folder = new Folder();
    using store = await smallStore();
    const hourAgo = new Date(Date.now() - 61 * 60 * 1000);
    const leftovers = Array.from({ length: 5 }, () => `sessions.${crypto.randomUUID()}.tmp`);
    for (const name of leftovers) {
      await Deno.symlink(`${folder.path}/nowhere`, `${folder.path}/${name}`);
      await new Deno.Command("touch", {
        args: ["-h", "-d", hourAgo.toISOString(), `${folder.path}/${name}`],
      }).output();
    }
    const young = `sessions.${crypto.randomUUID()}.tmp`;
    await Deno.symlink(`${folder.path}/nowhere`, `${folder.path}/${young}`);
    const file = `sessions.${crypto.randomUUID()}.tmp`;
    await Deno.writeTextFile(`${folder.path}/${file}`, "");
    await Deno.utime(`${folder.path}/${file}`, hourAgo, hourAgo);
    await saveSnapshot(store, folder.snapshot);
    assertEquals(folder.names(), ["sessions", young].sort());
  });

  it("takes the place of the file that a symbolic link leads to, and leaves the link", async () => {
    using folder = new Folder();
    using store = await smallStore();
    await Deno.mkdir(`${folder.path}/there`);
    const target = `${folder.path}/there/real`;
    await Deno.symlink("there/real", `${folder.path}/between`);
    await Deno.symlink("between", folder.snapshot);
    // First the links lead nowhere, and then to a file.
    for (let i = 0; i < 2; i++) {
      await saveSnapshot(store, folder.snapshot);
      assertEquals((await Deno.lstat(folder.snapshot)).isSymlink, true);
      assertEquals((await Deno.lstat(`${folder.path}/between`)).isSymlink, true);
      assertEquals((await Deno.lstat(target)).isFile, true);
    }
    using loaded = new Lembro();
    await loadSnapshot(loaded, folder.snapshot);
    assertSame(loaded, store);
    assertEquals([...Deno.readDirSync(`${folder.path}/there`)].map(({ name }) => name), ["real"]);
  });

  it("to a circle of links is refused", async () => {
    using folder = new Folder();
    using store = await smallStore();
    await Deno.symlink("b", `${folder.path}/a`);
    await Deno.symlink("a", `${folder.path}/b`);
    assertEquals((await errorOf(saveSnapshot(store, `${folder.path}/a`))).code, "ELOOP");
  });

  it("may have a file: URL for a path", async () => {
    using folder = new Folder();
    using store = await smallStore();
    const url = pathToFileURL(`${folder.path}/a b`);
    await saveSnapshot(store, url);
    assertEquals(folder.names(), ["a b"]);
    using loaded = new Lembro();
    assertEquals((await loadSnapshot(loaded, url)).sessions, 5);
    for (const other of [new URL("https://example.com/a"), new URL("file://host/%2f")]) {
      const error = await errorOf(saveSnapshot(store, other));
      assertMatch(
        error.message,
        /^Cannot save snapshot: path must be the path of a file, or a file/,
      );
    }
  });
});

describe("a process that is killed while it saves", () => {
  it("leaves a whole snapshot, the earlier or the new one", async () => {
    const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9);
    const chance = chances(seed);
    using folder = new Folder();
    const contents = new Map<string, Store>();
    for (const name of ["A", "B"]) {
      const store = new Lembro({ maxSize: "64M" });
      await fillWith(store, name);
      contents.set(name, store);
    }
    const found = { A: 0, B: 0 };
    let rounds = 0;
    const left = () => folder.names().length - 1;
    // A few rounds alone may not meet all that there is to meet.
    const isEnough = () => rounds >= KILLS && left() >= KILLS / 5 && found.A > 0 && found.B > 0;
    for (; !isEnough(); rounds++) {
      assert(
        rounds < 20 * KILLS,
        `${left()} came in a save; then there was ${JSON.stringify(found)}`,
      );
      await killed("snapshot/saver.ts", [folder.snapshot], chance() * 100);
      using loaded = new Lembro({ maxSize: "64M" });
      assertEquals(
        (await loadSnapshot(loaded, folder.snapshot)).sessions,
        SESSIONS,
        `SEED=${seed}`,
      );
      const name = (await loaded.ids())[0][0] as "A" | "B";
      // The processes have not created them at the same time.
      const timeless = (store: Store) =>
        keptIn(store).map(({ sid, rank, size, expires }) => [sid, rank, size, expires]);
      assertEquals(timeless(loaded), timeless(contents.get(name)!));
      assertEquals(sessionsIn(loaded), sessionsIn(contents.get(name)!));
      found[name]++;
    }
    for (const store of contents.values()) store.close();
    console.log(
      `      ${rounds} kills, SEED=${seed}: ${left()} of them in a save; ` +
        `then there was ${JSON.stringify(found)}`,
    );
  });
});
