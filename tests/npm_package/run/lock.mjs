// One writer, among processes, workers and runtimes.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import lembro from 'express-lembro';
import { openJournal } from 'express-lembro/journal';
import session from 'express-session';

const Lembro = lembro(session);
const here = fileURLToPath(import.meta.url);
const IN_USE = 'ERR_LEMBRO_JOURNAL_IN_USE';

if (!isMainThread) parentPort.postMessage(await tryToHold(workerData));
else if (process.argv[2] === 'hold') console.log(await tryToHold(process.argv[3]));
else await all();

// Opens the journal and keeps it, or says why not.
async function tryToHold(path) {
  // It keeps the process, or the worker.
  setInterval(() => {}, 1000);
  try {
    const store = new Lembro();
    const journal = await openJournal(store, path);
    await store.set('kept', { cookie: new session.Cookie() });
    await journal.flush();
    return 'open';
  } catch ({ code, pid }) {
    return `${code} ${pid}`;
  }
}

async function all() {
  const folder = mkdtempSync(join(tmpdir(), 'express-lembro-'));
  try {
    await processes(join(folder, 'sessions'));
    await containers(join(folder, 'of containers'));
    await workers(join(folder, 'of workers'));
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log('one writer');
  process.exit();
}

async function start(path, inside = []) {
  const runtime = process.versions.deno ? ['run', '-A'] : [];
  const stdio = ['ignore', 'pipe', 'inherit'];
  const [command, ...args] = [...inside, process.execPath, ...runtime, here, 'hold', path];
  const child = spawn(command, args, { stdio });
  const [said] = await once(child.stdout, 'data');
  return { child, said: `${said}`.trim() };
}

async function kill(child) {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

// A live process keeps the journal, a killed one leaves it as it was.
async function killed(path) {
  const { child, said } = await start(path);
  assert.equal(said, 'open');
  const error = await openJournal(new Lembro(), path).catch((error) => error);
  assert.deepEqual([error.code, error.pid], [IN_USE, child.pid]);
  await kill(child);
  const store = new Lembro();
  const journal = await openJournal(store, path);
  assert.deepEqual(await store.ids(), ['kept']);
  return { store, journal };
}

async function processes(path) {
  const { store, journal } = await killed(path);
  const { child, said } = await start(path);
  assert.equal(said, `${IN_USE} ${process.pid}`);
  await kill(child);
  // With wait, the next one comes in when this one closes.
  const other = new Lembro();
  const next = openJournal(other, path, { wait: 20_000 });
  await delay(50);
  await store.destroy('kept');
  await journal.close();
  await (await next).close();
  assert.deepEqual(await other.ids(), []);
}

// Each is process 1 in namespaces of its own.
async function containers(path) {
  const namespaces = ['--pid', '--fork', '--mount-proc', '--net', '--kill-child=SIGKILL'];
  const { status, error, stderr } = spawnSync('unshare', [...namespaces, 'true']);
  if (status !== 0) return console.error(`Skipped containers: ${error?.message ?? stderr}`);
  const first = await start(path, ['unshare', ...namespaces]);
  assert.equal(first.said, 'open');
  const second = await start(path, ['unshare', ...namespaces]);
  assert.equal(second.said, `${IN_USE} 1`);
  const refused = await openJournal(new Lembro(), path).catch((error) => error);
  assert.deepEqual([refused.code, refused.pid], [IN_USE, 1]);
  await kill(second.child);
  await kill(first.child);
  const journal = await openJournal(new Lembro(), path, { wait: 5000 });
  await journal.close();
}

async function workers(path) {
  const start = async () => {
    const worker = new Worker(here, { workerData: path });
    const [said] = await once(worker, 'message');
    return { worker, said };
  };
  const first = await start();
  assert.equal(first.said, 'open');
  const second = await start();
  assert.equal(second.said, `${IN_USE} ${process.pid}`);
  await second.worker.terminate();
  const refused = await openJournal(new Lembro(), path).catch((error) => error);
  assert.match(refused.message, /another thread of this process/);
  await first.worker.terminate();
  // Deno lets a worker go some moments later.
  const journal = await openJournal(new Lembro(), path, { wait: 10_000 });
  await journal.close();
  const names = readdirSync(join(path, '..'));
  assert.deepEqual(names.filter((name) => name.includes('.lock')), []);
}
