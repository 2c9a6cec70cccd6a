import { backupHash, backupStatement, noble, pveDecrypt, pveVerify } from '@tandem/ecdsa'
import { pairAt, poison, readKey, type Stores, strike } from '@tandem/sigpair'
import { fromBase64url, fromHex, limits, toHex } from '@tandem/wire'
import { backUp } from '../../sigpair/src/keys/backup.ts'
import { careOf } from '../../sigpair/src/keys/key-care.ts'
import { changeRecoveryKey } from '../../sigpair/src/keys/recovery-key.ts'
import { DEVICE, SIGPAIR } from '../../sigpair/src/parties.ts'
import { atOnce } from '../helpers/at-once.ts'
import { fast } from '../helpers/backends.ts'
import { auditOf, careful, DAY, ownerKey, say, wrongIntents } from './care.ts'
import { OWNER } from './world.ts'

const care = careful()
const owner = () => ownerKey(care.world.rng)

type Asked = Parameters<typeof backUp>[2]

function asked(encryptionKey: string, change: Partial<Asked> = {}): Asked {
  const body = { encryptionKey }
  return { keyId: care.key.keyId, owner: OWNER, body, intent: say(care, { op: 'backup', body }), ...change }
}

const deps = () => ({ backend: noble, tasks: care.pool.shareTasks })
const back = async (request: Asked, stores: Stores = care.world.stores) => backUp(stores, deps(), request)

function change(encryptionKey: string, given: Partial<Asked> = {}, delayMs = DAY) {
  const body = { encryptionKey }
  const intent = say(care, { op: 'recovery-key', body })
  const request = { keyId: care.key.keyId, owner: OWNER, body, intent, ...given }
  return changeRecoveryKey(care.world.stores, { backend: noble, delayMs }, request)
}

const facts = async () => careOf(care.world.stores, (await readKey(care.world.stores, care.key.keyId))!.key)
const another = { code: 'VALIDATION_FAILED', details: expect.stringContaining('another recovery key is enrolled') }

test('a backup verifies against X2, opens for the owner to x2 and for nobody else, and enrols its key', async () => {
  const { encryptionKey, ek, dk } = owner()
  const answer = await back(asked(encryptionKey))
  expect(answer).toMatchObject({ epoch: 0, backupId: expect.stringMatching(/^bak_[A-Za-z0-9_-]{22}$/) })
  expect(answer.encryptedData).toHaveLength(limits.PVE_CHARS)

  const ciphertext = fromBase64url(answer.encryptedData)
  expect(answer.verificationHash).toBe(toHex(backupHash(noble, ciphertext)))
  const [device, sigpair] = care.key.shares
  const statement = backupStatement(device!, { party: SIGPAIR, purpose: 'recovery', ek })
  expect(atOnce(pveVerify(fast, statement, ciphertext))).toBe(true)
  expect(pveDecrypt(fast, dk, statement, ciphertext)).toEqual(sigpair!.secret)
  expect(pveDecrypt(fast, owner().dk, statement, ciphertext)).toBeUndefined()
  expect(atOnce(pveVerify(fast, { ...statement, party: DEVICE }, ciphertext))).toBe(false)

  expect(await facts()).toEqual({ recoveryKey: encryptionKey, backup: { verificationHash: answer.verificationHash } })
  const line = (await auditOf(care)).at(-1)
  expect(line).toMatchObject({
    methodName: 'key.backup',
    metadata: { epoch: 0, verificationHash: answer.verificationHash, recoveryKey: encryptionKey, enrolled: true },
  })
})

test('one epoch and one recovery key have one backup, whoever asks, how often and at once', async () => {
  const { encryptionKey } = owner()
  const first = asked(encryptionKey)
  const instances = [care.world.instance(), care.world.instance()]
  const answers = await Promise.all(instances.map(async (stores) => back(asked(encryptionKey), stores)))
  answers.push(await back(first), await back(first), await back(asked(encryptionKey.toUpperCase().replace('0X', '0x'))))
  expect(new Set(answers.map(({ encryptedData }) => encryptedData)).size).toBe(1)
  expect(new Set(answers.map(({ backupId }) => backupId)).size).toBe(1)
  expect((await auditOf(care)).filter(({ methodName }) => methodName === 'key.backup')).toHaveLength(1)
})

test('L13 another recovery key than the enrolled one is refused, with what to do', async () => {
  await back(asked(owner().encryptionKey))
  const before = await facts()
  await expect(back(asked(owner().encryptionKey))).rejects.toMatchObject(another)
  expect(await facts()).toEqual(before)
})

test('L13 two first backups for different keys enrol one of them', async () => {
  const keys = [owner(), owner()]
  const results = await Promise.allSettled(keys.map(async ({ encryptionKey }) => back(asked(encryptionKey))))
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  const refused = results.find((result) => result.status === 'rejected')
  expect(refused?.reason).toMatchObject(another)
  const won = keys[results.findIndex(({ status }) => status === 'fulfilled')]!
  expect(await facts()).toMatchObject({ recoveryKey: won.encryptionKey })
})

