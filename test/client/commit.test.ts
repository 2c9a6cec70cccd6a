import { commitStatement, encodeShare, verifyPossession } from '@tandem/ecdsa'
import { type CommitReceipt, fromHex, toHex } from '@tandem/wire'
import { checkReceipt, clientShareOf } from '../../shared/client/src/wallet/commit.ts'
import { defaultPlatform } from '../../shared/client/src/platform.ts'
import { fast } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { identityOf, signAs } from '../helpers/keygen.ts'
import { seeded } from '../helpers/rng.ts'

const dealt = dealtKey(fast, 2, seeded('commit'), 0)
const { share } = dealt.keys.get(dealt.signers[0]!)!
const stage = { epoch: 0, stageId: toHex(seeded('stage')(32)), share: encodeShare(fast, share), pairs: [] }
const keys = { exchange: new Uint8Array(32), identity: identityOf(2) }

/** Party 2's receipt, true but for the changes. */
function receipt(
  changes: { stageId?: string; epoch?: number; conf?: Uint8Array; signer?: number } = {},
): CommitReceipt {
  const { stageId = stage.stageId, epoch = 0, conf = share.conf, signer = 2 } = changes
  const statement = commitStatement(fast, { keyId: share.keyId, stageId: fromHex(stageId), epoch, conf })
  return {
    keyId: toHex(share.keyId),
    stageId,
    epoch,
    conf: toHex(conf),
    signature: toHex(signAs(signer)(statement)),
  }
}

test('L9 the stage goes into force on the receipt of the pinned Sigpair, and on nothing less', () => {
  expect(() => {
    checkReceipt(fast, keys, stage, receipt())
  }).not.toThrow()
  const forgeries = [
    receipt({ signer: 1 }),
    receipt({ stageId: toHex(seeded('another')(32)) }),
    receipt({ epoch: 1 }),
    receipt({ conf: seeded('conf')(32) }),
    { ...receipt(), signature: `0x${'00'.repeat(64)}` },
  ]
  for (const forged of forgeries) {
    expect(() => {
      checkReceipt(fast, keys, stage, forged)
    }).toThrow(expect.objectContaining({ code: 'ANSWER_REFUSED' }) as Error)
  }
})

test('what the device shows of its share is public, and proves the rest', () => {
  const shown = clientShareOf(defaultPlatform(), fast, stage)
  const claim = { ...share, publicShare: share.publicShares[0]! }
  expect(shown.share).toBe(toHex(share.publicShares[0]!))
  expect(JSON.stringify(shown)).not.toContain(toHex(share.secret).slice(2))
  expect(verifyPossession(fast, claim, fromHex(shown.proof))).toBe(true)
  expect(verifyPossession(fast, { ...claim, epoch: 1 }, fromHex(shown.proof))).toBe(false)
  expect(verifyPossession(fast, { ...claim, publicShare: share.publicShares[1]! }, fromHex(shown.proof))).toBe(false)
})
