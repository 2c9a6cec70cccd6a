import { inspect } from 'node:util'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import {
  backupKey,
  backupStatement,
  combineShares,
  decodeShare,
  derive,
  encodeShare,
  fromBytesBE,
  type KeygenResult,
  pveDecrypt,
  pveEncrypt,
  q,
  shareOfPeer,
  toBytes32,
} from '@tandem/ecdsa'
import { partyIndex, UsageError } from '@tandem/rounds'
import { atOnce } from '../helpers/at-once.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { refreshed, signingKeyOf } from '../helpers/refresh.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, signAll } from '../helpers/signing.ts'
import { outputs, simulate } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

const backend = remembering(fast)
const generated = async (parties: number) =>
  outputs(await simulate(keygenParties({ parties, backend, seed: `${parties} parties` })))
const [alice, bob] = (await generated(2)) as [KeygenResult, KeygenResult]
const three = (await generated(3)).map(({ share }) => share)
const renewed = await refreshed([alice, bob], { backend })
const [device, server] = [alice.share, bob.share]
const text = signedText('recovered')

describe('with a backup of both shares and nobody to ask', () => {
  const owner = backupKey(fast, seeded('owner'))
  const statement = backupStatement(device, { party: partyIndex(2), purpose: 'recovery', ek: owner.ek })
  const backups = {
    device: encodeShare(fast, device),
    server: atOnce(pveEncrypt(fast, statement, server.secret, seeded('backup'))),
  }
  const restored = decodeShare(fast, backups.device)
  const opened = pveDecrypt(fast, owner.dk, backupStatement(restored, statement), backups.server)!

  test('the key is whole again, and signs for every address it ever had', () => {
    const { secret, publicKey, chainCode } = combineShares(fast, [
      restored,
      shareOfPeer(fast, restored, partyIndex(2), opened),
    ])
    expect([publicKey, chainCode]).toEqual([device.publicKey, device.chainCode])
    const { publicKey: child, epsilon } = derive(fast, device, [44, 60, 3])
    const childSecret = toBytes32((fromBytesBE(secret) + epsilon) % q)
    for (const [key, whole] of [
      [device.publicKey, secret],
      [child, childSecret],
    ] as const) {
      const bytes = secp256k1.sign(text.digest, whole, { prehash: false, format: 'recovered' })
      expect(refusals({ compact: bytes.slice(1), recovery: bytes[0]! }, text, key)).toEqual([])
    }
  })

  test('the server’s share is what it was, and a refresh with it makes a pair that signs', async () => {
    const back = shareOfPeer(fast, restored, partyIndex(2), opened)
    expect(encodeShare(fast, back)).toEqual(encodeShare(fast, server))
    const stages = await refreshed([{ share: restored }, { share: back }], { backend, seed: 'after the loss' })
    const how = { message: messageOf(text.digest), assembler: 'all' as const }
    const [signature] = outputs(await signAll(signingKeyOf(stages), how, { backend }))
    expect(refusals(signature!, text, device.publicKey)).toEqual([])
  })
})

describe('refuses', () => {
  test('L6 a secret that is not this party’s in this epoch', () => {
    const wrong = [device.secret, renewed[1]!.share.secret, toBytes32(0n), toBytes32(q), server.secret.slice(1)]
    for (const secret of wrong) {
      expect(() => shareOfPeer(fast, device, partyIndex(2), secret)).toThrow(UsageError)
    }
    expect(() => shareOfPeer(fast, device, partyIndex(3), server.secret)).toThrow(UsageError)
  })

  test('L6 a share that does not hold', () => {
    const damaged = { ...server, secret: device.secret }
    expect(() => combineShares(fast, [device, damaged])).toThrow('does not hold')
  })

  test('L6 shares of two epochs, of two keys, of one party twice, or one too few', () => {
    const sets = [
      [device, renewed[1]!.share],
      [device, three[1]!],
      [device, device],
      [device],
      three.slice(0, 2),
      [...three, three[0]!],
    ]
    for (const shares of sets) expect(() => combineShares(fast, shares)).toThrow('do not make the key')
    expect(() => combineShares(fast, [])).toThrow(UsageError)
    expect(combineShares(fast, three).publicKey).toEqual(three[0]!.publicKey)
  })
})

test('neither a recovered key nor a recovered share prints', () => {
  const shown = (value: object) => [JSON.stringify(value), ''.concat(value as unknown as string), inspect(value)]
  for (const value of [
    combineShares(fast, [device, server]),
    shareOfPeer(fast, device, partyIndex(2), server.secret),
  ]) {
    expect(shown(value)).toEqual(['"[secret]"', '[secret]', '[secret]'])
  }
})

test('an error never shows the secret it refused', () => {
  const hex = Buffer.from(device.secret).toString('hex')
  expect(() => shareOfPeer(fast, device, partyIndex(2), device.secret)).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining(hex) as unknown }),
  )
})
