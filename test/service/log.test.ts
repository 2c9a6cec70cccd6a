import { createLog, type LogLevel, traceFields } from '@tandem/service'

function recorder(level: LogLevel = 'debug') {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }
  return { log: createLog({ name: 'sigpair', level, destination }), lines }
}

test('writes one JSON line as Cloud Logging reads it', () => {
  const { log, lines } = recorder()
  log.warn({ event: 'presign', keyId: '0x01', ms: 12 }, 'slow')
  expect(lines).toEqual([
    expect.objectContaining({
      severity: 'WARNING',
      message: 'slow',
      service: 'sigpair',
      event: 'presign',
      keyId: '0x01',
      ms: 12,
    }),
  ])
  expect(lines[0]!['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

test('keeps to its level, and adds the fields of its parents', () => {
  const { log, lines } = recorder('warn')
  const child = log.child({ requestId: 'req_1' }).child({ keyId: '0x01' })
  child.info({ event: 'quiet' })
  child.error({ event: 'loud' })
  expect(lines).toMatchObject([{ requestId: 'req_1', keyId: '0x01', event: 'loud', severity: 'ERROR' }])
})

const bytes = new Uint8Array(32).fill(7)
const jws = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJzZWNyZXQifQ.c2lnbmF0dXJlLXNlY3JldA'

test.each([
  ['a share by name', { p1SignatureShare: 'top-secret' }],
  ['a share deep inside', { body: { clientShare: { share: 'top-secret' } } }],
  ['a header', { headers: { Authorization: 'Bearer top-secret', cookie: 'top-secret' } }],
  ['a code', { twoFactorCode: 'top-secret' }],
  ['a key', { privateKey: ['top-secret'] }],
  ['a bearer token inside text', { note: 'sent Bearer top-secret' }],
  ['something that prints as itself', { value: { toJSON: () => ({ secret: 'top-secret' }) } }],
  ['an error', { cause: Object.assign(new Error('Bearer top-secret'), { token: 'top-secret' }) }],
  ['a cause of an error', { cause: new Error('x', { cause: { password: 'top-secret' } }) }],
])('never writes %s', (_, fields) => {
  const { log, lines } = recorder()
  log.error(fields)
  log.child(fields).info({}, 'Bearer top-secret')
  expect(JSON.stringify(lines)).not.toContain('top-secret')
  expect(lines).toHaveLength(2)
})

test('never writes tokens, bytes or bigints, whatever their name', () => {
  const { log, lines } = recorder()
  log.info({ a: jws, b: `x ${jws} y`, c: bytes, d: [bytes.buffer], e: 123456789n }, `got ${jws}`)
  expect(lines[0]).toMatchObject({
    a: '[token]',
    b: 'x [token] y',
    c: '[32 bytes]',
    d: ['[32 bytes]'],
    e: '[bigint]',
    message: 'got [token]',
  })
})

test('writes an error with its stack and its causes', () => {
  const { log, lines } = recorder()
  log.error({ cause: new TypeError('outer', { cause: new Error('inner') }) })
  const cause = lines[0]!['cause'] as Record<string, unknown>
  expect(cause).toMatchObject({ type: 'TypeError', message: 'outer', cause: { message: 'inner' } })
  expect(cause['stack']).toContain('log.test.ts')
})

test('survives cycles, depth and length', () => {
  const { log, lines } = recorder()
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  log.info({ cycle, long: 'x'.repeat(100_000), many: Array.from({ length: 10_000 }, () => 1) })
  expect(lines).toHaveLength(1)
  expect(JSON.stringify(lines[0]).length).toBeLessThan(10_000)
})

test('joins a line to its trace', () => {
  const header = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  expect(traceFields(header, 'demo')).toEqual({
    'logging.googleapis.com/trace': 'projects/demo/traces/4bf92f3577b34da6a3ce929d0e0e4736',
    'logging.googleapis.com/spanId': '00f067aa0ba902b7',
  })
  expect(traceFields(header)['logging.googleapis.com/trace']).toBe('4bf92f3577b34da6a3ce929d0e0e4736')
  for (const bad of [undefined, '', 'x', `${header}\n`, header.toUpperCase()]) expect(traceFields(bad)).toEqual({})
})
