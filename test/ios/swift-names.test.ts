import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { METHODS, TO_DEVICE, TO_HOST } from '../../shared/client/src/jsc/index.ts'

// No Swift compiler runs here. What can be held together without one: the names and fields on both sides of the bridge.

const CLIENT = resolve(import.meta.dirname, '../../shared/client')
const swift = (file: string) => readFileSync(join(CLIENT, 'ios/Sources/TandemClient', file), 'utf8')
const typescript = (file: string) => readFileSync(join(CLIENT, 'src', file), 'utf8')

const messages = swift('Bridge/Messages.swift')
const models = [
  'Models.swift',
  'BatchRequest.swift',
  'TandemClient.swift',
  'TandemClient+Keys.swift',
  'TandemError.swift',
]
  .map(swift)
  .join('\n')

/** The body of `enum Name … {` up to the brace that closes it at the beginning of a line. */
function enumOf(name: string): string {
  const found = new RegExp(`^enum ${name}\\b[^\\n]*\\{\\n(.*?)^\\}`, 'ms').exec(messages)?.[1]
  if (found === undefined) throw new Error(`no enum ${name}`)
  return found
}

function casesOf(name: string): string[] {
  return [...enumOf(name).matchAll(/^ {4}case (.+)$/gm)].flatMap(([, names]) => names!.split(', '))
}

/** Field names of the one-line structs in an enum, by the name of the message. */
function messagesOf(name: string): Record<string, string[]> {
  const structs = enumOf(name).matchAll(/^ {4}struct (\w+)[^{]*\{ (.+) \}$/gm)
  return Object.fromEntries(
    [...structs].map(([, struct, body]) => [
      struct![0]!.toLowerCase() + struct!.slice(1),
      [...body!.matchAll(/\blet (\w+):/g)].map(([, field]) => field!),
    ]),
  )
}

/** Stored properties of a public or internal struct at the top level. */
function structFields(name: string): string[] {
  const body = new RegExp(`^(?:public )?struct ${name}\\b[^\\n]*\\{\\n(.*?)^\\}`, 'ms').exec(models)?.[1]
  if (body === undefined) throw new Error(`no struct ${name}`)
  return [...body.matchAll(/^ {4}(?:public )?let (\w+):/gm)].map(([, field]) => field!)
}

/** Members of an object type of the SDK, methods apart. */
function typeFields(file: string, name: string): string[] {
  const body = new RegExp(`^export type ${name} = [^\\n]*\\{\\n(.*?)^\\}`, 'ms').exec(typescript(file))?.[1]
  if (body === undefined) throw new Error(`no type ${name} in ${file}`)
  return [...body.matchAll(/^ {2}readonly (\w+)\??: (?!\()/gm)].map(([, field]) => field!)
}

test.each([
  ['ToHost', TO_HOST],
  ['ToDevice', TO_DEVICE],
])('%s has the same messages with the same fields in TypeScript and in Swift', (name, table) => {
  expect(casesOf(name).toSorted()).toEqual(Object.keys(table).toSorted())
  expect(messagesOf(name)).toEqual(table)
})

test('Swift calls every method of the SDK, with arguments the SDK knows', () => {
  expect(casesOf('Method').toSorted()).toEqual(Object.keys(METHODS).toSorted())
  const calls = ['TandemClient.swift', 'TandemClient+Wallets.swift', 'TandemClient+Keys.swift'].flatMap((file) => [
    ...swift(file).matchAll(/(?:call|run)\(\.(\w+)(?:, \[([^\]]*)\])?/g),
  ])
  const given = calls.map(([, method, list = '']) => [method, [...list.matchAll(/"(\w+)":/g)].map(([, name]) => name)])
  // a function is not given: the host is asked for it
  const expected = Object.entries(METHODS).map(([name, names]) => [name, names.filter((one) => one !== 'seal')])
  expect(Object.fromEntries(given)).toEqual(Object.fromEntries(expected))
})

type From = readonly [file: string, type: string]

const MODELS: Readonly<Record<string, readonly From[]>> = {
  Wallet: [['wallet/create-wallet.ts', 'Wallet']],
  Pin: [['pin.ts', 'Pin']],
  CommitteePin: [['pin.ts', 'CommitteePin']],
  Sent: [['wallet/pay.ts', 'Sent']],
  PaymentRequest: [
    ['wallet/pay.ts', 'PaymentRequest'],
    ['wallet/transaction.ts', 'Payment'],
  ],
  BatchRequest: [['wallet/batch-check.ts', 'BatchRequest']],
  SigpairBackup: [['dialogue/dialogue-refresh.ts', 'SigpairBackup']],
  NewBackups: [['wallet/new-epoch.ts', 'NewBackups']],
  Renewed: [['wallet/new-epoch.ts', 'Renewed']],
  RecoveryKit: [['backup/recovery-kit.ts', 'RecoveryKit']],
  Export: [['wallet/export.ts', 'Export']],
  Restore: [
    ['wallet/create-wallet.ts', 'Wallet'],
    ['vault/wallet-record.ts', 'Restoring'],
  ],
  RotateOptions: [['wallet/rotate.ts', 'RotateOptions']],
  BackupOptions: [['wallet/back-up.ts', 'BackupOptions']],
  FinishOptions: [['wallet/restore.ts', 'FinishOptions']],
  SealedHalf: [['backup/sigpair-share.ts', 'SealedHalf']],
  Settings: [['jsc/index.ts', 'Settings']],
  TandemError: [['jsc/messages.ts', 'HostError']],
}

test.each(Object.entries(MODELS))('%s has the fields of its TypeScript type', (name, from) => {
  const fields = from.flatMap(([file, type]) => typeFields(file, type))
  expect(structFields(name).toSorted()).toEqual(fields.toSorted())
})

test('Swift puts the functions of a host into the engine, and no more', () => {
  const lent = [...swift('Bridge/Engine.swift').matchAll(/forKeyedSubscript: "(\w+)" as NSString/g)].map(
    ([, name]) => name,
  )
  const host = /export type Host = \{\n(.*?)^\}/ms.exec(typescript('jsc/bridge.ts'))![1]!
  expect(lent).toEqual([...host.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name))
})
