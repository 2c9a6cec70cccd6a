import {
  type Backend,
  backupHash,
  backupKey,
  type BackupStatement,
  backupStatement,
  type KeygenResult,
  PVE_BYTES,
  PVE_ROWS,
  pveDecrypt,
  pveEncrypt,
  pveVerify,
  q,
  toBytes32,
} from '@tandem/ecdsa'
import { keyId, partyIndex, type Rng, sessionId, type Step, UsageError } from '@tandem/rounds'
import { atOnce } from '../helpers/at-once.ts'
import { backends, fast, remembering } from '../helpers/backends.ts'
import { goldenBackup } from '../helpers/golden-backup.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { refreshed } from '../helpers/refresh.ts'
import { BE, range, TH } from '../helpers/reference/hash.ts'
import { bitAt, honestRows, proofOf } from '../helpers/reference/pve.ts'
import { seeded } from '../helpers/rng.ts'
import { outputs, simulate } from '../helpers/simulate.ts'

// Party 2 backs its share up to the owner's key; party 1 verifies it.

const [alice, bob] = outputs(await simulate(keygenParties({ backend: remembering(fast) }))) as [
  KeygenResult,
  KeygenResult,
]
const owner = backupKey(fast, seeded('owner'))
const statement = backupStatement(alice.share, { party: partyIndex(2), purpose: 'recovery', ek: owner.ek })
const { secret } = bob.share

const encrypt = (backend: Backend = fast, rng: Rng = seeded('pve'), about = statement) =>
  atOnce(pveEncrypt(backend, about, secret, rng))
const verify = (bytes: Uint8Array, about: BackupStatement = statement, backend: Backend = fast) =>
  atOnce(pveVerify(backend, about, bytes))
const decrypt = (bytes: Uint8Array, dk = owner.dk, about: BackupStatement = statement) =>
  pveDecrypt(fast, dk, about, bytes)

const honest = encrypt()
/** Where row i begins, and its fields within it. */
const at = (i: number) => 16 + 129 * i
const FIELDS = { x: 0, kappa: 32, E: 64, masked: 97 } as const
const overwrite = (bytes: Uint8Array, place: number, value: Uint8Array) => {
  const changed = bytes.slice()
  changed.set(value, place)
  return changed
}
const flip = (bytes: Uint8Array, place: number) => bytes.with(place, bytes[place]! ^ 1)

describe.each(backends)('on $name', (backend) => {
  test('L7 what one side encrypts the other verifies, and the owner opens', () => {
    const bytes = encrypt(backend)
    expect(bytes).toEqual(honest)
    expect(verify(bytes, statement, backend)).toBe(true)
    expect(pveDecrypt(backend, owner.dk, statement, bytes)).toEqual(secret)
  })
})

test('L7 it has 128 rows and 16 528 bytes, and no caller can ask for fewer (#4)', () => {
  expect([PVE_ROWS, PVE_BYTES, honest.length]).toEqual([128, 16_528, 16_528])
})

test.each(backends)('L7 yesterday’s backup still verifies and opens, on $name', (backend) => {
  const { statement: about, ciphertext, ...golden } = goldenBackup()
  expect(verify(ciphertext, about, backend)).toBe(true)
  expect(pveDecrypt(backend, golden.dk, about, ciphertext)).toEqual(golden.secret)
  expect(backupHash(backend, ciphertext)).toEqual(golden.hash)
})

test('it is byte for byte what the reference makes from the same randomness', () => {
  expect(proofOf(statement, honestRows(statement, BE(secret), seeded('pve')))).toEqual(honest)
})

test('long work offers the event loop to others', () => {
  const steps: Step[] = []
  const bytes = atOnce(pveEncrypt(fast, statement, secret, seeded('pve')), steps)
  expect(steps).toHaveLength(16)
  atOnce(pveVerify(fast, statement, bytes), steps)
  expect(steps).toHaveLength(32)
})

test('both halves of every row are overwritten when it is done', () => {
  const draws: Uint8Array[] = []
  const rng = seeded('pve')
  encrypt(fast, (n) => {
    const bytes = rng(n)
    draws.push(bytes)
    return bytes
  })
  const kappas = draws.filter((_, i) => i % 3 !== 0)
  expect(kappas).toEqual(Array.from({ length: 256 }, () => new Uint8Array(32)))
})

