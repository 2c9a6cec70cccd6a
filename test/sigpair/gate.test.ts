import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { callerAddress, judge } from '../../sigpair/src/gate.ts'

const RULES = { hosts: ['sigpair.example'], origins: ['https://wallet.example'], proxies: 0 }

function upgradeOf(url: string, headers: Record<string, string> = {}): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  request.url = url
  request.headers = { host: 'sigpair.example', 'sec-websocket-protocol': 'tandem.v1', ...headers }
  return request
}

test.each(['keygen', 'presign', 'sign'])('/v1/%s is an operation', (operation) => {
  expect(judge(upgradeOf(`/v1/${operation}`), RULES)).toEqual({ operation })
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
  expect(verdict).toEqual(passes ? { operation: 'sign' } : { refusal: 'FORBIDDEN' })
})

test.each([
  ['tandem.v1', true],
  ['chat, tandem.v1', true],
  ['tandem.v10', false],
  ['', false],
])('subprotocol "%s"', (offered, passes) => {
  const verdict = judge(upgradeOf('/v1/sign', { 'sec-websocket-protocol': offered }), RULES)
  expect('operation' in verdict).toBe(passes)
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
