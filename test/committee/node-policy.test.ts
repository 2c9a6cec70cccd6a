import type { SignPayload } from '@tandem/wire'
import { nodePolicy, requireAllowed } from '../../sigpair/src/committee/node-policy.ts'

const NOW = 1_800_000_000_000
const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

const pay = (value: string): SignPayload => ({
  kind: 'transaction',
  unsignedTx: {
    type: 'eip1559',
    chainId: 31337,
    nonce: 0,
    maxPriorityFeePerGas: '1',
    maxFeePerGas: '2',
    gasLimit: '21000',
    to: SHOP,
    value,
    data: '0x',
  },
})
const MESSAGE: SignPayload = { kind: 'message', message: 'hello' }
const DIGEST: SignPayload = { kind: 'digest', digest: `0x${'11'.repeat(32)}` }

const denied = (details: string) => expect.objectContaining({ code: 'POLICY_DENIED', details })

test('without a policy a node signs what it can read, and no bare digest', () => {
  const given = nodePolicy.parse({})
  requireAllowed(given, pay('1'), NOW)
  requireAllowed(given, MESSAGE, NOW)
  expect(() => requireAllowed(given, DIGEST, NOW)).toThrow(denied('digests'))
  requireAllowed(nodePolicy.parse({ digests: 'allow' }), DIGEST, NOW)
})

test('the rules of a wallet hold for a node', () => {
  const row = { chainId: 31337, asset: 'native', perTransaction: '10' }
  const given = nodePolicy.parse({ rules: { chains: [31337], recipients: [SHOP], assets: [row] } })
  requireAllowed(given, pay('10'), NOW)
  expect(() => requireAllowed(given, pay('11'), NOW)).toThrow(denied('assets eip155:31337/native perTransaction'))
  expect(() => requireAllowed(given, MESSAGE, NOW)).toThrow(denied('messages'))
  expect(() => requireAllowed(nodePolicy.parse({ rules: { chains: [1] } }), pay('1'), NOW)).toThrow(denied('chains'))
})

test('a policy that one node cannot keep is no policy', () => {
  const windows = [{ seconds: 3600, amount: '1' }]
  const refused = [
    { rules: { assets: [{ chainId: 1, asset: 'native', windows }] } },
    { rules: { secondFactor: 'always' } },
  ]
  for (const given of [...refused, { digest: 'allow' }]) expect(nodePolicy.safeParse(given).success).toBe(false)
})
