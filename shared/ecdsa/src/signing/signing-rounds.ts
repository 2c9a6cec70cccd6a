import { exchange, type Protocol, toEach } from '@tandem/rounds'
import type { AliceState, BobState } from '../multiply/rvole.ts'
import { finish, type Nonce } from './signing-finish.ts'
import { admit, offer, OFFER_BYTES } from './signing-offer.ts'
import { reply, REPLY_BYTES } from './signing-reply.ts'
import type { SigningRun, Waiting } from './signing-session.ts'

/**
 * Rounds 1 and 2, the same whether the message is known or not. Round 2 leaves only after round 1 of everybody passed
 * the OT check, and its commitments are opened only then: nobody chooses a nonce after seeing another.
 *
 * Source: docs/spec/sign.md, rounds 1 and 2.
 */
export function* agreeOnNonce(run: SigningRun): Protocol<Nonce> {
  try {
    return yield* exchangeNonces(run)
  } finally {
    for (const state of run.waiting) eraseUnused(state)
  }
}

function* exchangeNonces(run: SigningRun): Protocol<Nonce> {
  const others = run.peers.map(({ peer }) => peer)

  const { opening: mine, messages: offers } = offer(run)
  const offered = yield* exchange(run.header(1), run.self, offers, toEach(others, OFFER_BYTES))

  const admitted = yield* admit(run, offered)
  const { answered, messages: replies } = reply(run, mine, admitted)
  const replied = yield* exchange(run.header(2), run.self, replies, toEach(others, REPLY_BYTES))

  return finish({ run, mine, admitted, answered }, replied)
}

/** Choices, columns and a copy of Δ: best effort, the engine may have copied them. */
function eraseUnused(state: Waiting): void {
  state.discard((parts: AliceState | BobState) => {
    for (const part of Object.values(parts)) part.fill(0)
  })
}
