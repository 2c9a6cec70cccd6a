import { bundleBackups, type SealedShareOf } from '@tandem/client/backup'
import { partyIndex } from '@tandem/rounds'
import { fromBase64url, limits } from '@tandem/wire'
import { RecoverError } from './errors.ts'
import { readBytes } from './inputs.ts'

const { MAX_NODES, PVE_BYTES } = limits

/** Of one member in a committee's: its index, and its ciphertext. */
const ENTRY_BYTES = 1 + PVE_BYTES

/** Sigpair's backup, or that of a committee in its place, with what its file says of itself. */
export type SigpairFile = {
  /** 16 528 bytes; of a committee 16 529 for each member. Source: docs/spec/backup.md 1.5, gateway.md 5.3 */
  readonly encryptedData: Uint8Array
  /** of JSON; the bytes alone say nothing */
  readonly says: { readonly epoch?: number; readonly verificationHash?: string; readonly encryptionKey?: string }
}

/** As the API or the SDK gives it, as text of its `encryptedData`, or as bytes. @throws {RecoverError} */
export async function readSigpairFile(path: string): Promise<SigpairFile> {
  const bytes = await readBytes(path, 'Sigpair’s backup')
  // Three members' as text are as long as four as bytes; only bytes begin with an index.
  const isText = isOfCommittee(bytes) && (bytes[0] ?? 0) > MAX_NODES
  if (isWhole(bytes) && !isText) return { encryptedData: bytes, says: {} }
  const text = Buffer.from(bytes).toString().trim()
  if (!text.startsWith('{')) return { encryptedData: whole(decoded(text)), says: {} }
  return ofJson(jsonOf(text))
}

/** Whether these are a committee's, of a length that {@link readSigpairFile} lets through. */
export function isOfCommittee(encryptedData: Uint8Array): boolean {
  return encryptedData.length !== PVE_BYTES
}

function ofJson({ encryptedData, epoch, verificationHash, encryptionKey, nodes }: Json): SigpairFile {
  const about = {
    ...(typeof epoch === 'number' ? { epoch } : {}),
    ...(typeof encryptionKey === 'string' ? { encryptionKey: encryptionKey.toLowerCase() } : {}),
  }
  // The API's answer beside a committee: an entry for each member, and outside of them those of the first alone.
  if (Array.isArray(nodes) && nodes.some((node) => typeof node === 'object')) {
    return { encryptedData: bundleBackups(nodes.map(entryOf).sort((a, b) => a.index - b.index)), says: about }
  }
  const named = typeof verificationHash === 'string' ? { verificationHash: verificationHash.toLowerCase() } : {}
  return { encryptedData: whole(decoded(encryptedData)), says: { ...about, ...named } }
}

function entryOf(node: unknown): SealedShareOf {
  const { index, encryptedData } = (node ?? {}) as Json
  const isIndex = typeof index === 'number' && Number.isInteger(index) && index >= 1 && index <= MAX_NODES
  const bytes = decoded(encryptedData)
  if (!isIndex || bytes.length !== PVE_BYTES)
    throw input('Sigpair’s backup is damaged: an entry of `nodes` is no share.')
  return { index: partyIndex(index), encryptedData: bytes }
}

type Json = Readonly<Record<string, unknown>>

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw input('Sigpair’s backup looks like JSON and is none: the file is damaged.', cause)
  }
}

function decoded(text: unknown): Uint8Array {
  const isText = typeof text === 'string' && /^[A-Za-z0-9_-]+$/.test(text)
  return isText ? fromBase64url(text) : new Uint8Array()
}

function isWhole({ length }: Uint8Array): boolean {
  return length === PVE_BYTES || (length > 0 && length % ENTRY_BYTES === 0)
}

function whole(bytes: Uint8Array): Uint8Array {
  if (isWhole(bytes)) return bytes
  throw input(
    `Sigpair’s backup is damaged: ${PVE_BYTES} bytes are expected, or ${ENTRY_BYTES} for each member of a committee.`,
  )
}

function input(message: string, cause?: unknown): RecoverError {
  return new RecoverError('input', message, cause)
}
