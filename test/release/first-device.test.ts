import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { x25519 } from '@noble/curves/ed25519.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { createDrain, createLog, trustKeys } from '@tandem/service'
import { loadIdentity } from '@tandem/sigpair'
import { canonicalJson, fromUtf8, hello, helloAnswer, toHex } from '@tandem/wire'
import { createPool } from '../../sigpair/src/compute/pool.ts'
import { DEADLINES } from '../../sigpair/src/config.ts'
import { serveDialogue } from '../../sigpair/src/dialogue/dialogue.ts'
import { listenForDevices } from '../../sigpair/src/server.ts'
import { openSocket } from '../helpers/device.ts'
import { rng, startSurroundings } from '../helpers/sigpair.ts'
import { deviceOf, type GoldenDialogue } from './recorded-dialogue.ts'

const releases = readdirSync(import.meta.dirname).filter((name) => name.startsWith('golden-'))

describe.each(releases)('a device of %s', (release) => {
  const file = join(import.meta.dirname, release, 'dialogue.json')
  const golden = JSON.parse(readFileSync(file, 'utf8')) as GoldenDialogue

  test('says what today’s device says to a Sigpair that speaks its version, bit for bit', () => {
    expect(bytesToHex(deviceOf(golden).message1)).toBe(golden.message1)
  })

  test('is understood in every operation', () => {
    for (const text of golden.hellos) expect(canonicalJson(hello.parse(JSON.parse(text)))).toBe(text)
    expect(golden.hellos.map((text) => (JSON.parse(text) as { op: string }).op)).toEqual([
      ...['keygen', 'presign', 'sign', 'refresh', 'recover'],
    ])
  })

  test.each([
    ['of today', undefined],
    ['that also speaks later versions', [1, 2, 3]],
  ])('is answered by a Sigpair %s', async (_, versions) => {
    const sigpair = await sigpairOf(golden, versions)
    const socket = openSocket(`${sigpair.url}/v1/keygen`, golden.subprotocol)
    await socket.opened
    socket.send(hexToBytes(golden.message1))
    const { answer } = deviceOf(golden).finish(await socket.next())
    expect(helloAnswer.parse(JSON.parse(fromUtf8(answer)))).toMatchObject({ identity: toHex(sigpair.identity) })
    socket.leave()
    await sigpair.close()
  })
})

/** A Sigpair at the time of the recording, with the keys of the recording. */
async function sigpairOf({ sigpairSecret, functionsKey, nowMs }: GoldenDialogue, versions: number[] | undefined) {
  const around = await startSurroundings()
  const { stores } = await around.view()
  const pool = createPool({ dialogues: 1, threads: 1 })
  const own = await loadIdentity(stores)
  const privateKey = hexToBytes(sigpairSecret)
  const identity = { ...own, exchange: { ...own.exchange, privateKey, publicKey: x25519.getPublicKey(privateKey) } }
  const deps = {
    ...{ stores: { ...stores, now: () => nowMs }, pool, rng, identity, roundMs: 5_000, deadlines: DEADLINES },
    ...{ trust: trustKeys([functionsKey]), log: createLog({ name: 'test', level: 'silent' }) },
  }
  const server = await listenForDevices({
    ...{ host: '127.0.0.1', port: 0, rules: { hosts: ['127.0.0.1'], origins: [], proxies: 0 } },
    bounds: { sockets: 8, perAddress: 8, pingMs: 30_000 },
    drain: createDrain(),
    http: async (_request, response) => void response.end(),
    serve: async (socket, arrival) => serveDialogue(deps, socket, arrival),
    ...(versions && { versions }),
  })
  const close = async () => {
    await server.close(0)
    await pool.close()
    await around.close()
  }
  return { url: server.url, identity: own.identity.publicKey, close }
}
