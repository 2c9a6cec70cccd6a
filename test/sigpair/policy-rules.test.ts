import { policy as policySchema, type Policy, type UnsignedTx } from '@tandem/wire'
import { AbiCoder, Interface } from 'ethers'
import * as fc from 'fast-check'
import { decodeCalldata } from '../../sigpair/src/policy/decode-calldata.ts'
import { claimOfTypedData, type TypedData } from '../../sigpair/src/policy/decode-typed-data.ts'
import { type Claim, claimOf } from '../../sigpair/src/policy/policy-claim.ts'
import { isTighter } from '../../sigpair/src/policy/policy-compare.ts'
import { chargesOf, refusingRule } from '../../sigpair/src/policy/policy-rules.ts'
import { added, MAX_ENTRIES, spentWithin } from '../../sigpair/src/sign/spending.ts'

const SHOP = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const THIEF = '0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc'
const USDC = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'
const VAULT = '0x00000000000000000000000000000000000000aa'
const NOW = Date.UTC(2027, 0, 4, 12, 30) // a Monday

const erc20 = new Interface([
  'function transfer(address,uint256)',
  'function transferFrom(address,address,uint256)',
  'function approve(address,uint256)',
  'function increaseAllowance(address,uint256)',
  'function decreaseAllowance(address,uint256)',
  'function permit(address,address,uint256,uint256,uint8,bytes32,bytes32)',
])

const tx = (change: Partial<UnsignedTx> = {}): Claim =>
  claimOf({
    kind: 'transaction',
    unsignedTx: {
      type: 'eip1559',
      chainId: 1,
      nonce: 0,
      maxPriorityFeePerGas: '1',
      maxFeePerGas: '10',
      gasLimit: '21000',
      to: SHOP,
      value: '100',
      data: '0x',
      ...change,
    },
  })
const call = (name: string, args: unknown[], to = USDC) =>
  tx({ to, value: '0', data: erc20.encodeFunctionData(name, args) })
const refused = (policy: Policy, claim: Claim, at: object = {}) =>
  refusingRule(policy, claim, { now: NOW, spent: () => 0n, charged: false, ...at })
const row = (asset: string, limits: object = {}, chainId = 1) => ({ chainId, asset, ...limits })

describe('calldata', () => {
  test.each([
    ['transfer', [SHOP, 5n], { kind: 'transfer', recipient: SHOP, amount: 5n }],
    ['transferFrom', [THIEF, SHOP, 6n], { kind: 'transfer', recipient: SHOP, amount: 6n }],
    ['approve', [SHOP, 7n], { kind: 'allowance', recipient: SHOP, amount: 7n }],
    ['increaseAllowance', [SHOP, 8n], { kind: 'allowance', recipient: SHOP, amount: 8n }],
    ['decreaseAllowance', [SHOP, 9n], { kind: 'allowance', recipient: SHOP, amount: 0n }],
    [
      'permit',
      [THIEF, SHOP, 10n, 99n, 27, `0x${'11'.repeat(32)}`, `0x${'22'.repeat(32)}`],
      { kind: 'allowance', recipient: SHOP, amount: 10n },
    ],
  ])('of %s, as ethers encodes it, is what ethers was told', (name, args, spending) => {
    const data = erc20.encodeFunctionData(name, args)
    expect(decodeCalldata(data)).toEqual({ call: 'token', selector: data.slice(0, 10), spending })
    expect(decodeCalldata(data.toUpperCase().replace('0X', '0x'))).toMatchObject({ call: 'token', spending })
  })

  test('that is a byte longer, shorter, or dirty above an address is unknown', () => {
    const good = erc20.encodeFunctionData('transfer', [SHOP, 5n])
    const dirty = `${good.slice(0, 10)}01${good.slice(12)}`
    for (const data of [`${good}00`, good.slice(0, -2), dirty, good.slice(0, 10)]) {
      expect(decodeCalldata(data)).toEqual({ call: 'unknown', selector: '0xa9059cbb' })
    }
    expect(decodeCalldata('0xa9059c')).toEqual({ call: 'unknown', selector: undefined })
    expect(decodeCalldata('0xdeadbeef')).toEqual({ call: 'unknown', selector: '0xdeadbeef' })
    expect(decodeCalldata('0x')).toEqual({ call: 'none' })
  })

  test('of any bytes never throws, and is a token call only if it encodes back to itself', () => {
    const selectors = fc.constantFrom('a9059cbb', '23b872dd', '095ea7b3', '39509351', 'd505accf', 'ffffffff')
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.bigInt(0n, (1n << 160n) - 1n), fc.bigInt(0n, (1n << 256n) - 1n)).map(([to, amount]) => {
        return Buffer.from(AbiCoder.defaultAbiCoder().encode(['uint256', 'uint256'], [to, amount]).slice(2), 'hex')
      }),
    )
    fc.assert(
      fc.property(selectors, body, (selector, bytes) => {
        const data = `0x${selector}${Buffer.from(bytes).toString('hex')}`
        const decoded = decodeCalldata(data)
        if (decoded.call !== 'token') return
        const parsed = erc20.parseTransaction({ data })!
        expect(erc20.encodeFunctionData(parsed.name, parsed.args)).toBe(data)
      }),
    )
  })
})

