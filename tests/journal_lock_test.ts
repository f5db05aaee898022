import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";
import { openJournal } from "express-lembro/journal";
import { Lock, LockedError } from "../src/persistence/lock.ts";
import { errorOf, Folder, Lembro, sessionOf } from "./snapshot/setup.ts";
import { HookedDisk } from "./support/disks.ts";
import { chances, until } from "./support/journals.ts";

const holder = fileURLToPath(new URL("./journal/holder.ts", import.meta.url));

/** A process that opens the journal and keeps it. Returns what it has said, and the process. */
async function start(path: string) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", holder, path],
    stdout: "piped",
  }).spawn();
  const output = process.stdout.getReader();
  const { value } = await output.read();
  return {
    pid: process.pid,
    said: new TextDecoder().decode(value).trim(),
    async end() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await process.status;
      await output.cancel();
    },
    kill: () => process.kill("SIGKILL"),
  };
}

describe("one journal for one process", () => {
  it("a second process is refused with the pid of the first, until that is killed", async () => {
    using folder = new Folder();
    const first = await start(folder.snapshot);
    assertEquals(first.said, "open");
    using store = new Lembro();
    const error = await errorOf(openJournal(store, folder.snapshot)) as Error & { pid: number };
    assertEquals((error as { code?: string }).code, "ERR_LEMBRO_JOURNAL_IN_USE");
    assertEquals(error.pid, first.pid);
    assertMatch(
      error.message,
      new RegExp(`^Cannot open journal: .*process ${first.pid} has locked`),
    );
    const second = await start(folder.snapshot);
    assertEquals(second.said, `ERR_LEMBRO_JOURNAL_IN_USE ${first.pid}`);
    await second.end();
    // Not waited for: its parent has not noticed yet that it is dead.
    first.kill();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const journal = await openJournal(store, folder.snapshot);
    assertEquals(await store.ids(), ["of the holder"]);
    await journal.close();
    await first.end();
    assertEquals(folder.names(), ["sessions"]);
  });

  it("a second store in this process is refused, and the first goes on", async () => {
    using folder = new Folder();
    using store = new Lembro();
    using other = new Lembro();
    const journal = await openJournal(store, folder.snapshot);
    await Deno.symlink("sessions", `${folder.path}/link`);
    for (const path of [folder.snapshot, `${folder.path}/link`, `${folder.path}/./sessions`]) {
      const error = await errorOf(openJournal(other, path)) as Error & { pid: number };
      assertEquals((error as { code?: string }).code, "ERR_LEMBRO_JOURNAL_IN_USE");
      assertEquals(error.pid, Deno.pid);
    }
    await store.set("a", sessionOf());
    await journal.close();
    await (await openJournal(other, folder.snapshot)).close();
    assertEquals(await other.ids(), ["a"]);
  });

  it("of several processes that find the lock of a dead one, one gets it", async () => {
    using folder = new Folder();
    const dead = await start(folder.snapshot);
    await dead.end();
    const processes = await Promise.all(Array.from({ length: 4 }, () => start(folder.snapshot)));
    const said = processes.map(({ said }) => said.split(" ")[0]).sort();
    for (const process of processes) await process.end();
    assertEquals(said, [...Array(3).fill("ERR_LEMBRO_JOURNAL_IN_USE"), "open"]);
  });
});

