import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildTarget } from '../../infra/bundle/build.ts'
import { TARGETS } from '../../infra/bundle/targets.ts'
import { type LocalCommittee, type NodeProcess, planCommittee } from '../../infra/local/src/stack/committee-stack.ts'
import { callerOf } from '../helpers/committee-caller.ts'

// Far from this repository, whose node_modules would hide what is missing.
const directory = mkdtempSync(join(tmpdir(), 'tandem-committee-bundle-'))
let committee: LocalCommittee | undefined
afterAll(async () => {
  await committee?.stop()
  rmSync(directory, { recursive: true })
})

test('nodes of a committee run from the bundle, with their database and their network, and sign', async () => {
  const bundle = await buildTarget(TARGETS.find(({ name }) => name === 'sigpair')!, join(directory, 'dist'))
  const bundled = (_place: number, { args: [, ...rest], env }: NodeProcess) => {
    return { args: [join(bundle, 'index.js'), ...rest], env }
  }
  const { nodes } = (committee = await planCommittee({ directory, nodes: 2, adapt: bundled }))
  await Promise.all(nodes.map((node) => node.start()))
  const caller = callerOf(committee)
  const key = await caller.keyGen(nodes[0]!, 2)
  const { signers } = await caller.sign(nodes[1]!, key, 'from a bundle')
  expect(signers.toSorted()).toEqual(nodes.map(({ node }) => node).toSorted())
}, 90_000)