describe('typed data', () => {
  const permit = (change: Partial<TypedData> = {}): TypedData => ({
    domain: { name: 'USD Coin', chainId: 1, verifyingContract: USDC },
    primaryType: 'Permit',
    types: {},
    message: { owner: THIEF, spender: SHOP, value: '500', nonce: '0', deadline: '1' },
    ...change,
  })
  const PERMIT2 = '0x000000000022D473030F116dDEE9F6B43aC78BA3'
  const in2 = (primaryType: string, message: Record<string, unknown>) =>
    permit({ domain: { chainId: '1', verifyingContract: PERMIT2 }, primaryType, message })
  const spending = [{ chainId: 1, asset: USDC, recipient: SHOP, amount: 500n }]

  test('that is a permit of ERC-2612, DAI or Permit2 is spending of its token', () => {
    expect(claimOfTypedData(permit())).toMatchObject({ kind: 'permit', spending })
    const details = { token: USDC, amount: '500', expiration: '1', nonce: '0' }
    expect(claimOfTypedData(in2('PermitSingle', { details, spender: SHOP }))).toMatchObject({ spending })
    expect(claimOfTypedData(in2('PermitBatch', { details: [details, details], spender: SHOP }))).toMatchObject({
      kind: 'permit',
      spending: [...spending, ...spending],
    })
    const permitted = { token: USDC, amount: '0x1f4' }
    expect(claimOfTypedData(in2('PermitTransferFrom', { permitted, spender: SHOP }))).toMatchObject({ spending })
    const batch = { permitted: [permitted], spender: SHOP }
    expect(claimOfTypedData(in2('PermitBatchTransferFrom', batch))).toMatchObject({ spending })
    const dai = { holder: THIEF, spender: SHOP, nonce: 0, expiry: 0, allowed: true }
    expect(claimOfTypedData(permit({ message: dai }))).toMatchObject({
      kind: 'permit',
      spending: [{ amount: (1n << 256n) - 1n }],
    })
    const none = claimOfTypedData(permit({ message: { ...dai, allowed: false } }))
    expect(none).toMatchObject({ kind: 'permit', spending: [{ amount: 0n }] })
  })

  test('that cannot be read in full is unknown, and a policy refuses it unless it names it', () => {
    const { message } = permit()
    const unreadable = [
      permit({ message: { ...message, value: '-1' } }),
      permit({ message: { ...message, spender: 'somebody' } }),
      permit({ message: { ...message, allowed: true } }),
      permit({ domain: { chainId: 1 } }),
      permit({ domain: { chainId: '1e3', verifyingContract: USDC } }),
      permit({ primaryType: 'Order' }),
      in2('PermitSingle', message),
      in2('PermitWhatever', message),
    ]
    for (const data of unreadable) {
      const claim = claimOfTypedData(data)
      expect(claim.kind).toBe('typed-data')
      expect(refused({}, claim)).toBe('typedData')
    }
    const order = claimOfTypedData(permit({ primaryType: 'Order' }))
    expect(refused({ typedData: [{ chainId: 1, contract: USDC, primaryType: 'Order' }] }, order)).toBeUndefined()
    expect(refused({ typedData: [{ chainId: 1, contract: SHOP, primaryType: 'Order' }] }, order)).toBe('typedData')
  })

  test('counts a batch of permits for one token together', () => {
    const details = { token: USDC, amount: '500' }
    const claim = claimOfTypedData(in2('PermitBatch', { details: [details, details], spender: SHOP }))
    expect(refused({ assets: [row(USDC, { perTransaction: '999' })] }, claim)).toContain('perTransaction')
    expect(refused({ assets: [row(USDC, { perTransaction: '1000' })] }, claim)).toBeUndefined()
    expect(chargesOf([{ assets: [row(USDC, { windows: [{ seconds: 60, amount: '1' }] })] }], claim)).toEqual([
      { chainId: 1, asset: USDC, amount: 1000n },
    ])
  })
})

