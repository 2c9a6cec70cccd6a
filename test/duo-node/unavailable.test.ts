import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDuoNode } from '@tandem/duo-node'
import { createSigningKey, issueServiceToken } from '@tandem/service'
import { sigpair } from '../../duo-node/src/sigpair.ts'
import { recordingSigpair } from './recording-sigpair.ts'

const directory = mkdtempSync(join(tmpdir(), 'tandem-duo-node-'))
afterAll(() => rmSync(directory, { recursive: true }))

const call = { method: 'GET', path: '/internal/identity', body: new Uint8Array(), token: 'the backend’s' }

async function started(sigpairUrl: string) {
  const key = await createSigningKey()
  const node = await startDuoNode({
    host: '127.0.0.1',
    port: 0,
    hosts: ['127.0.0.1'],
    store: { kind: 'sqlite', path: join(directory, 'duo-node.sqlite') },
    signingKeyFile: join(directory, 'duo-node.jwk'),
    functionsKeys: [key.publicJwk],
    sigpairUrl,
    logLevel: 'silent',
  })
  const ask = async () => {
    const from = { issuer: 'functions', subject: 'system', audience: ['duo-node', 'sigpair'] }
    const token = await issueServiceToken(key, from, call)
    return fetch(`${node.url}${call.path}`, { headers: { authorization: `Bearer ${token}` } })
  }
  return { node, ask }
}

test('says that the infrastructure is unavailable, as seed 003 words it, when Sigpair is down', async () => {
  const gone = await recordingSigpair()
  await gone.close()
  const { node, ask } = await started(gone.url)
  const answer = await ask()

  expect(answer.status).toBe(503)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(await answer.json()).toEqual({
    error: 'DUO_NODE_UNAVAILABLE',
    message: 'Cannot connect to MPC infrastructure',
    statusCode: 503,
    requestId: expect.any(String),
  })
  await node.close()
})

test('gives up on a Sigpair that does not answer', async () => {
  const silent = await recordingSigpair()
  silent.answer = 'never'
  const ask = sigpair({ url: silent.url, key: await createSigningKey(), timeoutMs: 50 })
  await expect(ask(call, 'system')).rejects.toMatchObject({ code: 'DUO_NODE_UNAVAILABLE' })
  await silent.close()
})

test('lets a running call end before it stops', async () => {
  const slow = await recordingSigpair()
  slow.answer = 'never'
  const { node, ask } = await started(slow.url)
  const asked = ask()
  while (slow.calls.length === 0) await new Promise((resolve) => setImmediate(resolve))

  const stopped = node.close()
  // Longer than an answer may take to leave; the call is still running.
  await new Promise((resolve) => setTimeout(resolve, 700))
  await slow.close()
  expect((await asked).status).toBe(503)
  await stopped
  await expect(ask()).rejects.toThrow('fetch failed')
})