test('a recovery key that is no point is refused', async () => {
  const body = `0x02${toHex(new Uint8Array(31)).slice(2)}05`
  const refused = { code: 'VALIDATION_FAILED', details: 'encryptionKey: not a point' }
  await expect(back(asked(body))).rejects.toMatchObject(refused)
  await expect(change(body)).rejects.toMatchObject(refused)
})

test('without the word of the device for this body nothing is backed up or changed', async () => {
  const { encryptionKey } = owner()
  const body = { encryptionKey }
  for (const [details, intent] of wrongIntents(care, { op: 'backup', body })) {
    await expect(back(asked(encryptionKey, { intent }))).rejects.toMatchObject({ code: 'FORBIDDEN', details })
  }
  for (const [details, intent] of wrongIntents(care, { op: 'recovery-key', body })) {
    await expect(change(encryptionKey, { intent })).rejects.toMatchObject({ code: 'FORBIDDEN', details })
  }
  expect(await facts()).toEqual({})
  expect((await auditOf(care)).at(-1)?.methodName).toBe('keygen.commit')
})

test('the owner of another key finds nothing', async () => {
  const stranger = { owner: 'https://issuer.test|mallory' }
  await expect(back(asked(owner().encryptionKey, stranger))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(change(owner().encryptionKey, stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('backup stays open when the key does not sign', async () => {
  const { world, key } = care
  for (let i = 0; i < 3; i++) await strike(world.stores, key.pair)
  expect((await readKey(world.stores, key.keyId))?.status).toBe('SUSPENDED')
  const { encryptionKey } = owner()
  const suspended = await back(asked(encryptionKey))
  await poison(world.stores, key.pair)
  expect((await readKey(world.stores, key.keyId))?.status).toBe('FROZEN')
  expect(await back(asked(encryptionKey))).toEqual(suspended)
})

test('without its pair the share does not open any more, but a backup that was made is answered', async () => {
  const { world, key } = care
  const { encryptionKey } = owner()
  const made = await back(asked(encryptionKey))
  await world.stores.presignatures.delete(pairAt(key.pair))
  expect(await back(asked(encryptionKey))).toEqual(made)
  world.clock.now += 2 * DAY
  const other = owner()
  await change(other.encryptionKey)
  world.clock.now += DAY
  await expect(back(asked(other.encryptionKey))).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
})

describe('the recovery key', () => {
  test('changes after the delay, by the clock alone, and asking again changes nothing', async () => {
    const { world } = care
    const [one, other] = [owner(), owner()]
    await back(asked(one.encryptionKey))
    const answer = await change(other.encryptionKey)
    expect(answer).toEqual({ encryptionKey: other.encryptionKey, notBefore: (world.clock.now + DAY) / 1000 })
    world.clock.now += DAY - 1
    expect(await change(other.encryptionKey)).toEqual(answer)
    await expect(back(asked(other.encryptionKey))).rejects.toMatchObject(another)
    expect(await facts()).toMatchObject({ recoveryKey: one.encryptionKey })

    world.clock.now += 1
    expect(await facts()).toEqual({ recoveryKey: other.encryptionKey })
    await expect(back(asked(one.encryptionKey))).rejects.toMatchObject(another)
    const { verificationHash } = await back(asked(other.encryptionKey))
    expect(await facts()).toEqual({ recoveryKey: other.encryptionKey, backup: { verificationHash } })
    expect(await change(other.encryptionKey)).toEqual(answer)
  })

  test('that is enrolled, named again, takes a change back that waits', async () => {
    const { world } = care
    const [one, other] = [owner(), owner()]
    await back(asked(one.encryptionKey))
    await change(other.encryptionKey)
    world.clock.now += DAY / 2
    expect(await change(one.encryptionKey)).toMatchObject({ notBefore: world.clock.now / 1000 })
    world.clock.now += DAY
    expect(await facts()).toMatchObject({ recoveryKey: one.encryptionKey })
  })

  test('of a change that was taken back comes only with a new intent and a new delay', async () => {
    const { world } = care
    const [one, other] = [owner(), owner()]
    await back(asked(one.encryptionKey))
    const intent = say(care, { op: 'recovery-key', body: { encryptionKey: other.encryptionKey } })
    await change(other.encryptionKey, { intent })
    await change(one.encryptionKey)
    const replayed = change(other.encryptionKey, { intent })
    await expect(replayed).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.nonce' })
    world.clock.now += 2 * DAY
    expect(await facts()).toMatchObject({ recoveryKey: one.encryptionKey })
  })

  test('can be enrolled before the first backup, at once', async () => {
    const { encryptionKey } = owner()
    expect(await change(encryptionKey)).toEqual({ encryptionKey, notBefore: care.world.clock.now / 1000 })
    await expect(back(asked(owner().encryptionKey))).rejects.toMatchObject(another)
    const { encryptedData } = await back(asked(encryptionKey))
    const statement = backupStatement(care.key.shares[0]!, {
      party: SIGPAIR,
      purpose: 'recovery',
      ek: fromHex(encryptionKey),
    })
    expect(atOnce(pveVerify(fast, statement, fromBase64url(encryptedData)))).toBe(true)
  })
})