describe("a lock", () => {
  const dead = { pid: 2 ** 22 + 1, started: "never", token: crypto.randomUUID() };

  it("of a dead process is taken by one of many, however they interleave", async () => {
    const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9);
    const chance = chances(seed);
    for (let round = 0; round < 60; round++) {
      using folder = new Folder();
      const path = `${folder.path}/lock`;
      await Deno.writeTextFile(path, JSON.stringify(dead));
      // Sometimes one has died in the middle of taking it.
      if (round % 3 === 0) {
        const next = { ...dead, token: crypto.randomUUID() };
        await Deno.writeTextFile(`${path}.after.${dead.token}`, JSON.stringify(next));
      }
      const hooked = new HookedDisk();
      hooked.hook = () => new Promise((resolve) => setTimeout(resolve, chance() * 4));
      const outcomes = await Promise.allSettled(
        Array.from({ length: 6 }, () => Lock.acquire(hooked.disk, path)),
      );
      const locks = outcomes.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
      assertEquals(locks.length, 1, `SEED=${seed}, round ${round}`);
      for (const one of outcomes) {
        if (one.status === "rejected") {
          assert(one.reason instanceof LockedError, `${one.reason}`);
          assertEquals(one.reason.pid, Deno.pid);
        }
      }
      assertEquals(folder.names(), ["lock"]);
      await locks[0].release();
      assertEquals(folder.names(), []);
    }
  });

  it("is given up by one and taken by the next, however they interleave", async () => {
    const chance = chances(1);
    using folder = new Folder();
    const path = `${folder.path}/lock`;
    const hooked = new HookedDisk();
    hooked.hook = () => new Promise((resolve) => setTimeout(resolve, chance() * 2));
    let held = 0;
    let times = 0;
    const worker = async () => {
      while (times < 60) {
        const lock = await Lock.acquire(hooked.disk, path).catch((error) => {
          assert(error instanceof LockedError, `${error}`);
        });
        if (!lock) continue;
        assertEquals(++held, 1);
        times++;
        await new Promise((resolve) => setTimeout(resolve, chance() * 2));
        held--;
        await lock.release();
      }
    };
    await Promise.all(Array.from({ length: 4 }, worker));
    assertEquals(folder.names(), []);
  });

  it("of a pid that lives, but is another program by now, is taken over", async () => {
    using folder = new Folder();
    const path = `${folder.path}/lock`;
    const other = new Deno.Command("sleep", { args: ["60"] }).spawn();
    try {
      const stat = await Deno.readTextFile(`/proc/${other.pid}/stat`);
      const boot = (await Deno.readTextFile("/proc/sys/kernel/random/boot_id")).trim();
      const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
      const lockOf = (started: string) =>
        Deno.writeTextFile(path, JSON.stringify({ ...dead, pid: other.pid, started }));
      const disk = new HookedDisk().disk;
      await lockOf(`${boot} ${started}`);
      const error = await errorOf(Lock.acquire(disk, path)) as LockedError;
      assertEquals(error.pid, other.pid);
      for (const reused of [`${boot} ${Number(started) - 1}`, `another-boot ${started}`]) {
        await lockOf(reused);
        await (await Lock.acquire(disk, path)).release();
      }
    } finally {
      other.kill();
      await other.status;
    }
  });

  it("of a process that is dead, though its parent has not noticed, is taken over", async () => {
    using folder = new Folder();
    const path = `${folder.path}/lock`;
    // The second program of this process knows nothing of the child of the first.
    const parent = new Deno.Command("bash", {
      args: ["-c", "sleep 0 & echo $!; exec sleep 60"],
      stdout: "piped",
    }).spawn();
    const output = parent.stdout.getReader();
    try {
      const pid = Number(new TextDecoder().decode((await output.read()).value));
      const statOf = () => Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
      await until(() => statOf()[0] === "Z");
      const boot = (await Deno.readTextFile("/proc/sys/kernel/random/boot_id")).trim();
      const zombie = { ...dead, pid, started: `${boot} ${statOf()[19]}` };
      await Deno.writeTextFile(path, JSON.stringify(zombie));
      await (await Lock.acquire(new HookedDisk().disk, path)).release();
    } finally {
      parent.kill();
      await parent.status;
      await output.cancel();
    }
  });

  it("on a system that does not say when a process started, is known by the pid", async () => {
    using folder = new Folder();
    const path = `${folder.path}/lock`;
    const hooked = new HookedDisk();
    hooked.hook = (_method, path) => {
      if (path.startsWith("/proc")) throw Object.assign(new Error(), { code: "ENOENT" });
    };
    await Deno.writeTextFile(path, JSON.stringify(dead));
    const lock = await Lock.acquire(hooked.disk, path);
    const error = await errorOf(Lock.acquire(hooked.disk, path)) as LockedError;
    assertEquals(error.pid, Deno.pid);
    await lock.release();
  });

  it("is refused at the first start if the permissions do not allow to replace it", async () => {
    using folder = new Folder();
    const permissions = ["--allow-read", "--allow-write", "--allow-env", "--no-prompt"];
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", ...permissions, "--no-check", "--quiet", holder, folder.snapshot],
    }).output();
    assertMatch(new TextDecoder().decode(stdout), /^Cannot lock .*, in Deno with --allow-run: /);
    assertEquals(folder.names(), []);
  });

  it("that is none of ours is named, and stays", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await Deno.writeTextFile(`${folder.snapshot}.lock`, "of somebody");
    const error = await errorOf(openJournal(store, folder.snapshot));
    assertMatch(error.message, /^Cannot lock: .*sessions\.lock must be the lock of a journal/);
    assertEquals(folder.names(), ["sessions.lock"]);
  });

  it("that somebody else has by now is not given up for them", async () => {
    using folder = new Folder();
    const path = `${folder.path}/lock`;
    const lock = await Lock.acquire(new HookedDisk().disk, path);
    await Deno.writeTextFile(path, JSON.stringify(dead));
    await lock.release();
    assertEquals(folder.names(), ["lock"]);
  });
});
