import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { committeeKey, committeeSignature, fromHex, toHex } from '@tandem/wire'
import { buildTarget } from '../../infra/bundle/build.ts'
import { TARGETS } from '../../infra/bundle/targets.ts'
import { type LocalCommittee, planCommittee } from '../../infra/local/src/committee-stack.ts'
import { verifyTwice } from '../../infra/local/src/verify-twice.ts'
import { rpcParams, signRequest } from '../../sigpair/src/committee/caller.ts'
import { callAnyNode } from '../../sigpair/src/committee/rpc/rpc-client.ts'
import { seeded } from '../helpers/rng.ts'

// Far from this repository, whose node_modules would hide what is missing.
const directory = mkdtempSync(join(tmpdir(), 'tandem-committee-bundle-'))
let committee: LocalCommittee | undefined
afterAll(async () => {
  await committee?.stop()
  rmSync(directory, { recursive: true })
})

test('nodes of a committee run from the bundle, with their database and their network, and sign', async () => {
  const bundles = join(directory, 'dist')
  await buildTarget(TARGETS.find(({ name }) => name === 'sigpair')!, bundles)
  const { caller, nodes } = (committee = await planCommittee({ directory, bundles, nodes: 2 }))
  await Promise.all(nodes.map((node) => node.start()))

  const ask = async (command: Parameters<typeof signRequest>[1]) => {
    const params = rpcParams(signRequest(caller, command, Date.now()))
    return (await callAnyNode([nodes[0]!.apiUrl], { method: command.method, params })).result
  }
  const keyId = toHex(seeded('a bundled committee')(32))
  const members = nodes.map(({ node }) => node)
  const { publicKey } = committeeKey.parse(await ask({ method: 'keyGen', params: { keyId, members, threshold: 2 } }))
  const payload = { kind: 'message', message: 'from a bundle' }
  const signed = committeeSignature.parse(await ask({ method: 'keySign', params: { keyId, payload } }))
  const compact = fromHex(signed.signature).slice(0, 64)
  const { noble, second } = verifyTwice(compact, fromHex(signed.digest), fromHex(publicKey))
  expect([noble, second]).toEqual([true, true])
})
