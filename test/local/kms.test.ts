import { createHash, verify } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { KeyManagementServiceClient } from '@google-cloud/kms'
import { credentials } from '@grpc/grpc-js'
import { crc32c } from '@tandem/sigpair'
import { LOCAL_AUDIT_KEY, LOCAL_KEY, type RunningKms, startKms } from '@tandem/local'

const folder = mkdtempSync(join(tmpdir(), 'tandem-kms-'))
const file = join(folder, 'keys', 'kms.json')
const DAY = 24 * 3_600_000

let now = 1_800_000_000_000
let kms: RunningKms
let client: KeyManagementServiceClient

function clientOf(port: number): KeyManagementServiceClient {
  // outside Google Cloud the library would look for a metadata server
  process.env['METADATA_SERVER_DETECTION'] = 'none'
  const sslCreds = credentials.createInsecure()
  return new KeyManagementServiceClient({ apiEndpoint: '127.0.0.1', port, sslCreds, projectId: 'local' })
}

async function restart() {
  await kms?.close()
  kms = await startKms({ port: 0, file, clock: () => now })
  await client?.close()
  client = clientOf(kms.port)
}

beforeAll(restart)
afterAll(async () => {
  await client.close()
  await kms.close()
  rmSync(folder, { recursive: true })
})

const text = (data: Uint8Array | string | null | undefined) => Buffer.from(data ?? '').toString()
const crc = (value: number) => ({ value })

/** The gRPC status code a call ends with. */
async function codeOf(work: Promise<unknown>): Promise<number> {
  return work.then(
    () => 0,
    (error: unknown) => (error as { code: number }).code,
  )
}

async function encrypt(name: string, plaintext = 'data key', aad = 'key 1, epoch 0') {
  const [answer] = await client.encrypt({
    name,
    plaintext: Buffer.from(plaintext),
    additionalAuthenticatedData: Buffer.from(aad),
  })
  return answer
}

async function decrypt(name: string, ciphertext: Uint8Array | string | null | undefined, aad = 'key 1, epoch 0') {
  const [answer] = await client.decrypt({
    name,
    ciphertext: ciphertext ?? '',
    additionalAuthenticatedData: Buffer.from(aad),
  })
  return answer
}

let keys = 0
async function freshKey(): Promise<string> {
  const parent = LOCAL_KEY.slice(0, LOCAL_KEY.indexOf('/cryptoKeys/'))
  const cryptoKey = { purpose: 'ENCRYPT_DECRYPT' as const }
  const [key] = await client.createCryptoKey({ parent, cryptoKeyId: `key-${keys++}`, cryptoKey })
  return key.name!
}

