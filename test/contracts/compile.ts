import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Artefacts, artefactsFile, hashOf, SETTINGS, SOURCES, sourceOf } from './artefacts.ts'

/** The part of npm's solc that is used: standard JSON in, standard JSON out. */
type Solc = { readonly version: () => string; readonly compile: (input: string) => string }

type Output = {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts: Readonly<
    Record<string, Readonly<Record<string, { readonly evm: { readonly bytecode: { readonly object: string } } }>>>
  >
}

/** Writes artefacts.json anew. Usage: see README.md beside this file. */
const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('name the folder in which solc is installed; see test/contracts/README.md')
const solc = createRequire(join(folder, 'package.json'))('solc') as Solc
const sources = Object.fromEntries(SOURCES.map((name) => [name, { content: sourceOf(name) }]))
const input = { language: 'Solidity', sources, settings: SETTINGS }
const output = JSON.parse(solc.compile(JSON.stringify(input))) as Output
if (output.errors?.length) throw new Error(output.errors.map(({ formattedMessage }) => formattedMessage).join('\n'))

const contracts = Object.values(output.contracts).flatMap((file) =>
  Object.entries(file).map(([name, { evm }]) => [name, `0x${evm.bytecode.object}`] as const),
)
const artefacts: Artefacts = {
  compiler: solc.version(),
  sources: Object.fromEntries(SOURCES.map((name) => [name, hashOf(sourceOf(name))])),
  contracts: Object.fromEntries(contracts) as Artefacts['contracts'],
}
writeFileSync(artefactsFile, `${JSON.stringify(artefacts, null, 2)}\n`)
