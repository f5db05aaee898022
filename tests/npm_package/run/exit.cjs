// Nothing but a store is left, and nobody closes it.
const session = require('express-session');
const Lembro = require('express-lembro')(session);

const store = new Lembro({ interval: 50 });
store.set('a', { cookie: new session.Cookie() }, () => console.log('set'));
