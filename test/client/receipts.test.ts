import { type RotationRecord, rotationBytes, toHex } from '@tandem/wire'
import { checkRotation } from '../../shared/client/src/wallet/receipts.ts'
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
