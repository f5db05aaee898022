/**
 * The npm package as its users get it: built, packed, and installed into an
 * empty project. `LEMBRO_PACKAGE` names a folder that holds it already built.
 *
 * @module
 */
import { assert } from "@std/assert";
import { cp } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** What npm says of a packed package. */
interface Packed {
  filename: string;
  /** In bytes, packed and unpacked. */
  size: number;
  unpackedSize: number;
  files: { path: string; size: number }[];
}

/** A built package, its tarball, and projects that it is installed in. */
export class Installed implements AsyncDisposable {
  /** Where all of it is; gone at the end. */
  readonly scratch: string;
  /** The folder that was built. */
  readonly built: string;
  /** What npm says of the tarball. */
  readonly packed: Packed;

  private constructor(scratch: string, built: string, packed: Packed) {
    this.scratch = scratch;
    this.built = built;
    this.packed = packed;
  }

  /** Builds the package, unless that is done, and packs it. */
  static async pack(): Promise<Installed> {
    const scratch = await Deno.makeTempDir({ prefix: "express-lembro-" });
    const given = Deno.env.get("LEMBRO_PACKAGE");
    const built = given ? resolve(given) : join(scratch, "npm");
    if (!given) {
      const build = ["run", "-A", "scripts/suppliers.ts", "run", "-A", "scripts/build_npm.ts"];
      await succeeds(root, Deno.execPath(), [...build, built]);
    }
    const printed = await succeeds(built, "npm", ["pack", "--json", "--pack-destination", scratch]);
    const [packed] = JSON.parse(printed);
    return new Installed(scratch, built, packed);
  }

  /** A project with the files of `fixtures`, and the package and `others` in it. */
  async project(name: string, fixtures: string, others: string[]): Promise<string> {
    const folder = join(this.scratch, name);
    await cp(join(root, fixtures), folder, { recursive: true });
    const manifest = join(folder, "package.json");
    await Deno.writeTextFile(manifest, "{}", { createNew: true }).catch(async () => {
      // What it takes from npm once it is published comes from here.
      const { dependencies, ...rest } = JSON.parse(await Deno.readTextFile(manifest));
      delete dependencies["express-lembro"];
      await Deno.writeTextFile(manifest, JSON.stringify({ ...rest, dependencies }));
    });
    await succeeds(folder, "npm", ["install", join(this.scratch, this.packed.filename), ...others]);
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.scratch, { recursive: true });
  }
}

/** Runs a command that has to succeed, and gives what it printed. */
export async function succeeds(
  cwd: string,
  command: string,
  args: string[],
  options: Deno.CommandOptions = {},
): Promise<string> {
  const output = await new Deno.Command(command, { args, cwd, ...options }).output();
  const [printed, complaint] = [output.stdout, output.stderr]
    .map((bytes) => new TextDecoder().decode(bytes));
  assert(output.success, `${[command, ...args].join(" ")} failed:\n${printed}${complaint}`);
  return printed;
}
