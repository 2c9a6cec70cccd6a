import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallerMethod, committeeKey, committeeSignature, committeeStatus, fromHex, toHex } from '@tandem/wire'
import { type LocalCommittee, type LocalNode, planCommittee } from '../../infra/local/src/committee-stack.ts'
import { verifyTwice } from '../../infra/local/src/verify-twice.ts'
import { rpcParams, signRequest } from '../../sigpair/src/committee/caller.ts'
import { callAnyNode } from '../../sigpair/src/committee/rpc/rpc-client.ts'
import { seeded } from '../helpers/rng.ts'

const rng = seeded('committee processes')

/** Asks until there is an answer. */
async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; ) {
    const found = await ask()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it did not come true')
}

describe('three nodes, each a process', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-committee-'))
  let committee: LocalCommittee
  let keyId: string
  let publicKey: string

  beforeAll(async () => {
    committee = await planCommittee({ directory, nodes: 3, env: { LOG_LEVEL: 'warn' } })
    await Promise.all(committee.nodes.map((node) => node.start()))
    keyId = toHex(rng(32))
  })
  afterAll(async () => {
    await committee.stop()
    rmSync(directory, { recursive: true })
  })

  async function ask(method: CallerMethod, params: object, nodes = committee.nodes) {
    const request = signRequest(committee.caller, { method, params }, Date.now())
    return (
      await callAnyNode(
        nodes.map(({ apiUrl }) => apiUrl),
        { method, params: rpcParams(request) },
      )
    ).result
  }

  /** The names of those who signed. */
  async function sign(message: string): Promise<readonly string[]> {
    const signed = committeeSignature.parse(await ask('keySign', { keyId, payload: { kind: 'message', message } }))
    const { noble, second } = verifyTwice(
      fromHex(signed.signature).slice(0, 64),
      fromHex(signed.digest),
      fromHex(publicKey),
    )
    expect([noble, second]).toEqual([true, true])
    return signed.signers
  }

  const statusAt = async (place: number) =>
    committeeStatus.parse((await callAnyNode([committee.nodes[place]!.apiUrl], { method: 'status' })).result)

  test('generate a key, once, and sign', async () => {
    const params = { keyId, members: committee.nodes.map(({ node }) => node), threshold: 2 }
    const key = committeeKey.parse(await ask('keyGen', params))
    expect(key).toMatchObject({ status: 'READY', threshold: 2, members: params.members })
    publicKey = key.publicKey
    expect(await ask('keyGen', params, committee.nodes.slice(1))).toEqual(key)
    expect(await sign('all are up')).toHaveLength(2)
  })

  test('sign while any one of them is dead, and again when it is back', async () => {
    for (const dead of committee.nodes) {
      await dead.kill()
      expect(await sign(`without ${dead.name}`)).not.toContain(dead.node)
      await dead.start()
    }
    expect(await sign('all are back')).toHaveLength(2)
    for (const place of [0, 1, 2]) {
      expect((await statusAt(place)).keys).toEqual([expect.objectContaining({ keyId, status: 'READY', threshold: 2 })])
    }
  })

  test('show who is waited for, in which round and since when, while one of them is stopped', async () => {
    const [first, , stopped] = committee.nodes as [LocalNode, LocalNode, LocalNode]
    process.kill(stopped.pid(), 'SIGSTOP')
    const other = toHex(rng(32))
    try {
      const params = { keyId: other, members: committee.nodes.map(({ node }) => node), threshold: 2 }
      const refused = ask('keyGen', params, [first]).catch((error: unknown) => error)
      const sessions = await eventually(async () => {
        const { sessions: running } = await statusAt(0)
        return running.some(({ waitingFor }) => waitingFor.length === 1) ? running : undefined
      })
      const waiting = {
        keyId: other,
        operation: 'keyGen',
        coordinator: first.node,
        round: 0,
        waitingFor: [stopped.node],
      }
      expect(sessions).toEqual([expect.objectContaining(waiting)])
      expect(Date.now() - sessions[0]!.since).toBeLessThan(60_000)
      expect(await refused).toMatchObject({ code: 'UNAVAILABLE' })
    } finally {
      process.kill(stopped.pid(), 'SIGCONT')
    }
    expect((await statusAt(0)).keys.filter(({ status }) => status === 'PENDING')).toEqual([])
  })

  test('sign while one of them is stopped, which its peers cannot tell from slow', async () => {
    const stopped = committee.nodes[0]!
    process.kill(stopped.pid(), 'SIGSTOP')
    try {
      expect(await sign('one does not answer')).not.toContain(stopped.node)
    } finally {
      process.kill(stopped.pid(), 'SIGCONT')
    }
    expect(await sign('it answers again')).toHaveLength(2)
  })
})
