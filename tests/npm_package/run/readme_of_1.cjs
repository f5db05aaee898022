// The README of 1.1.0, line by line: its snippets run as they are, its claims are put to the
// package, and a line that is in none of the lists here is an error.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');

process.env.DEBUG = 'express-lembro';
const said = [];
const { write } = process.stderr;
process.stderr.write = (text) => said.push(String(text)) > 0;

const session = require('express-session');
const express = require('express');
const sizeomatic = require('sizeomatic');
const factory = require('express-lembro');

const Lembro = factory(session);
const HOUR = 3_600_000;
const cookieFor = (ms) => ({ expires: new Date(Date.now() + ms), originalMaxAge: ms });
const sized = (bytes, ms) => {
  const kept = { cookie: cookieFor(ms), fill: '' };
  const fill = (bytes - sizeomatic.getSize(JSON.stringify(kept))) / 2;
  return { ...kept, fill: 'x'.repeat(fill) };
};
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the README promises, by the first words of the line that does. */
const CLAIMS = {
  'If you are looking at this module': async () => {
    // Server-side, in memory, in one process: nothing but the process keeps it.
    const [store, other] = [new Lembro(), new Lembro()];
    await store.set('a', { cookie: cookieFor(HOUR) });
    assert.equal(await other.length(), 0);
  },
  'When you require it in, you': () => {
    assert.equal(typeof factory, 'function');
    assert.equal(typeof factory(session), 'function');
    assert.ok(new (factory({ Store: session.Store }))() instanceof session.Store);
    assert.ok(new (factory({ session: { Store: session.Store } }))() instanceof session.Store);
  },
  'If you want to configure any event listeners': () => {
    const store = new Lembro();
    const heard = [];
    store.on('error', (error) => heard.push(error.message));
    store.once('error', (error) => heard.push(`once: ${error.message}`));
    store.emit('error', new Error('told'));
    assert.deepEqual(heard, ['told', 'once: told']);
  },
  'Then pass that store to the `session` middle-ware.': () => visits(() => new Lembro()),
  'Or you can just new one up on the fly.': () => visits(() => new Lembro()),
  'The constructor takes an `options` object and a `callback`': async () => {
    await new Promise((resolve) => new Lembro({ maxSize: '4M' }, resolve));
    await new Promise((resolve) => new Lembro(resolve));
    await new Promise((resolve) => new Lembro(null, resolve));
    new Lembro({ maxSize: '4M' });
    new Lembro();
  },
  'This example will purge expired sessions every hour': () => {
    // 360000 ms never was an hour, but six minutes; the cache size is as it says.
    const { options } = new Lembro({ interval: 360000, maxSize: '4M' });
    assert.deepEqual([options.interval / 60_000, options.maxSize], [6, 4 * 1024 * 1024]);
  },
  '| interval | 360000': async () => {
    assert.equal(new Lembro().options.interval, 360000);
    const store = new Lembro({ interval: 20 });
    await store.set('a', { cookie: cookieFor(10) });
    await store.set('b', { cookie: cookieFor(HOUR) });
    // Nobody asks for the expired one.
    for (let n = 0; n < 200 && store.stats().sessions > 1; n++) await later(10);
    assert.deepEqual([store.stats().sessions, await store.ids()], [1, ['b']]);
  },
  '| maxSize  | 4M': async () => {
    assert.equal(new Lembro().options.maxSize, 4 * 1024 * 1024);
    const store = new Lembro({ maxSize: '64K' });
    for (let n = 0; n < 500; n++) {
      await store.set(`s${n % 90}`, sized(1024, HOUR));
      assert.ok(store.stats().bytes <= 64 * 1024);
    }
  },
  'The [sizeomatic]': async () => {
    for (const maxSize of ['2048', '2K', '2k', '3M', '3MB', '1G', 5000]) {
      assert.equal(new Lembro({ maxSize }).options.maxSize, sizeomatic.howManyBytes(maxSize));
    }
    const store = new Lembro();
    const kept = { cookie: cookieFor(HOUR), name: 'Ada' };
    await store.set('a', kept);
    assert.equal(store.stats().bytes, sizeomatic.getSize(JSON.stringify(kept)));
  },
  'In addition to the methods below': async () => {
    const store = new Lembro();
    const call = (method, ...args) =>
      new Promise((resolve, reject) =>
        store[method](...args, (error, result) => error ? reject(error) : resolve(result))
      );
    const kept = { cookie: cookieFor(HOUR), name: 'Ada' };
    await call('set', 'a', kept);
    assert.equal((await call('get', 'a')).name, 'Ada');
    assert.equal(await call('get', 'nobody'), undefined);
    await call('touch', 'a', { cookie: cookieFor(2 * HOUR), name: 'Eve' });
    const touched = await call('get', 'a');
    assert.equal(touched.name, 'Ada');
    assert.ok(new Date(touched.cookie.expires) - Date.now() > HOUR);
    assert.equal(await call('length'), 1);
    assert.deepEqual(Object.keys(await call('all')), ['a']);
    await call('destroy', 'a');
    assert.equal(await call('length'), 0);
    await call('set', 'a', kept);
    await call('clear');
    assert.equal(await call('length'), 0);
    for (const method of ['createSession', 'load', 'regenerate']) {
      assert.equal(typeof store[method], 'function');
    }
  },
  'This method call will reduce the amount of memory': async () => {
    const store = new Lembro({ maxSize: '10K' });
    for (let n = 0; n < 10; n++) await store.set(`s${n}`, sized(1024, HOUR + n));
    assert.equal(await store.length(), 10, 'at the maximum, not over it');
    await new Promise((resolve) => store.reduce(resolve));
    assert.equal(store.stats().bytes, 7 * 1024, 'as many as 75 % has room for');
    for (let n = 10; n < 13; n++) await store.set(`s${n}`, sized(1024, HOUR + n));
    assert.equal(store.stats().bytes, 10 * 1024);
    await store.set('one too many', sized(1024, HOUR));
    assert.equal(store.stats().bytes, 7 * 1024, 'nobody had to call it');
  },
  'This is the only method instrumented for debugging': async () => {
    const store = new Lembro({ maxSize: '10K' });
    said.length = 0;
    for (let n = 0; n < 10; n++) await store.set(`s${n}`, sized(1024, HOUR));
    await store.all();
    await store.purge();
    assert.deepEqual(said, []);
    await store.reduce();
    assert.equal(said.length, 2);
    assert.match(said[0], /express-lembro.*10\.000K/);
    assert.match(said[1], /express-lembro.*7\.000K/);
  },
  '| Leaks memory by not purging expired sessions': () => CLAIMS['| interval | 360000'](),
  '| Unbounded cache size': () => CLAIMS['| maxSize  | 4M'](),
  '| Will not scale past a single process': () => CLAIMS['If you are looking at this module'](),
  '| Sessions lost on server restart': () => CLAIMS['If you are looking at this module'](),
};

