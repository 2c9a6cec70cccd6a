import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { HELP, parseOptions, type StartOptions } from './options.ts'
import { type Stack, startStack } from './stack/stack.ts'
import { seeded } from './seeded/seeded.ts'
import { tellStory } from './story/story.ts'
import { tellScale } from './story/story-scale.ts'
import { createTeller, millis, type Teller } from './story/tell.ts'

/** `npm start`: everything on this machine, the story, then whatever the user wants to try. */
async function main(): Promise<number> {
  const options = optionsOrWhy()
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n`)
    return 1
  }
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const tell = createTeller(process.stdout)
  const directory = await directoryFor(options)
  const { CHAIN_URL: chainUrl } = process.env
  const begun = performance.now()
  let stack: Stack | undefined
  let told = false
  try {
    tell.chapter('Starting Tandem on this machine')
    stack = await startStack({ ...options, directory, ...(chainUrl === undefined ? {} : { chainUrl }) }, tell)
    await tellStory(stack, tell, options.seed === undefined ? undefined : seeded(`${options.seed}/device`))
    if (options.instances !== undefined) await tellScale(stack, tell)
    tell.say(`\nAll of it in ${millis(performance.now() - begun)}.`)
    told = true
    if (!options.once) await stayUp(stack, tell)
    return 0
  } catch (error) {
    tell.say(`\n${error instanceof Error ? error.message : String(error)}`)
    const logs = join(directory, 'logs')
    if (existsSync(logs)) tell.say(`\nLogs are in ${logs}.`)
    return 1
  } finally {
    await stack?.stop()
    if (told && isTemporary(options)) await rm(directory, { recursive: true, force: true })
  }
}

/** What is wrong with them is the user's to mend: a sentence, and no stack. */
function optionsOrWhy(): StartOptions | string {
  try {
    return parseOptions(process.argv.slice(2), process.env)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** A run with a seed repeats its ids and nonces, and so must never find what another has left. */
const isTemporary = ({ directory, once, seed }: StartOptions) => directory === '' && (once || seed !== undefined)

async function directoryFor(options: StartOptions): Promise<string> {
  const { directory } = options
  if (isTemporary(options)) return mkdtemp(join(tmpdir(), 'tandem-'))
  const path = resolve(directory === '' ? '.tandem' : directory)
  await mkdir(path, { recursive: true, mode: 0o700 })
  return path
}

async function stayUp(stack: Stack, tell: Teller): Promise<void> {
  tell.say(`
Tandem is up; press Ctrl-C to stop.

  backend    ${stack.functionsUrl}
  Sigpair    ${stack.sigpairUrl}
  EVM node   ${stack.rpcUrl}
  logs       ${stack.logs}

  A token of the local user "alice", and a first call (the issuer serves this machine only; copy the token to a phone):

    TOKEN=$(curl -s -H 'content-type: application/json' -d '{"user":"alice"}' ${stack.issuerUrl}/token | sed 's/.*"id_token":"\\([^"]*\\).*/\\1/')
    curl -s -H "Authorization: Bearer $TOKEN" ${stack.functionsUrl}/api/v1/profiles
`)
  await new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done())
  })
  tell.say('\nStopping …')
}

process.exitCode = await main()
