import { ConfigError } from '@tandem/service'
import { committeeStatus, WireError } from '@tandem/wire'
import { rpcParams, signRequest, WrongRequest } from '../caller.ts'
import { createKeyFile, readKeyFile } from '../key-file.ts'
import { nodeIdentity } from '../node-identity.ts'
import { callAnyNode, NobodyAnswers } from '../rpc/rpc-client.ts'
import { readArguments, type Wanted, WrongArguments } from './arguments.ts'
import { statusTable } from './status-table.ts'

const HELP = `Asks the nodes of a committee.

  node sigpair/src/committee/cli/cli.ts COMMAND --node URL [--node URL …] [options]

  identity FILE   makes an Ed25519 key, for a node or a caller, and prints its public half

  status          for every running session which node it waits for, in which round, since when; peers; keys
  keygen          --key FILE --key-id ID --members NODE,NODE,… --threshold T
  sign            --key FILE --key-id ID  and one of  --message TEXT  --transaction FILE  --digest HEX
  refresh         --key FILE --key-id ID
  reshare         --key FILE --key-id ID --members NODE,NODE,… --threshold T
  delete          --key FILE --key-id ID

  --node URL      where a node's API is, such as http://127.0.0.1:8090; when one is silent the next is asked
  --key FILE      the caller's key, which the nodes pin; it signs the command
  --key-id ID     names the key: 0x and 64 hex digits of the caller's choice
  --members …     nodes by their public keys, in the order of their indices
  --transaction   a JSON file with an unsigned EIP-1559 transaction
  --path A/B/…    with sign: a BIP-32 child of the key, not hardened
  --signers …     with sign: who should, if they answer
  --json          with status: as it was answered

Ends with 0 when it was done, 1 when a node refused or nobody answered, 2 when it was not understood.
`

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    process.stdout.write(`${await act(readArguments(args))}\n`)
    return 0
  } catch (error) {
    process.stderr.write(`committee: ${reasonOf(error)}\n`)
    return isMisunderstood(error) ? 2 : 1
  }
}

async function act(wanted: Wanted): Promise<string> {
  if (wanted.kind === 'help') return HELP.trimEnd()
  if (wanted.kind === 'identity') return makeIdentity(wanted.file)
  return wanted.kind === 'status' ? status(wanted) : command(wanted)
}

function makeIdentity(file: string): string {
  createKeyFile(file)
  return identityIn(file).name
}

function identityIn(file: string) {
  const seed = readKeyFile(file)
  try {
    return nodeIdentity(seed)
  } finally {
    seed.fill(0)
  }
}

async function status({ nodes, json }: Extract<Wanted, { kind: 'status' }>): Promise<string> {
  const { result } = await callAnyNode(nodes, { method: 'status' }, silent)
  return json ? JSON.stringify(result, null, 2) : statusTable(committeeStatus.parse(result), Date.now())
}

async function command({ nodes, keyFile, method, params }: Extract<Wanted, { kind: 'command' }>): Promise<string> {
  const request = signRequest(identityIn(keyFile), { method, params }, Date.now())
  const { result } = await callAnyNode(nodes, { method, params: rpcParams(request) }, silent)
  return JSON.stringify(result, null, 2)
}

function silent(node: string): void {
  process.stderr.write(`committee: ${node} does not answer, or not now\n`)
}

function isMisunderstood(error: unknown): error is WrongArguments | WrongRequest {
  return error instanceof WrongArguments || error instanceof WrongRequest
}

function reasonOf(error: unknown): string {
  if (isMisunderstood(error)) return `${error.message}; see --help`
  if (error instanceof WireError) return [error.code, error.message, error.details].filter(Boolean).join(': ')
  if (error instanceof NobodyAnswers || error instanceof ConfigError) return error.message
  return error instanceof Error ? `${error.name}: ${error.message}` : 'failed'
}
