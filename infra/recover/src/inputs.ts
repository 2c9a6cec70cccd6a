import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { fromHex, toHex } from '@tandem/wire'
import { RecoverError } from './errors.ts'

/** Longer than any of our files; what is larger was given by mistake. */
const MAX_BYTES = 1_000_000

export async function readBytes(path: string, what: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw input(`${what} cannot be read: ${path}`, cause)
  })
  if (bytes.length > MAX_BYTES) throw input(`${what} is far too long: ${path}`)
  return Uint8Array.from(bytes)
}

/** 32 bytes, or 64 hex digits with or without 0x. The caller overwrites them. */
export async function readRecoveryKey(path: string): Promise<Uint8Array> {
  const bytes = await readBytes(path, 'The recovery key')
  if (bytes.length === 32) return bytes
  const text = Buffer.from(bytes).toString().trim()
  const hex = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text)?.[1]
  if (hex === undefined) throw input('The recovery key is neither 32 bytes nor 64 hex digits.')
  return fromHex(`0x${hex}`)
}

/** The first line of a file that holds a secret. */
export async function readFirstLine(path: string, what: string): Promise<string> {
  const [line = ''] = Buffer.from(await readBytes(path, what))
    .toString()
    .split(/\r?\n/)
  if (line === '') throw input(`${what} is empty: ${path}`)
  return line
}

/** Asks on the terminal; what is typed is not shown. */
export async function askHidden(question: string): Promise<string> {
  if (!process.stdin.isTTY) throw input('Nobody is at the terminal to type a secret: name a file that holds it.')
  process.stderr.write(question)
  const silent = new Writable({
    write: (_chunk, _encoding, done) => {
      done()
    },
  })
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return await new Promise<string>((resolve, reject) => {
      terminal.question('', resolve)
      terminal.once('close', () => {
        reject(input('Nothing was typed.'))
      })
    })
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}

/** Asks twice: a keystore with a slip of the finger for its password opens for nobody. */
export async function askNewSecret(question: string): Promise<string> {
  const first = await askHidden(question)
  if ((await askHidden('The same again: ')) === first) return first
  throw input('The two were not the same; nothing was written.')
}

/** What two people compare on their screens. */
export function sameText(a: Uint8Array | string, b: string): boolean {
  return (typeof a === 'string' ? a : toHex(a)).toLowerCase() === b.toLowerCase()
}

function input(message: string, cause?: unknown): RecoverError {
  return new RecoverError('input', message, cause)
}
