// The store may come in by require and the journal by import, and the other way round.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import imported from 'express-lembro';
import * as importedJournal from 'express-lembro/journal';
import session from 'express-session';

const require = createRequire(import.meta.url);
const ROUNDS = 2;
// A process is killed at any moment after it has answered so many.
const LOGOUTS = 5;

const [, , role, given, name, secret] = process.argv;
if (role === 'use') await use(given, name, secret);
else if (role === 'leave') await leave(given);
else await all();

async function open(path, options, lembro = imported, { openJournal } = importedJournal) {
  const store = new (lembro(session))({ maxSize: '64M' });
  const journal = await openJournal(store, path, options);
  return { store, journal };
}

// Works until it is killed, and says which logouts were answered.
async function use(path, name, secret) {
  const { store } = await open(path, { interval: 50, ...(secret && { secret }) });
  for (let n = 0;; n++) {
    const sid = `${name} ${n}`;
    await store.set(sid, { cookie: new session.Cookie(), text: 'x'.repeat(3000) });
    if (n % 3 === 0) {
      await store.destroy(sid);
      process.stdout.write(`${sid}\n`);
    }
  }
}

// Ends by itself, with a change that nobody has waited for.
async function leave(path) {
  const { store } = await open(path, { interval: 60_000 });
  store.set('left', { cookie: new session.Cookie() }, () => {});
}

function start(...args) {
  const runtime = process.versions.deno ? ['run', '-A'] : [];
  return spawn(process.execPath, [...runtime, fileURLToPath(import.meta.url), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function all() {
  const folder = mkdtempSync(join(tmpdir(), 'express-lembro-'));
  try {
    await betweenBuilds(folder);
    for (const secret of ['', 'a secret']) await killed(join(folder, `killed ${secret}`), secret);
    await byItself(join(folder, 'left'));
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log('survived');
}

async function betweenBuilds(folder) {
  const lembros = [imported, require('express-lembro')];
  const journals = [importedJournal, require('express-lembro/journal')];
  assert.notEqual(journals[0].openJournal, journals[1].openJournal, 'there is nothing to test');
  for (const [i, lembro] of lembros.entries()) {
    for (const [j, module] of journals.entries()) {
      const path = join(folder, `${i}${j}`);
      const { store, journal } = await open(path, { secret: 'x' }, lembro, module);
      await store.set('a', { cookie: new session.Cookie(), n: 1 });
      // One journal at a time, whichever of the builds asks.
      for (const { openJournal } of journals) {
        await assert.rejects(openJournal(store, `${path} too`), /must have no open journal/);
        const other = new (lembro(session))();
        const error = await openJournal(other, path).catch((error) => error);
        assert.deepEqual([error.code, error.pid], ['ERR_LEMBRO_JOURNAL_IN_USE', process.pid]);
      }
      await journal[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]();
      if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600);
      for (const other of lembros) {
        for (const module of journals) {
          const again = await open(path, { secret: 'x' }, other, module);
          assert.deepEqual((await again.store.get('a')).n, 1);
          await again.journal.close();
        }
      }
    }
  }
}

async function killed(path, secret) {
  const gone = [];
  for (let round = 0; round < ROUNDS; round++) {
    const child = start('use', path, `round ${round}`, ...(secret ? [secret] : []));
    let text = '';
    const answered = () => text.split('\n').slice(0, -1);
    await new Promise((resolve, reject) => {
      child.on('close', (code) => reject(new Error(`It ended by itself, with ${code}.`)));
      child.stdout.on('data', (part) => {
        text += part;
        if (answered().length >= LOGOUTS) resolve();
      });
    });
    await delay(Math.random() * 200);
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    gone.push(...answered());
  }
  const { store, journal } = await open(path, secret ? { secret } : {});
  const sids = await store.ids();
  assert.deepEqual(sids.filter((sid) => gone.includes(sid)), []);
  assert.ok(sids.length > 0);
  await journal.close();
}

async function byItself(path) {
  const child = start('leave', path);
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  const { store, journal } = await open(path);
  assert.deepEqual(await store.ids(), ['left']);
  await journal.close();
  assert.deepEqual(readdirSync(join(path, '..')).filter((name) => name.includes('.lock')), []);
}
