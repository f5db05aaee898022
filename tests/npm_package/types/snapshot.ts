// Sessions in a file, in every module system.
import session from "express-session";
import lembro from "express-lembro";
import {
  type LoadedSnapshot,
  loadSnapshot,
  type SavedSnapshot,
  saveSnapshot,
  type SnapshotOptions,
} from "express-lembro/snapshot";

const store = new (lembro(session))();

async function restart(path: string) {
  const options: SnapshotOptions = { secret: ["new", "old"] as const };
  const saved: SavedSnapshot = await saveSnapshot(store, path, options);
  const loaded: LoadedSnapshot = await loadSnapshot(store, new URL(`file:${path}`), options);
  const bare = new (lembro({ Store: class {} }))();
  const again: { sessions: number } = await loadSnapshot(bare, path);
  return [saved.sessions, saved.bytes, loaded.sessions, loaded.expired, loaded.omitted]
    .concat(again.sessions);
}
// @ts-expect-error It has to be a store of this package.
saveSnapshot(new session.MemoryStore(), "sessions");
// @ts-expect-error A path is needed.
loadSnapshot(store);
// @ts-expect-error A secret is a string.
saveSnapshot(store, "sessions", { secret: 1 });
// @ts-expect-error There is no such number.
loadSnapshot(store, "sessions").then(({ evicted }) => evicted);

export { restart };