/** Headings, tables' frames, and what is said about others: promises nothing. */
const BACKGROUND = [
  /^#/, /^\|-/, /^\| Option /, /^\| `MemoryStore` \|/, /^\$ npm install express-lembro$/, /^>/,
  /^\*It's not meant to scale/, /^\*\*You've come/,
  /^(If you've used|And if you tried|Warning: connection|designed for a|memory, and obviously)/,
  /^(That sounds ominous|The reality is|[12]\. \*\*|\d\. There is|Pedantic\?|I know we'd|The most common)/,
  /^(This module aims|- If you|I used \[)/,
];

main().then(() => console.log('every line'), (error) => {
  process.stderr.write = write;
  console.error(error);
  process.exitCode = 1;
});

async function main() {
  const file = readFileSync(require.resolve('express-lembro-1/README.md'), 'utf8');
  const readme = file.replaceAll('\r', '');
  const snippets = [];
  const text = readme.replace(/```javascript\n([^]*?)```/g, (_, snippet) => {
    snippets.push(snippet);
    return '';
  });
  assert.equal(snippets.length, 5);
  const ready = await new Promise((resolve) => {
    // They are parts of one program, which has an app.
    const program = new Function('require', 'app', 'assert', 'console', snippets.join('\n'));
    program(require, express(), assert, { log: resolve });
  });
  assert.equal(ready, 'session store ready, captain.');

  const lines = text.split('\n').map((line) => line.trim()).filter((line) => /\w/.test(line));
  const kept = new Set();
  for (const line of lines) {
    const claim = Object.keys(CLAIMS).find((start) => line.startsWith(start));
    if (!claim) {
      assert.ok(BACKGROUND.some((start) => start.test(line)), `nobody looked at: ${line}`);
      continue;
    }
    try {
      await CLAIMS[claim]();
    } catch (error) {
      throw new Error(`not so: ${line}`, { cause: error });
    }
    kept.add(claim);
  }
  assert.deepEqual(Object.keys(CLAIMS).filter((claim) => !kept.has(claim)), []);
}

/** A visitor of an app with that store is known the second time. */
async function visits(newStore) {
  const app = express();
  app.use(session({ store: newStore(), secret: 's', resave: false, saveUninitialized: false }));
  app.get('/', (req, res) => res.send(`${req.session.visits = (req.session.visits ?? 0) + 1}`));
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const first = await fetch(url);
  const cookie = first.headers.get('set-cookie').split(';')[0];
  assert.equal(await first.text(), '1');
  assert.equal(await (await fetch(url, { headers: { cookie } })).text(), '2');
  server.close();
  server.closeAllConnections();
}
