import { crc32c, createKms, createSealer, type SealContext, type Sealed, type Sealer } from '@tandem/sigpair'
import { KeyManagementServiceClient } from '@google-cloud/kms'
import { credentials } from '@grpc/grpc-js'
import { LOCAL_KEY } from '@tandem/local'
import { clientOf, startKms, startLiar, type Tamper, type TestKms } from './kms.ts'

let kms: TestKms
let sealer: Sealer

beforeAll(async () => {
  kms = await startKms()
  sealer = createSealer(kms.client)
})
afterAll(async () => kms.stop())

const context: SealContext = { purpose: 'share', keyId: '0xaa', epoch: 3 }
const secret = () => Uint8Array.from({ length: 200 }, (_, i) => i)
const refused = { code: 'INVALID_KEY_SHARE' }

test('CRC-32C has the published check value, which zlib’s polynomial has not', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array())).toBe(0)
})

test('what is sealed opens in the same context, and nothing of it shows', async () => {
  const sealed = await sealer.seal(context, secret())
  expect(sealed.kek).toBe(`${LOCAL_KEY}/cryptoKeyVersions/1`)
  expect(Buffer.from(sealed.ciphertext).includes(Buffer.from(secret().subarray(0, 8)))).toBe(false)
  expect(await sealer.open(context, sealed)).toEqual(secret())
  expect(await sealer.open(context, await sealer.seal(context, new Uint8Array()))).toEqual(new Uint8Array())
})

test('every seal has a data key and an IV of its own', async () => {
  const [a, b] = await Promise.all([sealer.seal(context, secret()), sealer.seal(context, secret())])
  for (const field of ['wrappedKey', 'iv', 'ciphertext'] as const) expect(a[field]).not.toEqual(b[field])
})

test('a value moved to another key, epoch or purpose does not open', async () => {
  const sealed = await sealer.seal(context, secret())
  const elsewhere: SealContext[] = [
    { ...context, keyId: '0xab' },
    { ...context, epoch: 4 },
    { ...context, purpose: 'pair' },
  ]
  for (const other of elsewhere) await expect(sealer.open(other, sealed)).rejects.toMatchObject(refused)
})

test('a wrapped key from another place does not open the data of this one', async () => {
  const other = { ...context, keyId: '0xab' }
  const session = sealer.session()
  const [here, there] = [await session.seal(context, secret()), await session.seal(other, secret())]
  session.end()
  await expect(sealer.open(context, { ...here, wrappedKey: there.wrappedKey })).rejects.toMatchObject(refused)
  await expect(sealer.open(context, { ...there, wrappedKey: here.wrappedKey })).rejects.toMatchObject(refused)
})

test('one flipped bit anywhere, or a lost byte, does not open', async () => {
  const sealed = await sealer.seal(context, secret())
  const flip = (bytes: Uint8Array, at: number) => bytes.with(at, bytes[at]! ^ 1)
  const damaged: Sealed[] = [
    { ...sealed, iv: flip(sealed.iv, 0) },
    { ...sealed, iv: sealed.iv.slice(1) },
    { ...sealed, ciphertext: flip(sealed.ciphertext, 0) },
    { ...sealed, ciphertext: flip(sealed.ciphertext, sealed.ciphertext.length - 1) },
    { ...sealed, ciphertext: sealed.ciphertext.slice(1) },
    { ...sealed, ciphertext: new Uint8Array(4) },
    { ...sealed, wrappedKey: flip(sealed.wrappedKey, 20) },
    { ...sealed, kek: `${LOCAL_KEY}/cryptoKeyVersions/2` },
    { ...sealed, kek: 'projects/other/cryptoKeyVersions/1' },
  ]
  for (const bad of damaged) await expect(sealer.open(context, bad)).rejects.toMatchObject(refused)
})

test('a session asks KMS once per context, and after its end it seals nothing', async () => {
  let calls = 0
  const wrap: typeof kms.client.wrap = async (key, aad) => {
    calls++
    return kms.client.wrap(key, aad)
  }
  const session = createSealer({ ...kms.client, wrap }).session()
  const batch = await Promise.all(Array.from({ length: 10 }, async () => session.seal(context, secret())))
  expect(calls).toBe(1)
  expect(new Set(batch.map(({ iv }) => String(iv))).size).toBe(10)

  session.end()
  await expect(session.seal(context, secret())).rejects.toThrow('ended')
  for (const sealed of batch) expect(await sealer.open(context, sealed)).toEqual(secret())
})

