// Sails: it requires the store by its name, and hands it all of its own session configuration.
const sails = require("sails");

const count = (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1;
  response.json({ visits: request.session.visits });
};

sails.lift({
  appPath: __dirname,
  port: Number(process.env.PORT ?? 3000),
  explicitHost: "127.0.0.1",
  log: { level: "error" },
  globals: false,
  session: { adapter: "express-lembro", secret: "change me", maxSize: "16M" },
  // Its sockets have the session of the page that opened them.
  hooks: { sockets: require("sails-hook-sockets") },
  routes: { "GET /": count },
}, (error) => {
  if (error) throw error;
  console.log(`http://127.0.0.1:${sails.hooks.http.server.address().port}`);
});