describe('the statement is pinned', () => {
  const elsewhere = backupKey(fast, seeded('attacker'))
  const changes: [string, Partial<BackupStatement>][] = [
    ['key', { keyId: keyId(seeded('key')(32)) }],
    ['ssid', { ssid: sessionId(seeded('ssid')(32)) }],
    ['epoch', { epoch: 1 }],
    ['party', { party: partyIndex(1) }],
    ['purpose', { purpose: 'escrow' }],
    ['public share', { publicShare: alice.share.publicShares[0]! }],
    ['encryption key', { ek: elsewhere.ek }],
  ]

  test.each(changes)('L7 L13 under another %s it does not verify', (_, change) => {
    expect(verify(honest, { ...statement, ...change })).toBe(false)
  })

  test.each(changes.filter(([name]) => name !== 'encryption key'))(
    'L7 under another %s it does not open',
    (_, change) => {
      expect(decrypt(honest, owner.dk, { ...statement, ...change })).toBeUndefined()
    },
  )

  test('L13 one made for another encryption key is refused under the registered one (#30, #44)', () => {
    const substituted = { ...statement, ek: elsewhere.ek }
    const bytes = encrypt(fast, seeded('pve'), substituted)
    expect(verify(bytes, substituted)).toBe(true)
    expect(decrypt(bytes, elsewhere.dk)).toEqual(secret)
    expect(verify(bytes)).toBe(false)
    expect(decrypt(bytes)).toBeUndefined()
  })

  test('L7 a backup of a dead epoch is refused under the new one, and opens to nothing (#45)', async () => {
    const [renewed] = await refreshed([alice, bob])
    const next = backupStatement(renewed!.share, statement)
    expect(verify(honest, next)).toBe(false)
    expect(decrypt(honest, owner.dk, next)).toBeUndefined()
  })

  test('L13 an encryption key that is no point is refused by both', () => {
    const none = [
      new Uint8Array(33),
      Uint8Array.of(2, ...toBytes32(5n)),
      owner.ek.slice(1),
      Uint8Array.of(4, ...honest.slice(0, 64)),
    ]
    for (const ek of none) {
      expect(verify(honest, { ...statement, ek })).toBe(false)
      expect(() => encrypt(fast, seeded('pve'), { ...statement, ek })).toThrow(UsageError)
    }
  })

  test('nothing but the share of the statement is encrypted', () => {
    const wrong = [alice.share.secret, toBytes32(0n), toBytes32(q), secret.slice(1)]
    for (const other of wrong) {
      expect(() => atOnce(pveEncrypt(fast, statement, other, seeded('pve')))).toThrow(UsageError)
    }
  })

  test('a party the key does not have has no statement', () => {
    expect(() => backupStatement(alice.share, { ...statement, party: partyIndex(3) })).toThrow(UsageError)
  })
})

describe('what is not the proof', () => {
  test('L7 another length does not verify', () => {
    for (const bytes of [honest.slice(1), honest.slice(0, -1), Uint8Array.of(...honest, 0), new Uint8Array(0)]) {
      expect(verify(bytes)).toBe(false)
      expect(decrypt(bytes)).toBeUndefined()
    }
  })

  test.each(Object.entries(FIELDS))(
    'L7 one bit of %s changed, in the first row, one between, and the last',
    (_, field) => {
      for (const row of [0, 77, 127]) expect(verify(flip(honest, at(row) + field))).toBe(false)
    },
  )

  test('L7 one bit of the challenge changed', () => {
    for (const place of [0, 9, 15]) expect(verify(flip(honest, place))).toBe(false)
  })

  test('L13 a scalar of q or more', () => {
    for (const value of [q, 2n ** 256n - 1n]) {
      expect(verify(overwrite(honest, at(3), toBytes32(value)))).toBe(false)
    }
  })

  test('L7 a half that is zero, or the whole share, so that a row has no Y', () => {
    const rowWith = (b: 0 | 1) => range(128).find((i) => bitAt(honest, i) === b)!
    expect(verify(overwrite(honest, at(rowWith(0)), toBytes32(0n)))).toBe(false)
    expect(verify(overwrite(honest, at(rowWith(1)), secret))).toBe(false)
  })

  test('L7 random bytes of the right length', () => {
    for (const n of range(5)) expect(verify(seeded(n)(PVE_BYTES))).toBe(false)
  })

  test('L7 the ciphertext of another run with this one’s challenge', () => {
    expect(verify(overwrite(encrypt(fast, seeded('other')), 0, honest.slice(0, 16)))).toBe(false)
  })
})

describe('opening', () => {
  test('L7 takes the first row that gives the share, whatever is wrong with the others', () => {
    let damaged = honest
    for (let i = 0; i < 127; i++) {
      const junk = i % 2 === 0 ? new Uint8Array(33) : fast.encode(fast.mulBase(BigInt(i)))
      damaged = overwrite(damaged, at(i) + FIELDS.E, junk)
    }
    expect(verify(damaged)).toBe(false)
    expect(decrypt(damaged)).toEqual(secret)
    expect(decrypt(overwrite(damaged, at(127) + FIELDS.E, new Uint8Array(33)))).toBeUndefined()
  })

  test('with another key gives nothing', () => {
    expect(decrypt(honest, backupKey(fast, seeded('another')).dk)).toBeUndefined()
  })

  test('with something that is no key is our own mistake', () => {
    for (const dk of [toBytes32(0n), toBytes32(q), owner.dk.slice(1), new Uint8Array(0)]) {
      expect(() => decrypt(honest, dk)).toThrow(UsageError)
    }
  })
})

test('the hash both sides show is of the whole ciphertext', () => {
  expect(backupHash(fast, honest)).toEqual(TH('pve/hash', honest))
  expect(backupHash(fast, flip(honest, PVE_BYTES - 1))).not.toEqual(backupHash(fast, honest))
})