test('a session opens what was sealed together with one call of KMS, refuses what was moved, and after its end opens nothing', async () => {
  let calls = 0
  const unwrap: typeof kms.client.unwrap = async (...args) => {
    calls++
    return kms.client.unwrap(...args)
  }
  const sealing = sealer.session()
  const batch = await Promise.all(Array.from({ length: 10 }, async () => sealing.seal(context, secret())))
  sealing.end()
  const session = createSealer({ ...kms.client, unwrap }).session()
  expect(await Promise.all(batch.map((sealed) => session.open(context, sealed)))).toEqual(batch.map(() => secret()))
  expect(calls).toBe(1)
  await expect(session.open({ ...context, epoch: 4 }, batch[0]!)).rejects.toMatchObject(refused)
  session.end()
  await expect(session.open(context, batch[0]!)).rejects.toThrow('ended')
})

test('a session that ends while it seals does not seal under an erased key', async () => {
  const session = sealer.session()
  const sealing = session.seal(context, secret())
  session.end()
  await expect(sealing).rejects.toThrow('ended')
})

test('an answer of KMS that fails its checksums is asked for three times and never used', async () => {
  const lies: Tamper[] = [
    (answer) => ({ ...answer, verifiedPlaintextCrc32c: false }),
    (answer) => ({ ...answer, verifiedAdditionalAuthenticatedDataCrc32c: false }),
    (answer) => ({ ...answer, ciphertextCrc32c: { value: 1 } }),
    (answer) => ({ ...answer, ciphertextCrc32c: null }),
    (answer) => ({ ...answer, name: 'projects/other/cryptoKeyVersions/1' }),
  ]
  for (const lie of lies) {
    const liar = await startLiar(kms, lie)
    await expect(createSealer(liar.client).seal(context, secret())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(liar.calls()).toBe(3)
    await liar.stop()
  }
})

test('a data key that comes back damaged is not used; one that comes back whole the second time is', async () => {
  let damage = 0
  const flaky = await startLiar(kms, (answer) => (damage-- > 0 ? { ...answer, plaintextCrc32c: { value: 7 } } : answer))
  const own = createSealer(flaky.client)
  const sealed = await own.seal(context, secret())
  damage = 1
  expect(await own.open(context, sealed)).toEqual(secret())
  damage = 3
  await expect(own.open(context, sealed)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await flaky.stop()
})

test('what an older key version wrapped opens after a rotation; what a disabled one wrapped does not', async () => {
  const admin = new KeyManagementServiceClient({
    apiEndpoint: '127.0.0.1',
    port: kms.port,
    sslCreds: credentials.createInsecure(),
    projectId: 'local',
    clientOptions: { universeDomain: 'googleapis.com' },
  })
  const old = await sealer.seal(context, secret())
  const [version] = await admin.createCryptoKeyVersion({ parent: LOCAL_KEY })
  await admin.updateCryptoKeyPrimaryVersion({ name: LOCAL_KEY, cryptoKeyVersionId: '2' })

  const fresh = await sealer.seal(context, secret())
  expect(fresh.kek).toBe(version.name)
  for (const sealed of [old, fresh]) expect(await sealer.open(context, sealed)).toEqual(secret())

  const updateMask = { paths: ['state'] }
  await admin.updateCryptoKeyVersion({ cryptoKeyVersion: { name: old.kek, state: 'DISABLED' }, updateMask })
  await expect(sealer.open(context, old)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await admin.updateCryptoKeyVersion({ cryptoKeyVersion: { name: old.kek, state: 'ENABLED' }, updateMask })
  expect(await sealer.open(context, old)).toEqual(secret())
  await admin.close()
})

test('a KMS that is not there is UNAVAILABLE, in seconds', async () => {
  const gone = await startKms()
  await gone.stop()
  const client = clientOf(gone.port)
  await expect(createSealer(client).seal(context, secret())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await client.close()
})

test('plain TCP to another machine is refused', () => {
  const elsewhere = { keyName: LOCAL_KEY, insecure: true }
  expect(() => createKms({ ...elsewhere, endpoint: 'kms.example.com' })).toThrow('loopback')
  expect(() => createKms(elsewhere)).toThrow('loopback')
})