describe('the real client', () => {
  test('gets back what it had encrypted, and the version that did it', async () => {
    const sealed = await encrypt(LOCAL_KEY)
    expect(sealed.name).toBe(`${LOCAL_KEY}/cryptoKeyVersions/1`)
    expect(text(sealed.ciphertext)).not.toContain('data key')
    const opened = await decrypt(LOCAL_KEY, sealed.ciphertext)
    expect(text(opened.plaintext)).toBe('data key')
    expect(opened.usedPrimary).toBe(true)
  })

  test('gets another ciphertext each time', async () => {
    const [a, b] = [await encrypt(LOCAL_KEY), await encrypt(LOCAL_KEY)]
    expect(text(a.ciphertext)).not.toBe(text(b.ciphertext))
  })

  test('has its checksums verified and gets checksums back', async () => {
    const [answer] = await client.encrypt({
      name: LOCAL_KEY,
      plaintext: Buffer.from('123456789'),
      plaintextCrc32c: crc(0xe3069283),
      additionalAuthenticatedData: new Uint8Array(0),
      additionalAuthenticatedDataCrc32c: crc(0),
    })
    expect(answer).toMatchObject({
      verifiedPlaintextCrc32c: true,
      verifiedAdditionalAuthenticatedDataCrc32c: true,
    })
    const [opened] = await client.decrypt({ name: LOCAL_KEY, ciphertext: answer.ciphertext! })
    expect(Number(opened.plaintextCrc32c?.value)).toBe(0xe3069283)
    expect((await encrypt(LOCAL_KEY)).verifiedPlaintextCrc32c).toBe(false)
  })

  test.each(['plaintextCrc32c', 'additionalAuthenticatedDataCrc32c'])('is told of a wrong %s', async (field) => {
    const request = { name: LOCAL_KEY, plaintext: Buffer.from('x'), [field]: crc(1) }
    expect(await codeOf(client.encrypt(request))).toBe(3)
  })

  test('is told of a wrong ciphertext checksum', async () => {
    const { ciphertext } = await encrypt(LOCAL_KEY)
    const request = { name: LOCAL_KEY, ciphertext: ciphertext!, ciphertextCrc32c: crc(1) }
    expect(await codeOf(client.decrypt(request))).toBe(3)
  })

  test('gets random bytes of the length it asked for', async () => {
    const [a] = await client.generateRandomBytes({ location: 'projects/local/locations/global', lengthBytes: 32 })
    const [b] = await client.generateRandomBytes({ location: 'projects/local/locations/global', lengthBytes: 32 })
    expect(a.data).toHaveLength(32)
    expect(text(a.data)).not.toBe(text(b.data))
    expect(await codeOf(client.generateRandomBytes({ lengthBytes: 7 }))).toBe(3)
  })

  test('shares one copy of the gRPC library with us', () => {
    const here = createRequire(import.meta.url)
    const theirs = createRequire(here.resolve('google-gax'))
    expect(theirs.resolve('@grpc/grpc-js')).toBe(here.resolve('@grpc/grpc-js'))
  })
})

describe('a ciphertext', () => {
  test.each([
    ['other associated data', (c: Buffer) => c, 'key 2, epoch 0'],
    ['no associated data', (c: Buffer) => c, ''],
    ['a changed byte', (c: Buffer) => Buffer.from(c.with(20, c[20]! ^ 1)), undefined],
    ['a changed tag', (c: Buffer) => Buffer.from(c.with(-1, c.at(-1)! ^ 1)), undefined],
    ['an unknown version', (c: Buffer) => Buffer.from(c.with(3, 9)), undefined],
    ['a byte too few', (c: Buffer) => c.subarray(0, -1), undefined],
    ['four bytes', (c: Buffer) => c.subarray(0, 4), undefined],
    ['nothing', () => Buffer.alloc(0), undefined],
  ])('with %s is an INVALID_ARGUMENT', async (_, change, aad) => {
    const { ciphertext } = await encrypt(LOCAL_KEY)
    expect(await codeOf(decrypt(LOCAL_KEY, change(Buffer.from(ciphertext as Uint8Array)), aad))).toBe(3)
  })

  test('of another key is an INVALID_ARGUMENT', async () => {
    const { ciphertext } = await encrypt(LOCAL_KEY)
    expect(await codeOf(decrypt(await freshKey(), ciphertext))).toBe(3)
  })

  test('outlives a restart', async () => {
    const { ciphertext } = await encrypt(LOCAL_KEY)
    await restart()
    expect(text((await decrypt(LOCAL_KEY, ciphertext)).plaintext)).toBe('data key')
  })
})

