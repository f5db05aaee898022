import { join } from "node:path";

/** A folder that is gone at the end. */
export class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "express-lembro-" });
  /** Where the snapshot goes. */
  readonly snapshot = join(this.path, "sessions");

  names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
