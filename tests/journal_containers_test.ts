import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Folder } from "./support/folder.ts";
import { HOLDER, Holder } from "./support/holders.ts";
import { chances } from "./support/journals.ts";

/** How often two containers meet; a hundred times take some three minutes. */
const ROUNDS = Number(Deno.env.get("ROUNDS") ?? 3);

const NEW_NAMESPACES = ["--pid", "--fork", "--mount-proc", "--net", "--kill-child=SIGKILL"];

/** What keeps `unshare` from making containers; nothing if it does. */
async function obstacle(): Promise<string | undefined> {
  try {
    const { success, stderr } = await new Deno.Command("unshare", {
      args: [...NEW_NAMESPACES, "true"],
    }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * A command that runs the holder as process 1 of a container of its own, which
 * sees the folder at another path.
 */
function containerOf(from: string, at: string, holder: readonly string[] = HOLDER): string[] {
  const script = `mount --bind '${from}' '${at}' && exec "$@"`;
  return ["unshare", ...NEW_NAMESPACES, "sh", "-c", script, "sh", ...holder];
}

const why = await obstacle();
if (why) console.log(`Skipped the tests of journals in containers: unshare makes none: ${why}`);
else {
  describe("two containers with one volume", () => {
    it("the second is refused, though both are process 1 and name the file differently", async () => {
      using folder = new Folder();
      using mount = new Folder();
      const command = containerOf(folder.path, mount.path);
      await using inside = await Holder.start(mount.snapshot, { command });
      assertEquals(inside.said, "open");
      await inside.tell("save a");
      // Another container, and the host itself.
      await using second = await Holder.start(mount.snapshot, { command });
      assertEquals(second.said, "ERR_LEMBRO_JOURNAL_IN_USE 1");
      await using host = await Holder.start(folder.snapshot);
      assertEquals(host.said, "ERR_LEMBRO_JOURNAL_IN_USE 1");
      await inside.kill();
      await using next = await Holder.start(mount.snapshot, { command });
      assertEquals([next.said, await next.tell("ids")], ["open", "a"]);
      assertEquals(await next.tell("close"), "closed");
    });

    it("with wait, the new one waits until the old one closes, and has all that it had", async () => {
      using folder = new Folder();
      using mount = new Folder();
      const command = containerOf(folder.path, mount.path);
      await using old = await Holder.start(mount.snapshot, { command });
      await old.tell("save a");
      await using fresh = Holder.begin(mount.snapshot, { command, wait: 60_000 });
      assertEquals(await old.tell("destroy a"), "destroy");
      await old.tell("save b");
      assertEquals(await old.tell("close"), "closed");
      assertEquals([await fresh.opened(), await fresh.tell("ids")], ["open", "b"]);
      assertEquals(await fresh.tell("close"), "closed");
      await using last = await Holder.start(folder.snapshot);
      assertEquals([last.said, await last.tell("ids")], ["open", "b"]);
    });

    it("start, work, overlap and close in any order: no file is broken, no logout undone", async () => {
      const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9);
      const chance = chances(seed);
      using folder = new Folder();
      using mount = new Folder();
      const kinds = [
        { command: containerOf(folder.path, mount.path), path: mount.snapshot },
        { command: HOLDER, path: folder.snapshot },
      ];
      const kept = new Set<string>();
      let [n, refused, waited, killed] = [0, 0, 0, 0];
      const work = async (holder: Holder) => {
        for (let steps = Math.floor(chance() * 6); steps > 0; steps--) {
          const sid = `s${n++}`;
          if (chance() < 0.6) {
            assertEquals(await holder.tell(`save ${sid}`), "save");
            kept.add(sid);
          } else {
            const [gone] = kept;
            if (!gone) continue;
            assertEquals(await holder.tell(`destroy ${gone}`), "destroy");
            kept.delete(gone);
          }
        }
      };
      const assertAll = async (holder: Holder) => {
        assertEquals(await holder.opened(), "open", `SEED=${seed}`);
        assertEquals(await holder.tell("ids"), [...kept].sort().join(" "), `SEED=${seed}`);
      };
      const end = async (holder: Holder) => {
        if (chance() < 0.4) {
          killed++;
          await holder.kill();
        } else assertEquals(await holder.tell("close"), "closed");
        assertEquals(holder.errors, []);
      };
      const some = () => kinds[Math.floor(chance() * 4) === 0 ? 1 : 0];
      for (let round = 0; round < ROUNDS; round++) {
        const first = some();
        await using one = await Holder.start(first.path, first);
        await assertAll(one);
        await work(one);
        const second = some();
        if (chance() < 0.4) {
          await using other = await Holder.start(second.path, second);
          assertMatch(other.said, /^ERR_LEMBRO_JOURNAL_IN_USE \d+$/);
          refused++;
          await work(one);
          await end(one);
          continue;
        }
        await using other = Holder.begin(second.path, { ...second, wait: 60_000 });
        if (chance() < 0.5) await work(one);
        await end(one);
        await assertAll(other);
        waited++;
        await work(other);
        await end(other);
      }
      assert(refused + waited === ROUNDS);
      if (ROUNDS > 20) {
        console.log(`${ROUNDS} rounds: ${refused} refused, ${waited} waited, ${killed} killed`);
      }
    });
  });
}
