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
  type UserAuditHead,
  userAuditHead,
  userAuditHeadBytes,
} from '@tandem/wire'
import { z } from 'zod'

const USAGE = `Verifies an exported audit log of one key, or of one user, without any service.

  node infra/local/src/audit-verify.ts FILE [--identity HEX] [--kms-key FILE.pem] [--backend-key HEX]

FILE       answers of GET /api/v1/audit, one JSON document after another (one per line, or a single one)
--identity Sigpair's Ed25519 identity, 0x-hex, as the app has pinned it: heads must carry its signature
--kms-key  public key of the KMS key that signs checkpoints, PEM: checkpoints must carry its signature
--backend-key  the backend's Ed25519 service key, 0x-hex: heads of a user's own log must carry its signature`

const page = z.object({
  lines: z.array(auditLine),
  head: z.union([auditHead, userAuditHead]).optional(),
  checkpoint: auditCheckpoint.optional(),
})

type Head = AuditHead | UserAuditHead

type Log = {
  readonly lines: readonly AuditLine[]
  readonly heads: readonly Head[]
  readonly checkpoints: readonly AuditCheckpoint[]
}

/** Who is trusted; what is undefined is not checked. */
export type Trusted = {
  readonly identity?: string | undefined
  readonly kmsKey?: string | undefined
  readonly backendKey?: string | undefined
}

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
  const wrong = [...heads, ...checkpoints].find((anchor) => {
    const line = lines[anchor.seq - 1]
    return line !== undefined && (line.hash !== anchor.hash || line.entry.resourceName !== resourceOf(anchor))
  })
  return wrong && `line ${wrong.seq} is not the one that was signed: the log was written anew up to there`
}

const resourceOf = (anchor: Head | AuditCheckpoint) =>
  'user' in anchor ? `users/${anchor.user}` : `keys/${anchor.keyId.toLowerCase()}`

function wrongSignature({ heads, checkpoints }: Log, { identity, kmsKey, backendKey }: Trusted): string | undefined {
  const forgedHead = heads.find((head) => {
    const key = 'user' in head ? backendKey : identity
    const bytes = 'user' in head ? userAuditHeadBytes(head) : auditHeadBytes(head)
    return key !== undefined && !verify(null, bytes, ed25519(key), fromHex(head.signature))
  })
  if (forgedHead)
    return `line ${forgedHead.seq}: its head is not signed by this ${'user' in forgedHead ? 'backend' : 'identity'}`
  if (kmsKey === undefined) return undefined
  const forged = checkpoints.find((at) => !verify('sha256', auditCheckpointBytes(at), kmsKey, fromHex(at.signature)))
  return forged && `line ${forged.seq}: its checkpoint is not signed by this KMS key`
}

function ed25519(publicKey: string) {
  const x = Buffer.from(fromHex(publicKey)).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

function main(): void {
  const options = {
    identity: { type: 'string' },
    'kms-key': { type: 'string' },
    'backend-key': { type: 'string' },
  } as const
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
  const problem = problemOf(text, { identity: values.identity, kmsKey, backendKey: values['backend-key'] })
  if (problem === undefined) console.log(`${readLog(text).lines.length} lines, unbroken`)
  else {
    console.error(problem)
    process.exitCode = 1
  }
}

if (import.meta.main) main()
