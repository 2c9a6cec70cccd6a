import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { VERSION_1 } from '@tandem/wire'
import { callerAddress, judge } from '../../sigpair/src/gate.ts'

const RULES = { hosts: ['sigpair.example'], origins: ['https://wallet.example'], proxies: 0 }

function upgradeOf(url: string, headers: Record<string, string> = {}): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  request.url = url
  request.headers = { host: 'sigpair.example', 'sec-websocket-protocol': 'tandem.v1', ...headers }
  return request
}

test.each(['keygen', 'presign', 'sign'])('/v1/%s is an operation', (operation) => {
  expect(judge(upgradeOf(`/v1/${operation}`), RULES)).toEqual({ operation, agreement: VERSION_1 })
})

test.each([
  '/',
  '/v1/',
  '/v1/reshare',
  '/v1/keygen/',
  '/v1/keygen?x=1',
  '/v2/keygen',
  '/v1/constructor',
  '//v1/keygen',
])('%s is none', (url) => expect(judge(upgradeOf(url), RULES)).toEqual({ refusal: 'NOT_FOUND' }))

test.each([
  ['the name that is served', { host: 'sigpair.example' }, true],
  ['with a port', { host: 'Sigpair.Example:8443' }, true],
  ['another name', { host: 'rebound.example' }, false],
  ['a name that only begins like it', { host: 'sigpair.example.evil.example' }, false],
  ['no name', { host: '' }, false],
  ['a listed page', { origin: 'https://wallet.example' }, true],
  ['a page like it', { origin: 'https://wallet.example.evil.example' }, false],
  ['a page without an origin of its own', { origin: 'null' }, false],
])('a request from or for %s', (_what, headers, passes) => {
  const verdict = judge(upgradeOf('/v1/sign', headers), RULES)
  expect(verdict).toEqual(passes ? { operation: 'sign', agreement: VERSION_1 } : { refusal: 'FORBIDDEN' })
})

test.each([
  ['tandem.v1', [1], { version: 1, offered: [1] }],
  ['chat, tandem.v1', [1], { version: 1, offered: [1] }],
  ['tandem.v3, tandem.v1,tandem.v2,tandem.v1', [1, 2], { version: 2, offered: [1, 2, 3] }],
  ['tandem.v10', [1], 'VERSION_UNSUPPORTED'],
  ['tandem.v1', [2, 3], 'VERSION_UNSUPPORTED'],
  ['tandem.v01', [1], 'VALIDATION_FAILED'],
  ['tandem.v256', [1], 'VALIDATION_FAILED'],
  ['tandem.committee.v1', [1], 'VALIDATION_FAILED'],
  ['', [1], 'VALIDATION_FAILED'],
])('of "%s", where %j are served, %j comes', (offered, versions, comes) => {
  const tongue = { family: 'tandem' as const, versions }
  const verdict = judge(upgradeOf('/v1/sign', { 'sec-websocket-protocol': offered }), RULES, tongue)
  expect('refusal' in verdict ? verdict.refusal : verdict.agreement).toEqual(comes)
})

describe('the address of a caller', () => {
  const behind = (proxies: number, forwarded: string) =>
    callerAddress(upgradeOf('/v1/sign', { 'x-forwarded-for': forwarded }), { ...RULES, proxies })

  test('is what our own proxy wrote, never what the caller sent with it', () => {
    expect(behind(1, '6.6.6.6, 203.0.113.9')).toBe('203.0.113.9')
    expect(behind(2, '6.6.6.6, 203.0.113.9, 10.0.0.1')).toBe('203.0.113.9')
  })

  test('is the socket’s peer without a proxy of ours, and when the header is too short', () => {
    expect(behind(0, '6.6.6.6')).toBe('unknown')
    expect(behind(2, '6.6.6.6')).toBe('unknown')
  })
})
