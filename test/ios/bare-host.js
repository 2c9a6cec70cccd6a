// Runs in the shell of JavaScriptCore: what an iOS app would be to the SDK, with a parent process at the other end of
// standard input and output for whatever needs a system. A line is {name, text, bytes}, as a message crosses the bridge.
// `jsc bare-host.js -- tandem-device.js`

const { print, readline, quit, drainMicrotasks, load } = globalThis
const [bundle] = globalThis.arguments

// An app's JSContext has none of what the shell has.
for (const name of ['setTimeout', 'WebAssembly', 'console', 'SharedArrayBuffer', 'Atomics']) delete globalThis[name]
load(bundle)
const device = globalThis.TandemDevice

const early = []

const say = (name, text, bytes) => print(JSON.stringify({ name, text, bytes: bytes.map((b) => b.toBase64()) }))

/** @returns undefined when the parent is gone */
function hear() {
  const line = readline()
  if (line === '') return undefined
  const { name, text, bytes } = JSON.parse(line)
  return { name, text, bytes: bytes.map((b) => Uint8Array.fromBase64(b)) }
}

/** What the parent says meanwhile is heard afterwards. */
function random(count) {
  say('random', String(count), [])
  let heard = hear()
  while (heard && heard.name !== 'random') {
    early.push(heard)
    heard = hear()
  }
  return heard ? heard.bytes[0] : quit()
}

const deliver = device.start({ random, post: say }, hear().text)
for (;;) {
  drainMicrotasks()
  const heard = early.shift() ?? hear()
  if (!heard) quit()
  if (heard.name === 'has') say('has', String(heard.text in globalThis), [])
  else deliver(heard.name, heard.text, heard.bytes)
}
