import { abortStatement, commitStatement, statusStatement } from '@tandem/ecdsa'
import { keyId, sessionId } from '@tandem/rounds'
import { fast } from '../helpers/backends.ts'
import { LE, TH } from '../helpers/reference/hash.ts'
import { seeded } from '../helpers/rng.ts'

// What Sigpair signs about a stage. Wherever two of these could be taken for each other, a key is lost.

const rng = seeded('statements')
const [id, ssid, stageId, conf] = [keyId(rng(32)), sessionId(rng(32)), rng(32), rng(32)] as const

test('a commit receipt names key, stage, epoch and confirmation', () => {
  expect(commitStatement(fast, { keyId: id, stageId, epoch: 258, conf })).toEqual(
    TH('rf/committed', id, stageId, LE(258, 4), conf),
  )
})

test('an abort receipt names key and stage', () => {
  expect(abortStatement(fast, { keyId: id, stageId })).toEqual(TH('rf/aborted', id, stageId))
})

test('a status names key, epoch and ssid in force, and the stage beside it or none', () => {
  const about = { keyId: id, epoch: 1, ssid }
  expect(statusStatement(fast, { ...about, staged: stageId })).toEqual(TH('rf/status', id, LE(1, 4), ssid, stageId))
  expect(statusStatement(fast, { ...about, staged: null })).toEqual(
    TH('rf/status', id, LE(1, 4), ssid, new Uint8Array()),
  )
})