describe('S19 a rule refuses', () => {
  const many = '115792089237316195423570985008687907853269984665640564039457584007913129639935'
  test.each<[string, Policy, Claim, string | undefined]>([
    ['nothing when the policy is empty', {}, tx(), undefined],
    ['another chain', { chains: [5] }, tx(), 'chains'],
    ['not its own chain', { chains: [1, 5] }, tx(), undefined],
    ['another recipient of value', { recipients: [THIEF] }, tx(), 'recipients'],
    ['an empty payment to another recipient', { recipients: [THIEF] }, tx({ value: '0' }), 'recipients'],
    ['not its recipient, in any case', { recipients: [SHOP.toUpperCase().replace('0X', '0x')] }, tx(), undefined],
    ['another recipient of tokens', { recipients: [SHOP] }, call('transfer', [THIEF, 1]), 'recipients'],
    ['another spender', { recipients: [SHOP] }, call('approve', [THIEF, 1]), 'recipients'],
    [
      'value sent along with a token call',
      { recipients: [SHOP] },
      tx({ to: USDC, data: erc20.encodeFunctionData('transfer', [SHOP, 1]) }),
      'recipients',
    ],
    ['what it cannot decode', {}, tx({ data: '0xdeadbeef' }), 'contracts'],
    [
      'less than a selector',
      { contracts: [{ chainId: 1, address: SHOP, selectors: ['0xdeadbe00'] }] },
      tx({ data: '0xdeadbe' }),
      'contracts',
    ],
    [
      'another method of a listed contract',
      { contracts: [{ chainId: 1, address: SHOP, selectors: ['0xdeadbee0'] }] },
      tx({ data: '0xdeadbeef' }),
      'contracts',
    ],
    [
      'a listed method on another chain',
      { contracts: [{ chainId: 5, address: SHOP, selectors: ['0xdeadbeef'] }] },
      tx({ data: '0xdeadbeef' }),
      'contracts',
    ],
    [
      'not a listed call',
      { contracts: [{ chainId: 1, address: SHOP, selectors: ['0xDEADBEEF'] }] },
      tx({ data: '0xdeadbeef' }),
      undefined,
    ],
    [
      'a listed transfer to a stranger',
      { recipients: [SHOP], contracts: [{ chainId: 1, address: USDC, selectors: ['0xa9059cbb'] }] },
      call('transfer', [THIEF, 1]),
      'recipients',
    ],
    ['an asset without a row', { assets: [row('native')] }, call('transfer', [SHOP, 1]), `assets eip155:1/${USDC}`],
    ['value when only a token has a row', { assets: [row(USDC)] }, tx(), 'assets eip155:1/native'],
    ['the native asset of another chain', { assets: [row('native', {}, 5)] }, tx(), 'assets eip155:1/native'],
    [
      'more than one transaction may',
      { assets: [row('native', { perTransaction: '99' })] },
      tx(),
      'assets eip155:1/native perTransaction',
    ],
    ['not as much as it may', { assets: [row('native', { perTransaction: '100' })] }, tx(), undefined],
    [
      'an unlimited allowance',
      { assets: [row(USDC, { perTransaction: '99' })] },
      call('approve', [SHOP, many]),
      `assets eip155:1/${USDC} perTransaction`,
    ],
    [
      'a fee above its row',
      { assets: [row('native'), row('fee', { perTransaction: '209999' })] },
      tx(),
      'assets eip155:1/fee perTransaction',
    ],
    ['not a fee without a row', { assets: [row('native')] }, tx(), undefined],
    ['messages', {}, { kind: 'message' }, 'messages'],
    ['not messages that it allows', { messages: 'allow' }, { kind: 'message' }, undefined],
    ['outside its hours', { hours: [{ from: '12:31', to: '24:00' }] }, tx(), 'hours'],
    ['at the end of its hours', { hours: [{ from: '00:00', to: '12:30' }] }, tx(), 'hours'],
    ['not within its hours', { hours: [{ from: '12:30', to: '12:31', days: [1] }] }, tx(), undefined],
    ['on another day', { hours: [{ from: '00:00', to: '24:00', days: [0, 2, 3, 4, 5, 6] }] }, tx(), 'hours'],
    [
      'messages outside its hours',
      { messages: 'allow', hours: [{ from: '01:00', to: '02:00' }] },
      { kind: 'message' },
      'hours',
    ],
  ])('%s', (_, policy, claim, rule) => {
    expect(policySchema.safeParse(policy).success).toBe(true)
    expect(refused(policy, claim)).toBe(rule)
  })

  test('what a window has no room for, and a claim that was charged before counts once', () => {
    const policy = { assets: [row('native', { windows: [{ seconds: 3600, amount: '250' }] })] }
    expect(refused(policy, tx(), { spent: () => 150n })).toBeUndefined()
    expect(refused(policy, tx(), { spent: () => 151n })).toBe('assets eip155:1/native windows 3600')
    expect(refused(policy, tx(), { spent: () => 250n, charged: true })).toBeUndefined()
    expect(refused(policy, tx(), { spent: () => 251n, charged: true })).toBeDefined()
  })
})

