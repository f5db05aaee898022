import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import type { LembroStore } from "express-lembro";

/** Interim: until the journal is there. */
export async function keepSessions(store: LembroStore, path: string) {
  await loadSnapshot(store, path).catch((error) => {
    if (error.code !== "ENOENT") throw error;
  });
  const timer = setInterval(() => saveSnapshot(store, path), 400);
  return {
    async close() {
      clearInterval(timer);
      await saveSnapshot(store, path);
    },
  };
}
