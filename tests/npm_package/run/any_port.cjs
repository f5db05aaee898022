// The apps in the README listen on a port that may be taken here: they get any free one.
const { Server } = require('node:net');

const { listen } = Server.prototype;
Server.prototype.listen = function (_port, ...rest) {
  return listen.call(this, 0, ...rest);
};
