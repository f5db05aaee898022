// Replaces `stop` in an app whose sessions are in memory, with a journal. At the
// next stop it moves them to Redis, if there is a file `move-to-redis` with the
// address of a Redis that answers. Then start the app with its sessions on Redis.
// If sessions failed, remove the file and start the app as before: all sessions
// are still in the journal.
import lembroRedis from "express-lembro/redis";
import { transferSessions } from "express-lembro/transfer";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createClient } from "redis";

async function connect(url) {
  const socket = { connectTimeout: 5_000, socketTimeout: 5_000, reconnectStrategy: false };
  const options = { url, socket, pingInterval: 1_000, disableOfflineQueue: true };
  return await createClient(options).on("error", console.error).connect();
}

async function stop() {
  const url = await readFile("move-to-redis", "utf8").catch(() => "");
  const client = url && await connect(url.trim()).catch((error) => void console.error(error));
  server.close();
  setTimeout(() => server.closeAllConnections(), 10_000).unref();
  await once(server, "close");
  if (client) {
    const target = new (lembroRedis(session))({ client });
    const { transferred, failed } = await transferSessions(store, target);
    console.log(`${transferred} sessions moved, ${failed.length} failed`);
  } else if (url) {
    console.error("No session moved: no connection to Redis");
  }
  await journal.close();
  process.exit();
}
process.once("SIGTERM", stop).once("SIGINT", stop);
