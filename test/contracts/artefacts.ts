import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The contracts of the tests as they are committed: sources, the bytecode made of them, and how it was made. */
export type Artefacts = {
  /** version the compiler gives itself */
  readonly compiler: string
  /** SHA-256 of each source, hex */
  readonly sources: Readonly<Record<string, string>>
  /** what creates the contract, 0x-hex, by its name */
  readonly contracts: Readonly<Record<ContractName, string>>
}

export type ContractName = 'Token' | 'Pair' | 'Router'

export const SOURCES = ['Token.sol', 'Pair.sol', 'Router.sol'] as const

/** Without metadata the bytecode depends on nothing but these settings and the sources. */
export const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: 'paris',
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['evm.bytecode.object'] } },
}

export const artefactsFile = join(import.meta.dirname, 'artefacts.json')

export function readArtefacts(): Artefacts {
  // Written by compile.ts; the test beside it compares it with the sources.
  return JSON.parse(readFileSync(artefactsFile, 'utf8')) as Artefacts
}

export function sourceOf(name: string): string {
  return readFileSync(join(import.meta.dirname, name), 'utf8')
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