describe('a window', () => {
  test('counts what lies inside it, and no more what is exactly its length ago', () => {
    const entries = [{ at: 1_000, amount: '5' }]
    expect(spentWithin(entries, 60, 60_999)).toBe(5n)
    expect(spentWithin(entries, 60, 61_000)).toBe(0n)
    expect(spentWithin(entries, 60, 500)).toBe(5n)
  })

  test('never counts less than what was spent in it, however many entries there were', () => {
    const steps = fc.array(fc.tuple(fc.nat(5_000), fc.nat(1_000)), {
      minLength: MAX_ENTRIES,
      maxLength: MAX_ENTRIES + 60,
    })
    fc.assert(
      fc.property(steps, fc.constantFrom(60, 600, 3600), (spendings, seconds) => {
        let now = 1_900_000_000_000
        let kept: ReturnType<typeof added> = []
        const all: { at: number; amount: string }[] = []
        for (const [wait, amount] of spendings) {
          now += wait
          all.push({ at: now, amount: String(amount) })
          kept = added(kept, { at: now, amount: String(amount) })
        }
        expect(kept.length).toBeLessThanOrEqual(MAX_ENTRIES)
        expect(spentWithin(kept, seconds, now) >= spentWithin(all, seconds, now)).toBe(true)
        expect(spentWithin(kept, 31 * 86_400, now)).toBe(spentWithin(all, 31 * 86_400, now))
      }),
      { numRuns: 20 },
    )
  })

  test('forgets what no window reaches, and a clock that steps back makes nothing younger', () => {
    const month = 31 * 86_400_000
    expect(added([{ at: 1, amount: '5' }], { at: 1 + month, amount: '6' })).toEqual([{ at: 1 + month, amount: '6' }])
    expect(added([{ at: 10, amount: '5' }], { at: 3, amount: '6' })).toEqual([
      { at: 10, amount: '5' },
      { at: 10, amount: '6' },
    ])
  })
})

