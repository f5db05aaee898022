import type { Port, Restored } from "../core/port.ts";
import type { Purpose } from "./block_reader.ts";
import { checkIsFile, type Disk } from "./disk.ts";
import type { Secrets } from "./encryption.ts";
import { Loader } from "./loader.ts";
import { DiskWatch } from "./outage.ts";
import { PATIENCE } from "./snapshot_writer.ts";

const PURPOSE: Purpose = {
  cannot: "load snapshot",
  code: "ERR_LEMBRO_SNAPSHOT",
  kind: "snapshot",
};

/** Brings the sessions of the file at `path` to a store: all that are there, or none. */
export async function readSnapshot(
  disk: Disk,
  port: Port,
  path: string,
  secrets: Secrets,
  signal?: AbortSignal,
): Promise<Restored> {
  const watch = new DiskWatch(PATIENCE, () => {});
  // At once: what is destroyed while the file is read must not come back from it.
  const loader = new Loader(port);
  const read = async (disk: Disk) => {
    await checkIsFile(disk, path, PURPOSE.cannot);
    return await loader.read(disk, path, PURPOSE, secrets, signal);
  };
  try {
    const reader = await watch.orHang(read(watch.over(disk)));
    // From here on it is done in any case: a store with a part of it would be neither.
    return await loader.enter(reader);
  } finally {
    loader.stop();
  }
}
