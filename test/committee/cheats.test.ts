import type { NodeName } from '../../sigpair/src/committee/network.ts'
import type { CommitteeDeps } from '../../sigpair/src/committee/operations/deps.ts'
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
import { type Lie, LIES, lying } from './lying-network.ts'

const ALL = { threshold: 2, nodes: [1, 2, 3] }
const CHEAT = 2

let world: World
let lie: Lie | undefined
afterEach(async () => {
  lie = undefined
  await world.close()
})

async function openWithCheat() {
  const depsOf = (index: number, honest: CommitteeDeps): CommitteeDeps =>
    index === CHEAT ? { ...honest, network: lying(honest, () => lie) } : honest
  world = await openWorld({ nodes: 3, depsOf })
}

test('a node that deals a bad share is named in the log and in the status, and no key comes of it', async () => {
  await openWithCheat()
  lie = { ...LIES.share, to: world.names[2]! }
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
  lie = { ...LIES.commitment, to: world.names[2]! }
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
  lie = { ...LIES.oblivious, to: world.names[0]! }
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

test('a signer whose share of a signature is wrong is named and done without, and loses its pair the third time', async () => {
  await openWithCheat()
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  lie = LIES.signatureShare
  const [first, cheat, third] = world.names
  const sign = async () => {
    const params = { keyId: key.keyId, payload: message('m'), signers: [first!, cheat!] }
    const signed = await world.at(1).keySign(ask(world, 'keySign', params))
    expect(signed.signers).toEqual([first, third])
    expect(verifies(key.publicKey, signed)).toBe(true)
  }
  for (let n = 0; n < 5; n++) await sign()
  const { faults } = await world.at(1).status()
  expect(faults.map(({ code, culprits }) => [code, culprits])).toEqual(Array(3).fill(['UNATTRIBUTED', [cheat]]))
  const pairs = await world.store(1).list('pairs', { limit: 10 })
  const statusOf = (name = '') => pairs.docs.find(({ id }) => id.endsWith(name.slice(2)))?.data['status']
  expect([statusOf(cheat), statusOf(third)]).toEqual(['SUSPENDED', 'ACTIVE'])
})

test('a bad share in a refresh counts against the pair in force, and the key signs on', async () => {
  await openWithCheat()
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  lie = { ...LIES.refreshShare, to: world.names[2]! }
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
