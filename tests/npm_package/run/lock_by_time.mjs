// Where the kernel keeps no lock, and where file handles cannot sync.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import lembro from 'express-lembro';
import { openJournal } from 'express-lembro/journal';
import { loadSnapshot, saveSnapshot } from 'express-lembro/snapshot';
import session from 'express-session';

const Lembro = lembro(session);
const holder = fileURLToPath(new URL('./lock.mjs', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'express-lembro-'));
try {
  await withoutSync(join(folder, 'of Yarn'));
  // No socket has such a path.
  const deep = join(folder, 'deep'.repeat(30));
  mkdirSync(deep);
  await withoutSocket(join(deep, 'sessions'));
} finally {
  rmSync(folder, { recursive: true });
}
console.log('one writer');

async function withoutSocket(path) {
  const runtime = process.versions.deno ? ['run', '-A'] : [];
  const stdio = ['ignore', 'pipe', 'inherit'];
  const child = spawn(process.execPath, [...runtime, holder, 'hold', path], { stdio });
  const [said] = await once(child.stdout, 'data');
  assert.equal(`${said}`, 'open\n');
  const error = await openJournal(new Lembro(), path).catch((error) => error);
  assert.deepEqual([error.code, error.pid], ['ERR_LEMBRO_JOURNAL_IN_USE', child.pid]);
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
  const store = new Lembro();
  const journal = await openJournal(store, path);
  assert.deepEqual(await store.ids(), ['kept']);
  await journal.close();
}

// The file handles of Yarn's loader have these methods, but they only throw.
async function withoutSync(path) {
  const handle = await open(holder);
  const prototype = Object.getPrototypeOf(handle);
  await handle.close();
  const { sync, datasync } = prototype;
  prototype.sync = prototype.datasync = () => {
    throw new Error('Method not implemented.');
  };
  try {
    const store = new Lembro();
    const journal = await openJournal(store, path);
    await store.set('kept', { cookie: new session.Cookie() });
    await journal.close();
    await saveSnapshot(store, `${path} too`);
    assert.equal((await loadSnapshot(new Lembro(), `${path} too`)).sessions, 1);
  } finally {
    Object.assign(prototype, { sync, datasync });
  }
}
