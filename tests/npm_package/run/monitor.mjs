// An app may require the package and import its monitor, or the other way round.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import express from 'express';
import session from 'express-session';
import imported from 'express-lembro';
import * as importedMonitor from 'express-lembro/monitor';

const require = createRequire(import.meta.url);
const required = require('express-lembro');
const requiredMonitor = require('express-lembro/monitor');
assert.notEqual(importedMonitor.monitor, requiredMonitor.monitor, 'there would be nothing to test');

let times = 0;
for (const { monitor } of [importedMonitor, requiredMonitor]) {
  for (const lembro of [imported, required]) {
    const store = new (lembro(session))();
    await store.set('a', { cookie: new session.Cookie(), name: 'Ada' });
    const watch = monitor(store);
    const server = express().use('/monitor', watch).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ask = (path) => fetch(`http://127.0.0.1:${server.address().port}/monitor${path}`);
    const page = await ask('');
    assert.equal(page.status, 200);
    for (const [, file] of (await page.text()).matchAll(/(?:src|href)="(.*?)"/g)) {
      const part = await ask(`/${file}`);
      assert.equal(part.status, 200, file);
      await part.text();
    }
    assert.deepEqual(await (await ask('/stats.json')).json(), store.stats());
    server.close();
    server.closeAllConnections?.();
    // Neither the store nor the monitor is closed: the process has to end by itself.
    times++;
  }
}
console.log(`${times} times`);
