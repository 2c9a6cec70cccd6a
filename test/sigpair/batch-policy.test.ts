import { openSqlite, type Store } from '@tandem/store'
import { type Policy, WireError } from '@tandem/wire'
import * as fc from 'fast-check'
import type { Claim } from '../../sigpair/src/policy/policy-claim.ts'
import { judgeRelease, judgeReleases, policyAt, policyText } from '../../sigpair/src/policy/policy-store.ts'
import { spendingAt } from '../../sigpair/src/sign/spending.ts'

const KEY = `0x${'ab'.repeat(32)}`
const NOW = 1_900_000_000_000
const TOKENS = ['native', `0x${'11'.repeat(20)}`]

const payment = fc.record({ asset: fc.constantFrom(...TOKENS), amount: fc.bigInt({ min: 0n, max: 20n }) })

function claimOf({ asset, amount }: { readonly asset: string; readonly amount: bigint }): Claim {
  const spending = [{ chainId: 1, asset, recipient: `0x${'22'.repeat(20)}`, amount }]
  return { kind: 'transaction', chainId: 1, to: `0x${'33'.repeat(20)}`, selector: undefined, decoded: true, spending }
}

const policyOf = (limits: readonly bigint[]): Policy => ({
  assets: TOKENS.map((asset, i) => ({ chainId: 1, asset, windows: [{ seconds: 3600, amount: String(limits[i]) }] })),
})

async function opened(policy: Policy): Promise<Store> {
  const store = openSqlite({ path: ':memory:', clock: () => NOW })
  const record = { keyId: KEY, version: 1, inForce: [policyText(policy)], pending: null, nonce: '0x' }
  await store.create(policyAt(KEY), record)
  return store
}

/** What a window of an hour holds, by asset. */
async function spentIn(store: Store): Promise<bigint[]> {
  const docs = await Promise.all(TOKENS.map((asset) => store.get(spendingAt(KEY, { chainId: 1, asset }))))
  return docs.map((doc) => (doc?.data.entries ?? []).reduce((sum, { amount }) => sum + BigInt(amount), 0n))
}

const refusalOf = async (act: Promise<unknown>) =>
  act.then(
    () => undefined,
    (error: unknown) => (error instanceof WireError ? error.details : Promise.reject(error)),
  )

test('S19 a batch is allowed exactly when its operations are, one after the other, and spends the same', async () => {
  const law = fc.asyncProperty(
    fc.array(payment, { minLength: 1, maxLength: 12 }),
    fc.tuple(fc.bigInt({ min: 0n, max: 120n }), fc.bigInt({ min: 0n, max: 120n })),
    async (payments, limits) => {
      const sessions = payments.map((one, i) => ({
        sessionId: `ses_${i}`,
        claim: claimOf(one),
        name: `operation ${i}`,
      }))
      const [together, inTurn] = [await opened(policyOf(limits)), await opened(policyOf(limits))]
      const refusal = await refusalOf(
        together.transaction(async (tx) => {
          const { charge } = await judgeReleases(tx, { keyId: KEY, mark: 1, sessions }, NOW)
          charge()
        }),
      )
      let first: string | undefined
      for (const session of sessions) {
        first ??= await refusalOf(
          inTurn.transaction(async (tx) => {
            const { charge } = await judgeRelease(tx, { ...session, keyId: KEY, mark: 1 }, NOW)
            charge()
          }),
        )
      }
      expect(refusal).toBe(first)
      expect(await spentIn(together)).toEqual(refusal === undefined ? await spentIn(inTurn) : [0n, 0n])
      await Promise.all([together.close(), inTurn.close()])
    },
  )
  await fc.assert(law, { numRuns: 60, seed: 5 })
})
