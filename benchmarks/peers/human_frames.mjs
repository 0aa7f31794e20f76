// CPU milliseconds a frame of @vladmandic/human: its detector and its emotion model, on WebAssembly with one thread.
//   node human_frames.mjs MODULES FRAMES.raw WIDTH HEIGHT COUNT
// FRAMES.raw holds uint8 RGB frames; prints one JSON object.
import { createServer } from 'node:http';
import { openSync, readSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, path, width, height, count] = process.argv.slice(2);
const [w, h, n] = [width, height, count].map(Number);
const require = createRequire(join(modules, 'index.js'));
const wasm = require('@tensorflow/tfjs-backend-wasm');
const { Human } = require(join(modules, '@vladmandic', 'human', 'dist', 'human.node-wasm.js'));

// Its loader fetches over HTTP only.
const models = join(modules, '@vladmandic', 'human', 'models');
const server = createServer((request, response) => {
  try {
    response.end(readFileSync(join(models, request.url.split('/').pop())));
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

wasm.setThreadsCount(1);
const human = new Human({
  debug: false,
  backend: 'wasm',
  wasmPath: `${join(modules, '@tensorflow', 'tfjs-backend-wasm', 'dist')}/`,
  modelBasePath: `http://127.0.0.1:${server.address().port}/`,
  cacheSensitivity: 0,
  filter: { enabled: false },
  face: {
    enabled: true,
    detector: { rotation: false, maxDetected: 50, minConfidence: 0.2, skipFrames: 0, skipTime: 0 },
    mesh: { enabled: false },
    iris: { enabled: false },
    description: { enabled: false },
    emotion: { enabled: true, skipFrames: 0, skipTime: 0 },
    antispoof: { enabled: false },
    liveness: { enabled: false },
  },
  body: { enabled: false },
  hand: { enabled: false },
  object: { enabled: false },
  gesture: { enabled: false },
  segmentation: { enabled: false },
});
await human.init();
await human.load();

const file = openSync(path, 'r');
const bytes = new Uint8Array(w * h * 3);
async function frame(k) {
  readSync(file, bytes, 0, bytes.length, k * bytes.length);
  const tensor = human.tf.tensor(bytes, [1, h, w, 3], 'int32');
  const result = await human.detect(tensor);
  human.tf.dispose(tensor);
  return result.face.length;
}
for (let k = 0; k < 3; k += 1) await frame(k % n);
const before = process.cpuUsage();
let faces = 0;
for (let k = 0; k < n; k += 1) faces += await frame(k);
const used = process.cpuUsage(before);
console.log(JSON.stringify({ cpu_ms: (used.user + used.system) / 1e3 / n, faces: faces / n, version: human.version }));
process.exit(0);
