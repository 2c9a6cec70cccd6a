import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type LocalCommittee, planCommittee } from './stack/committee-stack.ts'
import { COMMITTEE_SIZE, tellCommittee } from './story/committee-story.ts'
import { createTeller, millis, type Teller } from './story/tell.ts'

const HELP = `npm run committee -- [options]

Starts a committee on this machine, every node a process of its own: generates a key for 3 of 5 nodes, signs while two of
them are dead, hands the key to 4 of 7, and deletes it. Stays up until Ctrl-C.

  --once             tell the story and exit: 0 if all went well, 1 with the reason otherwise
  --directory PATH   databases, keys and logs; default a temporary folder
  --transport NAME   between nodes: tcp (default) or ws
`

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const options = optionsOrWhy(args)
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n`)
    return 1
  }
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  return tellIn(await directoryFor(options.directory), options)
}

type Options = {
  readonly once: boolean
  readonly help: boolean
  readonly directory: string
  readonly transport: 'tcp' | 'ws'
}

async function tellIn(directory: string, options: Options): Promise<number> {
  const tell = createTeller(process.stdout)
  const begun = performance.now()
  let committee: LocalCommittee | undefined
  let told = false
  try {
    committee = await planCommittee({ directory, nodes: COMMITTEE_SIZE, transport: options.transport })
    await tellCommittee(committee, tell)
    tell.say(`\nAll of it in ${millis(performance.now() - begun)}.`)
    told = true
    if (!options.once) await stayUp(committee, directory, tell)
    return 0
  } catch (error) {
    tell.say(`\n${error instanceof Error ? error.message : String(error)}`)
    tell.say(`\nLogs are in ${join(directory, 'logs')}.`)
    return 1
  } finally {
    await committee?.stop()
    if (told && options.directory === '') await rm(directory, { recursive: true, force: true })
  }
}

/** What is wrong with them is the user's to mend: a sentence, and no stack. */
function optionsOrWhy(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        directory: { type: 'string', default: '' },
        transport: { type: 'string', default: 'tcp' },
      },
    })
    const { transport, ...rest } = values
    if (transport !== 'tcp' && transport !== 'ws') return '--transport: tcp or ws'
    return { ...rest, transport }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function directoryFor(wanted: string): Promise<string> {
  if (wanted === '') return mkdtemp(join(tmpdir(), 'tandem-committee-'))
  const path = resolve(wanted)
  await mkdir(path, { recursive: true, mode: 0o700 })
  return path
}

async function stayUp({ nodes, logs }: LocalCommittee, directory: string, tell: Teller): Promise<void> {
  const list = nodes.map(({ name, apiUrl, node }) => `  ${name}     ${apiUrl}  ${node}`).join('\n')
  tell.say(`
The committee is up; press Ctrl-C to stop.

${list}
  logs       ${logs}

  For example:

    node sigpair/src/committee/cli/cli.ts status --node ${nodes[0]?.apiUrl ?? ''}
    node sigpair/src/committee/cli/cli.ts keygen --node ${nodes[0]?.apiUrl ?? ''} --key ${join(directory, 'caller.jwk')} \\
      --key-id 0x$(openssl rand -hex 32) --threshold 2 --members ${nodes
        .slice(0, 3)
        .map(({ node }) => node)
        .join(',')}
`)
  await new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done())
  })
  tell.say('\nStopping …')
}
