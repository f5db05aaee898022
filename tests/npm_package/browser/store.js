// A store in a browser, on a class that is nothing but a class. What it found is left in `found`.
import expressLembro from './cdn.js';

class Store {}
const Lembro = expressLembro({ Store });
const logged = [];
console.debug = (...message) => logged.push(message.join(' '));

const ready = new Promise((resolve) => {
  globalThis.store = new Lembro({ maxSize: '64K', interval: 20 }, resolve);
});
await ready;

localStorage.setItem('debug', 'somebody:else express-*');
await store.reduce();
localStorage.setItem('debug', '');
await store.reduce();

let most = 0;
const saves = [];
for (let n = 0; n < 1000; n++) {
  saves.push(store.set(`visitor ${n}`, { name: 'Ada', fill: 'x'.repeat(500) }));
  most = Math.max(most, store.stats().bytes);
}
await Promise.all(saves);
const filled = store.stats();

// The clock is held, so that no slow machine lets the session expire before it is asked for.
let time = Date.now();
Date.now = () => time;
await store.set('soon gone', { cookie: { maxAge: 30 } });
const kept = await store.get('soon gone');
const { expired } = store.stats();
time += 30;
// Nobody asks for it: the timer finds it.
while (store.stats().expired === expired) {
  await new Promise((resolve) => setTimeout(resolve, 5));
}

const refused = await store.set('large', { fill: 'x'.repeat(40_000) }).catch(({ code }) => code);
const calledBack = await new Promise((resolve) => {
  store.get('visitor 999', (error, session) => resolve([error, session.name]));
});
await store.clear();

globalThis.found = {
  isStore: store instanceof Store,
  className: Lembro.name,
  most,
  filled,
  logged: logged.map((message) => message.replace(/\d+B|%\S|color: \S+|\+\d+ms/g, '').trim()),
  kept,
  gone: await store.get('soon gone'),
  expired: store.stats().expired - expired,
  refused,
  calledBack,
  left: await store.length(),
};
