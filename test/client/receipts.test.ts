import { type RotationRecord, rotationBytes, toHex } from '@tandem/wire'
import { checkRotation, checkRotations } from '../../shared/client/src/wallet/receipts.ts'
import { identityOf, signAs } from '../helpers/keygen.ts'
import { seeded } from '../helpers/rng.ts'

const keys = { exchange: new Uint8Array(32), identity: identityOf(2) }
const rng = seeded('rotation')
const about = {
  keyId: toHex(rng(32)),
  publicKey: `0x02${toHex(rng(32)).slice(2)}`,
  from: 3,
  to: 4,
  stageId: toHex(rng(32)),
}
const wanted = { ...about, reasons: ['refresh', 'repair'] as const }

function record(change: Partial<RotationRecord> = {}, signer = 2): RotationRecord {
  const unsigned = { ...about, reason: 'refresh' as const, at: 1_800_000_000, ...change }
  return { ...unsigned, signature: toHex(signAs(signer)(rotationBytes(unsigned))) }
}

test('L9 a rotation record is Sigpair’s word about this key, these epochs and this stage', () => {
  expect(() => checkRotation(keys, wanted, record())).not.toThrow()
  expect(() => checkRotation(keys, wanted, record({ reason: 'repair' }))).not.toThrow()
  const others: RotationRecord[] = [
    record({}, 1),
    record({ keyId: toHex(rng(32)) }),
    record({ publicKey: `0x03${about.publicKey.slice(4)}` }),
    record({ from: 2 }),
    record({ to: 5 }),
    record({ stageId: toHex(rng(32)) }),
    record({ reason: 'restore' }),
    { ...record(), at: 1_800_000_001 },
  ]
  for (const other of others) {
    expect(() => {
      checkRotation(keys, wanted, other)
    }).toThrow(expect.objectContaining({ code: 'ANSWER_REFUSED' }) as Error)
  }
})

test('L9 beside a committee the records of as many members as sign are wanted, each once', () => {
  const nodes = [1, 2, 3].map((index) => ({ exchange: new Uint8Array(32), identity: identityOf(index) }))
  const three = { ...nodes[0]!, committee: { threshold: 2, nodes } }
  const entry = (index: number, rotation: RotationRecord) => ({ index, rotation, receipt: {} as never })
  const [own, other, forged] = [entry(2, record()), entry(3, record({ at: 1_800_000_009 }, 3)), entry(1, record())]
  const checked = (...entries: (typeof own)[]) =>
    checkRotations(three, wanted, { rotation: record({}, 1), nodes: entries })
  expect(checked(forged, other, own)).toEqual(own.rotation)
  for (const few of [[], [own], [own, own], [own, forged]]) {
    expect(() => checked(...few)).toThrow(expect.objectContaining({ code: 'ANSWER_REFUSED' }) as Error)
  }
})
