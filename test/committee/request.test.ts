import { type CallerRequest, callerRequest } from '@tandem/wire'
import { type PinnedCaller, requireSameRequest, verifyCallerRequest } from '../../sigpair/src/committee/request.ts'
import { testCaller } from '../helpers/caller.ts'
import { seeded } from '../helpers/rng.ts'

const NOW = 1_800_000_000_000
const rng = seeded('caller requests')
const sequencer = testCaller(rng, () => NOW)
const stranger = testCaller(rng, () => NOW)
const pinned: PinnedCaller = { publicKey: sequencer.publicKey, label: 'sequencer' }
const KEY = `0x${'ab'.repeat(32)}`
const NODES = [1, 2, 3].map((n) => `0x${String(n).repeat(64)}`)

const keyGen = { method: 'keyGen', params: { keyId: KEY, members: NODES, threshold: 2 } } as const
const sign = { method: 'keySign', params: { keyId: KEY, payload: { kind: 'message', message: 'hello' } } } as const

const verify = (request: CallerRequest, callers: readonly PinnedCaller[] = [pinned], now = NOW) =>
  verifyCallerRequest(callerRequest.parse(request), callers, now)

test('a request of a pinned caller is believed', () => {
  const request = sequencer.request(keyGen)
  expect(verify(request)).toMatchObject({ caller: pinned, requestId: request.requestId })
})

test('a request of anybody else is not, however well it is signed', () => {
  expect(() => verify(stranger.request(keyGen))).toThrow(
    expect.objectContaining({ code: 'FORBIDDEN', details: 'caller' }),
  )
  expect(() => verify(sequencer.request(keyGen), [])).toThrow(expect.objectContaining({ details: 'caller' }))
})

test('a request in the name of a pinned caller is not, unless it has signed it', () => {
  const forged = { ...stranger.request(keyGen), caller: sequencer.publicKey }
  expect(() => verify(forged)).toThrow(expect.objectContaining({ code: 'FORBIDDEN', details: 'signature' }))
})

test('a request is believed until it expires, and not when it could live for long', () => {
  const request = sequencer.request({ ...keyGen, expiry: NOW / 1000 + 600 })
  verify(request)
  const refused = expect.objectContaining({ code: 'FORBIDDEN', details: 'expiry' })
  expect(() => verify(request, [pinned], NOW + 600_000)).toThrow(refused)
  verify(request, [pinned], NOW + 599_999)
  expect(() => verify(sequencer.request({ ...keyGen, expiry: NOW / 1000 + 601 }))).toThrow(refused)
})

const TAMPERED: readonly (readonly [string, (request: CallerRequest) => unknown])[] = [
  ['key', (request) => ({ ...request, params: { ...request.params, keyId: `0x${'cd'.repeat(32)}` } })],
  ['threshold', (request) => ({ ...request, params: { ...request.params, threshold: 3 } })],
  ['order of the members', (request) => ({ ...request, params: { ...request.params, members: NODES.toReversed() } })],
  ['method', (request) => ({ ...request, method: 'keyReshare' })],
  ['id', (request) => ({ ...request, requestId: `0x${'00'.repeat(16)}` })],
  ['expiry', (request) => ({ ...request, expiry: request.expiry - 1 })],
]

test.each(TAMPERED)('a request whose %s was changed is not believed', (_what, tamper) => {
  const changed = callerRequest.parse(tamper(sequencer.request(keyGen)))
  expect(() => verify(changed)).toThrow(expect.objectContaining({ code: 'FORBIDDEN', details: 'signature' }))
})

test('a caller asks for what its pin allows', () => {
  const signer = { ...pinned, methods: ['keySign'] } as const
  verify(sequencer.request(sign), [signer])
  expect(() => verify(sequencer.request(keyGen), [signer])).toThrow(
    expect.objectContaining({ code: 'FORBIDDEN', details: 'method' }),
  )
})

test('an id that comes again is the same request, or refused', () => {
  const first = sequencer.request(sign)
  const { digest } = verify(first)
  requireSameRequest(verify(first), digest)
  const payload = { kind: 'message', message: 'hello again' } as const
  const other = sequencer.request({ ...sign, requestId: first.requestId, params: { keyId: KEY, payload } })
  expect(() => requireSameRequest(verify(other), digest)).toThrow(
    expect.objectContaining({ code: 'IDEMPOTENCY_MISMATCH' }),
  )
  const later = sequencer.request({ ...sign, requestId: first.requestId, expiry: first.expiry + 1 })
  expect(() => requireSameRequest(verify(later), digest)).toThrow(
    expect.objectContaining({ code: 'IDEMPOTENCY_MISMATCH' }),
  )
})
