import { broadcastPart, broadcastStatement } from '@tandem/ecdsa'
import type { Network, NodeName } from '../../sigpair/src/committee/network.ts'
import type { CommitteeDeps } from '../../sigpair/src/committee/operations/deps.ts'
import { decode } from '../../sigpair/src/committee/operations/messages.ts'
import { fast } from '../helpers/backends.ts'
import {
  ask,
  eventually,
  generate,
  keyAt,
  keyIdOf,
  message,
  openWorld,
  readyEverywhere,
  verifies,
  type World,
} from './committee-world.ts'

const ALL = { threshold: 2, nodes: [1, 2, 3] }
const CHEAT = 2
const TIMING = { roundMs: 2_500, readyMs: 2_500 }

/** In a payload: 1 ‖ session ‖ signature ‖ frame header ‖ body. Source: docs/spec/committee.md 4.2; wire.md, section 2. */
const SIGNATURE = 1 + 32
const FRAME = SIGNATURE + 64
const PROTOCOL = FRAME + 6
const ROUND = FRAME + 7
const BODY = FRAME + 52
const [KEYGEN, SIGN, REFRESH] = [1, 2, 4]

type Lie = { readonly protocol: number; readonly round: number; readonly at: number; readonly to?: number }

let world: World
let lie: Lie | undefined
afterEach(async () => {
  lie = undefined
  await world.close()
})

/** Flips a bit of what it sends, and signs that instead. */
function lying({ network, identity }: CommitteeDeps, names: () => readonly NodeName[]): Network {
  const signAgain = (bytes: Uint8Array) => {
    const incoming = decode(bytes)
    if (incoming.kind !== 'round') throw new TypeError('no round')
    const { message } = incoming.signed
    const part = broadcastPart(message, message.body, { threshold: 2, parties: 3 })
    return identity.sign(broadcastStatement(fast, { header: message, from: message.from, part }))
  }
  return {
    ...network,
    async send(to, payload) {
      const bytes = payload.slice()
      const meant = lie && bytes[PROTOCOL] === lie.protocol && bytes[ROUND] === lie.round && bytes[0] === 1
      const victim = lie?.to === undefined || names()[lie.to - 1] === to
      if (lie && meant && victim) {
        bytes[BODY + lie.at]! ^= 1
        bytes.set(signAgain(bytes), SIGNATURE)
      }
      await network.send(to, bytes)
    },
  }
}

async function openWithCheat() {
  const depsOf = (index: number, honest: CommitteeDeps): CommitteeDeps =>
    index === CHEAT ? { ...honest, network: lying(honest, () => world.names) } : honest
  world = await openWorld({ nodes: 3, timing: TIMING, depsOf })
}

test('a node that deals a bad share is named in the log and in the status, and no key comes of it', async () => {
  await openWithCheat()
  // salt, two points, chain code, proof; then the share
  lie = { protocol: KEYGEN, round: 2, at: 32 + 66 + 32 + 65 + 31, to: 3 }
  await expect(generate(world, 'a', ALL)).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  const culprits = [world.names[CHEAT - 1]!]
  expect((await world.at(3).status()).faults).toMatchObject([
    { code: 'BAD_SHARE', round: 2, culprits, operation: 'keyGen' },
  ])
  expect(world.logged(3)).toContainEqual(
    expect.objectContaining({ event: 'committee.fault', code: 'BAD_SHARE', culprits }),
  )
  for (const index of ALL.nodes) {
    await eventually(async () => (await keyAt(world, index, keyIdOf('a')))?.status === 'ERROR')
  }
})

test('a node that tells two others different things splits the run; no key comes of it, and both name it', async () => {
  await openWithCheat()
  lie = { protocol: KEYGEN, round: 1, at: 0, to: 3 }
  await expect(generate(world, 'a', ALL)).rejects.toMatchObject({ code: 'MPC_SIGNING_FAILED' })
  for (const index of ALL.nodes) {
    await eventually(async () => (await keyAt(world, index, keyIdOf('a')))?.status === 'ERROR')
  }
  const culprits = [world.names[CHEAT - 1]!]
  for (const index of [1, 3]) {
    await eventually(() => world.logged(index).some(({ code }) => code === 'EQUIVOCATION'))
    const { faults } = await world.at(index).status()
    expect(faults.find(({ code }) => code === 'EQUIVOCATION')?.culprits).toEqual(culprits)
  }
  lie = undefined
  expect((await generate(world, 'a', ALL)).status).toBe('READY')
})

test('a signer that fails the OT check loses its pair with us, and the others sign without it', async () => {
  await openWithCheat()
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  // the first correction word of the OT extension, to node 1
  lie = { protocol: SIGN, round: 1, at: 8 + 32 + 64, to: 1 }
  const sign = (signers: readonly NodeName[]) =>
    world.at(1).keySign(ask(world, 'keySign', { keyId: key.keyId, payload: message('m'), signers: [...signers] }))
  await expect(sign(world.names.slice(0, 2))).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  const [fault] = (await world.at(1).status()).faults
  expect(fault).toMatchObject({ code: 'BAD_OT_CHECK', culprits: [world.names[1]] })
  const pairs = await world.store(1).list('pairs', { limit: 10 })
  expect(new Set(pairs.docs.map(({ data }) => data['status']))).toEqual(new Set(['ACTIVE', 'POISONED']))

  lie = undefined
  const signed = await sign(world.names.slice(0, 2))
  expect(signed.signers).toEqual([world.names[0], world.names[2]])
  expect(verifies(key.publicKey, signed)).toBe(true)
})

test('a bad share in a refresh counts against the pair in force, and the key signs on', async () => {
  await openWithCheat()
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  // one point; then the share
  lie = { protocol: REFRESH, round: 2, at: 33 + 31, to: 3 }
  const refreshing = world.at(1).keyRefresh(ask(world, 'keyRefresh', { keyId: key.keyId }))
  await expect(refreshing).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  const pairs = await world.store(3).list<{ strikes: readonly number[]; status: string }>('pairs', { limit: 10 })
  const strikes = new Map(pairs.docs.map(({ id, data }) => [id.slice(-64), data.strikes.length]))
  expect(strikes.get(world.names[CHEAT - 1]!.slice(2))).toBe(1)
  expect(strikes.get(world.names[0]!.slice(2))).toBe(0)
  lie = undefined
  const signed = await world.at(3).keySign(ask(world, 'keySign', { keyId: key.keyId, payload: message('m') }))
  expect(verifies(key.publicKey, signed)).toBe(true)
})
