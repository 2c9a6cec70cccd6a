import { rehearsalQuorums } from '@tandem/ecdsa'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { signingKeyOf } from '../helpers/refresh.ts'
import { subsets } from '../helpers/reference/shamir.ts'
import { presignAll } from '../helpers/signing.ts'
import { abortOf, outputs, simulate, type Tamper } from '../helpers/simulate.ts'

const backend = remembering(fast)
const shapes = Array.from({ length: 9 }, (_, i) => i + 2).flatMap((parties) =>
  Array.from({ length: parties - 1 }, (_, i) => ({ threshold: i + 2, parties })),
)

test.each(shapes)('every two of $parties meet in a quorum of $threshold', ({ threshold, parties }) => {
  const quorums = rehearsalQuorums({ threshold, parties })
  const everyone = Array.from({ length: parties }, (_, i) => i + 1)
  for (const quorum of quorums) {
    expect(quorum).toHaveLength(threshold)
    expect(quorum).toEqual(everyone.filter((i) => quorum.some((j) => j === i)))
  }
  for (const [i, j] of subsets(everyone, 2) as [number, number][]) {
    expect(quorums.some((quorum) => [i, j].every((one) => quorum.some((k) => k === one)))).toBe(true)
  }
  expect(quorums.length).toBeLessThanOrEqual((parties * (parties - 1)) / 2)
})

test('one quorum where all must sign, all pairs where two do, few between', () => {
  expect(rehearsalQuorums({ threshold: 4, parties: 4 })).toEqual([[1, 2, 3, 4]])
  expect(rehearsalQuorums({ threshold: 2, parties: 3 })).toEqual([
    [1, 2],
    [1, 3],
    [2, 3],
  ])
  expect(rehearsalQuorums({ threshold: 3, parties: 5 }).length).toBeLessThan(6)
  expect(rehearsalQuorums({ threshold: 7, parties: 10 }).length).toBeLessThan(6)
})

test('a zero seed that two parties hold differently is found by the quorum in which they meet, and by no other', async () => {
  const tamper: Tamper = (m) => (m.round === 2 && m.from === 3 && m.to === 1 ? flipped(m.body, 227) : m)
  const parties = keygenParties({ threshold: 2, parties: 3, backend })
  const stages = outputs(await simulate(parties, { tamper }))
  const key = signingKeyOf(stages)
  for (const signers of rehearsalQuorums({ threshold: 2, parties: 3 })) {
    const sim = await presignAll({ ...key, signers }, { backend: fast })
    if (signers.join() !== '1,3') expect(outputs(sim)).toHaveLength(2)
    else expect(abortOf(sim, 1)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [], verdict: 'retry' })
  }
})

function flipped(body: Uint8Array, at: number): Uint8Array {
  return body.with(at, body[at]! ^ 1)
}