describe('a key version', () => {
  test('that is made primary encrypts from then on; the old one still opens', async () => {
    const key = await freshKey()
    const before = await encrypt(key)
    const [second] = await client.createCryptoKeyVersion({ parent: key })
    expect((await encrypt(key)).name).toBe(`${key}/cryptoKeyVersions/1`)
    const [updated] = await client.updateCryptoKeyPrimaryVersion({ name: key, cryptoKeyVersionId: '2' })
    expect(updated.primary?.name).toBe(second.name)

    const after = await encrypt(key)
    expect(after.name).toBe(`${key}/cryptoKeyVersions/2`)
    expect((await decrypt(key, before.ciphertext)).usedPrimary).toBe(false)
    expect((await decrypt(key, after.ciphertext)).usedPrimary).toBe(true)
    expect((await encrypt(`${key}/cryptoKeyVersions/1`)).name).toBe(`${key}/cryptoKeyVersions/1`)
  })

  test('that is disabled neither seals nor opens, until it is enabled', async () => {
    const key = await freshKey()
    const { ciphertext, name } = await encrypt(key)
    const set = (state: 'ENABLED' | 'DISABLED') =>
      client.updateCryptoKeyVersion({ cryptoKeyVersion: { name: name!, state }, updateMask: { paths: ['state'] } })
    await set('DISABLED')
    expect(await codeOf(encrypt(key))).toBe(9)
    expect(await codeOf(decrypt(key, ciphertext))).toBe(9)
    expect(await codeOf(client.updateCryptoKeyPrimaryVersion({ name: key, cryptoKeyVersionId: '1' }))).toBe(9)
    await set('ENABLED')
    expect(text((await decrypt(key, ciphertext)).plaintext)).toBe('data key')
  })

  test('that is destroyed is refused at once, and its material is gone after thirty days', async () => {
    const key = await freshKey()
    const { ciphertext, name } = await encrypt(key)
    const [destroyed] = await client.destroyCryptoKeyVersion({ name: name! })
    expect(destroyed.state).toBe('DESTROY_SCHEDULED')
    expect(await codeOf(decrypt(key, ciphertext))).toBe(9)
    expect(await codeOf(client.destroyCryptoKeyVersion({ name: name! }))).toBe(9)

    const material = () => {
      const state = JSON.parse(readFileSync(file, 'utf8')) as {
        cryptoKeys: Record<string, { versions: { material: string | null }[] }>
      }
      return state.cryptoKeys[key]!.versions[0]!.material
    }
    now += 29 * DAY
    await restart()
    expect(material()).not.toBeNull()
    now += DAY
    await restart()
    expect(material()).toBeNull()
    expect((await client.getCryptoKeyVersion({ name: name! }))[0].state).toBe('DESTROYED')
  })
})

describe('key rings and keys', () => {
  const parent = 'projects/local/locations/global'

  test('are made once, found, and listed', async () => {
    const [ring] = await client.createKeyRing({ parent, keyRingId: 'backups' })
    expect(ring.name).toBe(`${parent}/keyRings/backups`)
    expect(await codeOf(client.createKeyRing({ parent, keyRingId: 'backups' }))).toBe(6)
    expect((await client.getKeyRing({ name: ring.name! }))[0].name).toBe(ring.name)
    expect((await client.listKeyRings({ parent }))[0].map((found) => found.name)).toContain(ring.name)

    const request = { parent: ring.name!, cryptoKeyId: 'kek', cryptoKey: { purpose: 'ENCRYPT_DECRYPT' as const } }
    const [key] = await client.createCryptoKey(request)
    expect(key.primary?.name).toBe(`${ring.name}/cryptoKeys/kek/cryptoKeyVersions/1`)
    expect(await codeOf(client.createCryptoKey(request))).toBe(6)
    expect((await client.listCryptoKeys({ parent: ring.name! }))[0].map((found) => found.name)).toEqual([key.name])
    expect((await client.listCryptoKeyVersions({ parent: key.name! }))[0]).toHaveLength(1)
  })

  test('that are not there are NOT_FOUND', async () => {
    expect(await codeOf(client.getKeyRing({ name: `${parent}/keyRings/none` }))).toBe(5)
    expect(await codeOf(encrypt(`${LOCAL_KEY}-none`))).toBe(5)
    expect(await codeOf(client.getCryptoKeyVersion({ name: `${LOCAL_KEY}/cryptoKeyVersions/77` }))).toBe(5)
    const orphan = {
      parent: `${parent}/keyRings/none`,
      cryptoKeyId: 'k',
      cryptoKey: { purpose: 'ENCRYPT_DECRYPT' as const },
    }
    expect(await codeOf(client.createCryptoKey(orphan))).toBe(5)
  })

  test('need good names, a purpose we have, and an initial version to encrypt', async () => {
    const ring = `${parent}/keyRings/backups`
    expect(await codeOf(client.createKeyRing({ parent, keyRingId: 'a/b' }))).toBe(3)
    const signing = { parent: ring, cryptoKeyId: 'sign', cryptoKey: { purpose: 'ASYMMETRIC_SIGN' as const } }
    expect(await codeOf(client.createCryptoKey(signing))).toBe(3)
    const cryptoKey = { purpose: 'ENCRYPT_DECRYPT' as const }
    await client.createCryptoKey({ parent: ring, cryptoKeyId: 'empty', cryptoKey, skipInitialVersionCreation: true })
    expect(await codeOf(encrypt(`${ring}/cryptoKeys/empty`))).toBe(9)
  })

  test('what the local KMS cannot do is UNIMPLEMENTED', async () => {
    expect(await codeOf(client.macSign({ name: `${LOCAL_KEY}/cryptoKeyVersions/1` }))).toBe(12)
  })
})

