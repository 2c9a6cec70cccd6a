import { type Message, partyIndex } from '@tandem/rounds'
import { concat, le16 } from '../../shared/ecdsa/src/math/bytes.ts'
import { TH } from '../../shared/ecdsa/src/math/hash.ts'
import { fast as backend } from '../helpers/backends.ts'
import { guessingStart } from '../helpers/cheats.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { seeded } from '../helpers/rng.ts'
import { presignAll } from '../helpers/signing.ts'
import { sentBy, type Tamper } from '../helpers/simulate.ts'

// Party 1 guesses at one tree of party 2's Δ, in the first message of a presignature. Threats 2 and 13.

const key = dealtKey(backend, 2, seeded('guess'))
const TREE = 11
const truth = key.setups.get(partyIndex(2))![0]!.asAlice.seeds.punctured[TREE]!

/** The honest first message with its multiplication replaced by a guess. */
function guessing(guess: number): Tamper {
  const { leaves } = key.keys.get(partyIndex(1))!.pairs.get(partyIndex(2))!.bob
  return (sent: Message) => {
    if (sent.round !== 1 || sent.from !== 1) return sent
    const direction = TH(backend, 'rv', sent.sid, le16(2), le16(1))
    const { r1 } = guessingStart(leaves, direction, seeded(`guess ${guess}`), { tree: TREE, guess })
    return concat(sent.body.subarray(0, 40), r1)
  }
}

test.each([0, 1, 2, 4, 8])('S5 a guess at a tree of Δ that is off by %i bans, unless it is right', async (off) => {
  const simulation = await presignAll(key, { backend, tamper: guessing(truth ^ off) })
  const answered = sentBy(simulation).some(({ from, round }) => from === 2 && round === 2)
  expect(answered).toBe(off === 0)
  if (off === 0) return
  const banned = { code: 'BAD_OT_CHECK', verdict: 'ban', culprits: [1], round: 1 }
  expect(simulation.outcomes.get(partyIndex(2))).toMatchObject({ status: 'aborted', abort: banned })
})
