import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  type AuditCheckpoint,
  auditCheckpoint,
  auditCheckpointBytes,
  type AuditHead,
  auditHead,
  auditHeadBytes,
  type AuditLine,
  auditLine,
  firstAuditBreak,
  fromHex,
} from '@tandem/wire'
import { z } from 'zod'

const USAGE = `Verifies an exported audit log of one key, without any service.

  node infra/local/src/audit-verify.ts FILE [--identity HEX] [--kms-key FILE.pem]

FILE       answers of GET /api/v1/audit, one JSON document after another (one per line, or a single one)
--identity Sigpair's Ed25519 identity, 0x-hex, as the app has pinned it: heads must carry its signature
--kms-key  public key of the KMS key that signs checkpoints, PEM: checkpoints must carry its signature`

const page = z.object({
  lines: z.array(auditLine),
  head: auditHead.optional(),
  checkpoint: auditCheckpoint.optional(),
})

type Log = {
  readonly lines: readonly AuditLine[]
  readonly heads: readonly AuditHead[]
  readonly checkpoints: readonly AuditCheckpoint[]
}

/** Who is trusted; what is undefined is not checked. */
export type Trusted = { readonly identity?: string | undefined; readonly kmsKey?: string | undefined }

/** What is wrong, in a sentence that names the line; undefined when nothing is. Source: docs/spec/audit.md, section 4. */
export function problemOf(text: string, trusted: Trusted): string | undefined {
  const log = readLog(text)
  const broken = firstAuditBreak(log.lines)
  if (broken) return `line ${broken.seq} is broken: ${broken.reason}`
  return cutTail(log) ?? wrongAnchor(log) ?? wrongSignature(log, trusted)
}

function readLog(text: string): Log {
  const pages = documentsIn(text).map((document) => page.parse(document))
  return {
    lines: pages.flatMap(({ lines }) => lines),
    heads: pages.flatMap(({ head }) => head ?? []),
    checkpoints: pages.flatMap(({ checkpoint }) => checkpoint ?? []),
  }
}

function documentsIn(text: string): unknown[] {
  try {
    return [JSON.parse(text)].flat()
  } catch {
    const rows = text.split('\n').filter((row) => row.trim() !== '')
    return rows.map((row) => JSON.parse(row) as unknown)
  }
}

/** The head names the last line: one that is missing behind it was cut off. */
function cutTail({ lines, heads }: Log): string | undefined {
  const last = Math.max(0, ...heads.map(({ seq }) => seq))
  return last > lines.length ? `line ${lines.length + 1} is missing: the head is at ${last}` : undefined
}

function wrongAnchor({ lines, heads, checkpoints }: Log): string | undefined {
  const wrong = [...heads, ...checkpoints].find(({ seq, hash, keyId }) => {
    const line = lines[seq - 1]
    return line !== undefined && (line.hash !== hash || line.entry.resourceName !== `keys/${keyId.toLowerCase()}`)
  })
  return wrong && `line ${wrong.seq} is not the one that was signed: the log was written anew up to there`
}

function wrongSignature({ heads, checkpoints }: Log, { identity, kmsKey }: Trusted): string | undefined {
  if (identity !== undefined) {
    const x = Buffer.from(fromHex(identity)).toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    const forged = heads.find((head) => !verify(null, auditHeadBytes(head), key, fromHex(head.signature)))
    if (forged) return `line ${forged.seq}: its head is not signed by this identity`
  }
  if (kmsKey === undefined) return undefined
  const forged = checkpoints.find((at) => !verify('sha256', auditCheckpointBytes(at), kmsKey, fromHex(at.signature)))
  return forged && `line ${forged.seq}: its checkpoint is not signed by this KMS key`
}

function main(): void {
  const options = { identity: { type: 'string' }, 'kms-key': { type: 'string' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [file] = positionals
  if (file === undefined) {
    console.error(USAGE)
    process.exitCode = 2
    return
  }
  const pem = values['kms-key']
  const kmsKey = pem === undefined ? undefined : readFileSync(pem, 'utf8')
  const text = readFileSync(file, 'utf8')
  const problem = problemOf(text, { identity: values.identity, kmsKey })
  if (problem === undefined) console.log(`${readLog(text).lines.length} lines, unbroken`)
  else {
    console.error(problem)
    process.exitCode = 1
  }
}

if (import.meta.main) main()