/** Few values, so that random policies and transactions meet. */
const account = fc.constantFrom(SHOP, THIEF, VAULT)
const chainId = fc.constantFrom(1, 5)
const amount = fc.constantFrom('0', '50', '100', '150')
const selector = fc.constantFrom('0xa9059cbb', '0xdeadbeef')
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })
const assets = fc.uniqueArray(
  fc.record(
    {
      chainId,
      asset: fc.constantFrom('native', 'fee', USDC),
      perTransaction: amount,
      windows: fc.array(fc.record({ seconds: fc.constantFrom(60, 3600), amount }), { maxLength: 2 }),
    },
    { requiredKeys: ['chainId', 'asset'] },
  ),
  { selector: (rule) => `${rule.chainId}${rule.asset}`, maxLength: 5 },
)
const clocks = fc.uniqueArray(fc.constantFrom('00:00', '12:00', '12:30', '13:00', '24:00'), {
  minLength: 2,
  maxLength: 2,
})
const hours = fc.array(
  clocks.map((pair) => pair.toSorted()).map(([from, to]) => ({ from: from!, to: to! })),
  { maxLength: 2 },
)
const contracts = fc.array(
  fc.record({ chainId, address: fc.constantFrom(USDC, VAULT), selectors: fc.uniqueArray(selector, { minLength: 1 }) }),
  { maxLength: 2 },
)
const policies = fc.record(
  {
    chains: optional(fc.uniqueArray(chainId)),
    recipients: optional(fc.uniqueArray(account)),
    contracts: optional(contracts),
    assets: optional(assets),
    hours: optional(hours),
    messages: optional(fc.constantFrom<'allow' | 'deny'>('allow', 'deny')),
  },
  { requiredKeys: [] },
) as unknown as fc.Arbitrary<Policy>
const claims: fc.Arbitrary<Claim> = fc.oneof(
  fc.constant<Claim>({ kind: 'message' }),
  fc
    .record({
      chainId,
      to: fc.constantFrom(SHOP, USDC, VAULT),
      value: amount,
      recipient: account,
      data: fc.constantFrom('none', 'token', 'other'),
    })
    .map(({ recipient, data, ...fields }) => {
      const token = erc20.encodeFunctionData('transfer', [recipient, 100])
      return tx({
        ...fields,
        maxFeePerGas: '0',
        data: data === 'none' ? '0x' : data === 'token' ? token : '0xdeadbeef',
      })
    }),
)

describe('a change', () => {
  test('that counts as tighter allows nothing that was refused before', () => {
    let tighter = 0
    const history = fc.record({ minute: fc.nat(50), hour: fc.nat(100) })
    fc.assert(
      fc.property(policies, policies, claims, history, (before, after, claim, { minute, hour }) => {
        if (!isTighter(before, after)) return
        tighter += 1
        // What was spent in a minute was spent in its hour.
        const at = { spent: (_: unknown, seconds: number) => BigInt(seconds === 60 ? minute : minute + hour) }
        if (refused(after, claim, at) === undefined) expect(refused(before, claim, at)).toBeUndefined()
      }),
      { numRuns: 4_000, seed: 7 },
    )
    expect(tighter).toBeGreaterThan(150)
  })

  test('to the same policy is tight, from none always, to none never', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        expect(isTighter(policy, policy)).toBe(true)
        expect(isTighter(null, policy)).toBe(true)
        expect(isTighter(policy, null)).toBe(false)
      }),
    )
  })

  test.each<[string, Policy, Policy]>([
    [
      'a limit',
      { assets: [row('native', { perTransaction: '2' })] },
      { assets: [row('native', { perTransaction: '1' })] },
    ],
    [
      'a longer window',
      { assets: [row('native', { windows: [{ seconds: 60, amount: '5' }] })] },
      { assets: [row('native', { windows: [{ seconds: 120, amount: '5' }] })] },
    ],
    ['a fee limit', { assets: [row('native')] }, { assets: [row('native'), row('fee', { perTransaction: '1' })] }],
    ['fewer assets', { assets: [row('native'), row(USDC)] }, { assets: [row('native')] }],
    ['fewer chains', { chains: [1, 5] }, { chains: [1] }],
    [
      'fewer hours',
      { hours: [{ from: '08:00', to: '18:00' }] },
      {
        hours: [
          { from: '09:00', to: '12:00' },
          { from: '12:00', to: '18:00' },
        ],
      },
    ],
    [
      'fewer methods',
      { contracts: [{ chainId: 1, address: USDC, selectors: ['0xa9059cbb', '0x095ea7b3'] }] },
      { contracts: [{ chainId: 1, address: USDC, selectors: ['0x095ea7b3'] }] },
    ],
    ['no messages', { messages: 'allow' }, {}],
  ])('to %s is tighter, and back is not', (_, before, after) => {
    expect(isTighter(before, after)).toBe(true)
    expect(isTighter(after, before)).toBe(false)
  })
})
