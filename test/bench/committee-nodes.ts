import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { native } from '@tandem/ec-native'
import { noble, type Sharing } from '@tandem/ecdsa'
import type { CommitteeKey } from '@tandem/wire'
import { type LocalCommittee, type LocalNode, planCommittee } from '../../infra/local/src/stack/committee-stack.ts'
import { callerOf, type CommitteeCaller } from '../helpers/committee-caller.ts'
import { COMMITTEES, committeeRows, DEVICE_AND_2OF3 } from './committee.ts'
import { type Line, openLine } from './committee-line.ts'
import { median, progress, type Row } from './measure.ts'

/** Of each direction between two nodes: 50 ms there and back. */
const SLOW_MS = 25

/** How many of each are measured: all nodes share this machine, so the larger committees do less. */
type Amounts = { readonly keys: number; readonly signatures: number; readonly many: number }
const amountsOf = ({ parties }: Sharing): Amounts =>
  parties > 5 ? { keys: 1, signatures: 6, many: 24 } : { keys: 3, signatures: 12, many: parties > 3 ? 48 : 96 }

/** Signatures under way at a time. */
const AT_A_TIME = 8

/** A committee of processes, and what stands between them. */
type Running = {
  readonly sharing: Sharing
  readonly nodes: readonly LocalNode[]
  readonly caller: CommitteeCaller
  readonly line: Line
}

/** What the parties of a key compute, and what a committee of processes does over libp2p, near and 50 ms apart. */
export async function allCommitteeRows(): Promise<Row[]> {
  const backend = native() ?? noble
  const rows = [...COMMITTEES, DEVICE_AND_2OF3].flatMap((sharing) => committeeRows(backend, sharing))
  for (const sharing of COMMITTEES) rows.push(...(await nodeRows(sharing)))
  return rows
}

async function nodeRows(sharing: Sharing): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-bench-committee-'))
  const line = openLine()
  let committee: LocalCommittee | undefined
  try {
    committee = await planCommittee({
      directory,
      nodes: sharing.parties,
      env: { LOG_LEVEL: 'warn' },
      adapt: async (_, planned) => line.between(planned),
    })
    const running = { sharing, nodes: committee.nodes, caller: callerOf(committee), line }
    await startAll(running)
    await warmUp(running)
    const near = await measure(running, 'near')
    line.slow(SLOW_MS)
    return [...near, ...(await measure(running, 'far'))]
  } finally {
    await committee?.stop()
    await line.close()
    rmSync(directory, { recursive: true })
  }
}

/** A few at a time: a process that starts keeps a core busy. */
async function startAll({ nodes, caller }: Running): Promise<void> {
  progress(`starting ${nodes.length} nodes`)
  for (let at = 0; at < nodes.length; at += 3) await Promise.all(nodes.slice(at, at + 3).map((node) => node.start()))
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; ) {
    const all = await Promise.all(nodes.map((node) => caller.status(node)))
    if (all.every(({ peers }) => peers.every(({ connected }) => connected))) return
    await new Promise((resume) => setTimeout(resume, 100))
  }
  throw new Error('the nodes do not find each other')
}

/** Every node has then computed what is measured. */
async function warmUp({ sharing, nodes, caller }: Running): Promise<void> {
  const key = await caller.keyGen(nodes[0]!, sharing.threshold)
  for (const node of [nodes[0]!, nodes.at(-1)!]) await caller.sign(node, key, `warm-up at ${node.name}`)
}

async function measure(running: Running, where: 'near' | 'far'): Promise<Row[]> {
  const { threshold, parties } = running.sharing
  const name = `committee_${threshold}of${parties}`
  const suffix = where === 'near' ? '' : '_rtt50'
  progress(`${threshold} of ${parties} processes, ${where}: generating keys`)
  const { key, keygen } = await generate(running)
  progress(`${threshold} of ${parties} processes, ${where}: signing`)
  const sign = await signInTurn(running, key)
  const perSecond = await signAtOnce(running, key)
  const times: Row[] = [
    { name: `${name}_keygen${suffix}_ms`, value: keygen.ms, unit: 'ms' },
    { name: `${name}_sign${suffix}_ms`, value: sign.ms, unit: 'ms' },
    { name: `${name}_signatures${suffix}`, value: perSecond, unit: 'per s' },
  ]
  if (where === 'far') return times
  return [
    ...times,
    { name: `${name}_keygen_node_bytes`, value: keygen.bytes / parties, unit: 'bytes' },
    { name: `${name}_sign_signer_bytes`, value: sign.bytes / threshold, unit: 'bytes' },
  ]
}

/** The median time, and the mean of the bytes that all nodes sent, until the line was quiet. */
type Cost = { readonly ms: number; readonly bytes: number }

async function generate({ sharing, nodes, caller, line }: Running) {
  const keys: CommitteeKey[] = []
  const keygen = await repeat(amountsOf(sharing).keys, line, async (at) => {
    keys.push(await caller.keyGen(nodes[at % nodes.length]!, sharing.threshold))
  })
  return { key: keys[0]!, keygen }
}

async function signInTurn({ sharing, nodes, caller, line }: Running, key: CommitteeKey): Promise<Cost> {
  return repeat(
    amountsOf(sharing).signatures,
    line,
    async (at) => void (await caller.sign(nodes[at % nodes.length]!, key, `turn ${at}`)),
  )
}

async function repeat(times: number, line: Line, act: (at: number) => Promise<void>): Promise<Cost> {
  const took: number[] = []
  line.lap()
  for (let at = 0; at < times; at++) {
    const begun = performance.now()
    await act(at)
    took.push(performance.now() - begun)
  }
  return { ms: median(took), bytes: line.lap() / times }
}

/** Coordinated by all nodes in turn. */
async function signAtOnce({ sharing, nodes, caller }: Running, key: CommitteeKey): Promise<number> {
  const { many } = amountsOf(sharing)
  let next = 0
  const work = async () => {
    while (next < many) {
      const at = next++
      await caller.sign(nodes[at % nodes.length]!, key, `at once ${at}`)
    }
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: AT_A_TIME }, work))
  return (many * 1000) / (performance.now() - begun)
}
