"use strict";

// The control port of our own Node servers: it takes batches of events and has them broadcast. batch.py says the format.

const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");

const HOST = "127.0.0.1";
const BACKLOG = 4096; // as in limits.py
const NUMBER_BYTES = 4;
const TAKEN = ".";

/** Splits one batch from the bytes received; null while it is not complete. */
function splitBatch(bytes) {
  if (bytes.length < NUMBER_BYTES) return null;
  const count = bytes.readUInt32BE(0);
  const events = [];
  let at = NUMBER_BYTES;
  for (let index = 0; index < count; index += 1) {
    if (bytes.length < at + NUMBER_BYTES) return null;
    const end = at + NUMBER_BYTES + bytes.readUInt32BE(at);
    if (bytes.length < end) return null;
    events.push(bytes.subarray(at + NUMBER_BYTES, end));
    at = end;
  }
  return { events, rest: bytes.subarray(at) };
}

/** Listens on the port; `broadcast` writes one event, a Buffer of UTF-8, to every viewer. */
function serveControl(port, version, broadcast) {
  const server = net.createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.write(`${version}\n`);
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (let batch = splitBatch(bytes); batch; batch = splitBatch(bytes)) {
        bytes = batch.rest;
        batch.events.forEach(broadcast);
        socket.write(TAKEN);
      }
    });
  });
  server.listen(port, HOST);
}

/** The installed version of a package; read from the folder, since `exports` may hide its package.json. */
function versionOf(name) {
  const folder = require.resolve.paths(name).find((one) => fs.existsSync(path.join(one, name, "package.json")));
  return JSON.parse(fs.readFileSync(path.join(folder, name, "package.json"), "utf8")).version;
}

module.exports = { BACKLOG, HOST, serveControl, versionOf };
