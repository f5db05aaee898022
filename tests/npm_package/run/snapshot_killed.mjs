// Starts itself again and again as a process that saves one content and another, and kills it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import lembro from 'express-lembro';
import { loadSnapshot, saveSnapshot } from 'express-lembro/snapshot';
import session from 'express-session';

const SESSIONS = 1_000;
const ROUNDS = 3;
const Lembro = lembro(session);

const given = process.argv[2];
if (given) await saveFor(given);
else await killAll();

async function saveFor(path) {
  const stores = [];
  for (const name of 'AB') {
    const store = new Lembro({ maxSize: '16M' });
    for (let i = 0; i < SESSIONS; i++) {
      await store.set(`${name}${i}`, { cookie: new session.Cookie(), text: name.repeat(300) });
    }
    stores.push(store);
  }
  for (let i = 0;; i++) {
    await saveSnapshot(stores[i % 2], path);
    if (i === 0) console.log('saving');
  }
}

async function killAll() {
  const folder = mkdtempSync(join(tmpdir(), 'express-lembro-'));
  const path = join(folder, 'sessions');
  const args = process.versions.deno ? ['run', '-A'] : [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const child = spawn(process.execPath, [...args, fileURLToPath(import.meta.url), path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const closed = once(child, 'close');
      await once(child.stdout, 'data');
      await delay(Math.random() * 50);
      child.kill('SIGKILL');
      await closed;
      const store = new Lembro({ maxSize: '16M' });
      assert.deepEqual(await loadSnapshot(store, path), {
        sessions: SESSIONS,
        expired: 0,
        omitted: 0,
      });
      const sids = await store.ids();
      assert.ok(sids.every((sid) => sid[0] === sids[0][0]), 'a mix of two');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log('whole');
}