describe('keys that sign', () => {
  const version = `${LOCAL_AUDIT_KEY}/cryptoKeyVersions/1`
  const digest = createHash('sha256').update('a checkpoint').digest()

  test('sign a digest so that Node verifies it under the public key, with the checksums of Cloud KMS', async () => {
    const digestCrc32c = crc(crc32c(digest))
    const [signed] = await client.asymmetricSign({ name: version, digest: { sha256: digest }, digestCrc32c })
    expect(signed).toMatchObject({ name: version, verifiedDigestCrc32c: true })
    expect(Number(signed.signatureCrc32c?.value)).toBe(crc32c(signed.signature as Uint8Array))
    const [{ pem, pemCrc32c, algorithm }] = await client.getPublicKey({ name: version })
    expect(algorithm).toBe('EC_SIGN_P256_SHA256')
    expect(Number(pemCrc32c?.value)).toBe(crc32c(Buffer.from(pem ?? '')))
    expect(verify('sha256', Buffer.from('a checkpoint'), pem ?? '', signed.signature as Uint8Array)).toBe(true)
    expect(verify('sha256', Buffer.from('another'), pem ?? '', signed.signature as Uint8Array)).toBe(false)
  })

  test('keep their key over a restart, and refuse a damaged digest, another length, and to encrypt', async () => {
    const [{ pem }] = await client.getPublicKey({ name: version })
    await restart()
    expect((await client.getPublicKey({ name: version }))[0].pem).toBe(pem)
    expect(
      await codeOf(client.asymmetricSign({ name: version, digest: { sha256: digest }, digestCrc32c: crc(1) })),
    ).toBe(3)
    expect(await codeOf(client.asymmetricSign({ name: version, digest: { sha256: digest.subarray(1) } }))).toBe(3)
    expect(await codeOf(client.encrypt({ name: LOCAL_AUDIT_KEY, plaintext: digest }))).toBe(9)
    expect(await codeOf(client.encrypt({ name: version, plaintext: digest }))).toBe(9)
    const wrapping = `${LOCAL_KEY}/cryptoKeyVersions/1`
    expect(await codeOf(client.asymmetricSign({ name: wrapping, digest: { sha256: digest } }))).toBe(9)
    expect(await codeOf(client.getPublicKey({ name: wrapping }))).toBe(9)
  })
})

test('more than 64 KiB is refused', async () => {
  const plaintext = new Uint8Array(65_537)
  expect(await codeOf(client.encrypt({ name: LOCAL_KEY, plaintext }))).toBe(3)
})

test('the key file is its owner’s alone, and no draft of it is left', () => {
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(join(folder, 'keys'))).toEqual(['kms.json'])
})

test('nothing but loopback is listened on', async () => {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const outside = addresses.find(({ internal, family }) => !internal && family === 'IPv4')
  if (outside === undefined) return
  const refused = new Promise((resolve) => {
    const socket = connect(kms.port, outside.address)
    socket.once('error', () => resolve('refused'))
    socket.once('connect', () => {
      socket.destroy()
      resolve('connected')
    })
  })
  expect(await refused).toBe('refused')
})
