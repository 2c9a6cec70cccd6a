import type { Message } from '@tandem/rounds'
import {
  callerRequest,
  canonicalJson,
  committeeKey,
  committeeSignature,
  decodeFrame,
  encodeFrame,
  fromHex,
  fromUtf8,
  hex,
  keyIdField,
  nodeName,
  toHex,
  utf8,
} from '@tandem/wire'
import { z } from 'zod'
import type { SignedMessage } from './evidence.ts'
import { sessionId as toSessionId } from '@tandem/rounds'

// What nodes say to each other: commands and answers as JSON, rounds as frames. Source: docs/spec/committee.md, section 4.

/** What four of the five methods do in sessions; keyDelete needs none. */
export const OPERATIONS = ['keyGen', 'keySign', 'keyRefresh', 'keyReshare'] as const
export type Operation = (typeof OPERATIONS)[number]

const MAX_MEMBERS = 32
const count = z.int().min(0).max(0xffffffff)
const index = z.int().min(1).max(MAX_MEMBERS)
const names = z.array(nodeName).max(MAX_MEMBERS)

/** What a run that changed, or would change, who holds a key is known by. See `HandoverName`. */
const handover = { attempt: count, stageId: hex(32) }
export type HandoverFields = { readonly attempt: number; readonly stageId: string }

/** The public part of a key in one epoch, as its members attest it. See `KeyStatement`. */
const statement = z.strictObject({
  keyId: hex(32),
  ssid: hex(32),
  epoch: count,
  threshold: index,
  publicKey: hex(33),
  publicShares: z.array(hex(33)).max(MAX_MEMBERS),
  chainCode: hex(32),
  identities: names,
})
export type StatementFields = z.infer<typeof statement>

/** What a node says of itself when it is asked to prepare. Only what the operation needs is there. */
const ready = z.strictObject({
  /** of the latest run of this key it has staged or seen certified; 0 for none */
  attempt: count,
  /** of the shares it would use */
  ssid: hex(32).optional(),
  /** peers with whom its pair is ACTIVE */
  pairs: names.optional(),
  /** a READY key, to keyGen; or the outcome of the same request, asked before */
  key: committeeKey.optional(),
  /** the answer to the same request, asked before */
  signature: committeeSignature.optional(),
  /** to keyReshare, of a member: what it holds, signed */
  held: z.strictObject({ statement, attestation: hex(64), order: callerRequest }).optional(),
})
export type Ready = z.infer<typeof ready>

/** Who does what, as the coordinator has decided; every node checks that it may. */
const plan = z.strictObject({
  participants: names,
  attempt: count,
  ssid: hex(32).optional(),
  /** keyReshare: old indices, and what t of them attest */
  dealers: z.array(index).max(MAX_MEMBERS).optional(),
  attested: z
    .strictObject({
      statement,
      attestations: z.array(z.strictObject({ index, signature: hex(64) })).max(MAX_MEMBERS),
      order: callerRequest,
    })
    .optional(),
})
export type Plan = z.infer<typeof plan>

/** Everything that makes a staged key one in force. See docs/spec/reshare.md, section 4. */
const certificate = z.strictObject({
  keyId: keyIdField,
  ...handover,
  protocol: z.enum(['keygen', 'refresh', 'reshare']),
  epoch: count,
  conf: hex(32),
  acks: z.array(hex(64)).max(MAX_MEMBERS),
  /** the caller's own order of this committee: its members, in index order, and its threshold */
  order: callerRequest,
  /** of the sender, if it is a member: it holds all of this */
  receipt: hex(64).optional(),
})
export type CertificateFields = z.infer<typeof certificate>

/** One broadcast of one round as its receiver got it. See `SignedBroadcast`. */
const seen = z.strictObject({
  protocol: z.enum(['keygen', 'sign', 'presign', 'refresh', 'reshare']),
  round: index,
  sid: hex(32),
  epoch: count,
  from: index,
  part: z.string().regex(/^0x([0-9a-f]{2}){0,2048}$/),
  signature: hex(64),
})
export type SeenFields = z.infer<typeof seen>

/** A round of everybody, and rehearsals. */
export const MAX_EVIDENCE = 128

const inSession = { sessionId: hex(32) }
const phase = <P extends string>(name: P) =>
  z.enum(OPERATIONS.map((operation) => `${operation}${name}` as const) as [`${Operation}${P}`, ...`${Operation}${P}`[]])

const note = z.discriminatedUnion('type', [
  z.strictObject({ type: phase('Prepare'), ...inSession, request: callerRequest }),
  z.strictObject({ type: phase('Ready'), ...inSession, ready }),
  z.strictObject({ type: phase('Start'), ...inSession, plan }),
  z.strictObject({ type: z.literal('started'), ...inSession }),
  z.strictObject({ type: z.literal('refused'), ...inSession, code: z.string().max(64), details: z.string().max(256) }),
  z.strictObject({ type: z.literal('done'), ...inSession, signature: committeeSignature.optional() }),
  z.strictObject({
    type: z.literal('failed'),
    ...inSession,
    code: z.string().max(64),
    round: z.int().min(0).max(255),
    silent: names,
  }),
  z.strictObject({ type: z.literal('abort'), ...inSession }),
  /** what the others have told the sender in a session that ended in disagreement */
  z.strictObject({ type: z.literal('evidence'), ...inSession, seen: z.array(seen).max(MAX_EVIDENCE) }),
  z.strictObject({ type: z.literal('keyDelete'), request: callerRequest }),
  z.strictObject({ type: z.literal('keyDeleted'), keyId: keyIdField }),
  z.strictObject({ type: z.literal('certificate'), certificate }),
  z.strictObject({ type: z.literal('certified'), keyId: keyIdField, ...handover }),
  /** "I do not know what became of this run, or of anything after it" */
  z.strictObject({ type: z.literal('ask'), keyId: keyIdField, ...handover }),
  z.strictObject({ type: z.literal('acknowledgement'), keyId: keyIdField, ...handover, ack: hex(64) }),
])
export type Note = z.infer<typeof note>
export type NoteOf<T extends Note['type']> = Extract<Note, { readonly type: T }>

/** What came from one peer. */
export type Incoming =
  | { readonly kind: 'note'; readonly note: Note }
  | { readonly kind: 'round'; readonly session: string; readonly signed: SignedMessage }

const NOTE = 0x7b // "{"
const ROUND = 1
const SESSION_BYTES = 32
const FRAME_AT = 1 + SESSION_BYTES + 64

export function encodeNote(one: Note): Uint8Array {
  return utf8(canonicalJson(one))
}

/** 1 ‖ session ‖ signature of the broadcast part ‖ frame. Many sessions share one stream. */
export function encodeRound(session: string, { message, signature }: SignedMessage): Uint8Array {
  const frame = encodeFrame(message)
  const out = new Uint8Array(FRAME_AT + frame.length)
  out[0] = ROUND
  out.set(fromHex(session), 1)
  out.set(signature, 1 + SESSION_BYTES)
  out.set(frame, FRAME_AT)
  return out
}

/** @throws {Error} of any kind, for whatever is not of the documented form */
export function decode(payload: Uint8Array): Incoming {
  if (payload[0] === NOTE) return { kind: 'note', note: note.parse(JSON.parse(fromUtf8(payload))) }
  if (payload[0] !== ROUND) throw new TypeError('neither a note nor a round')
  const session = toHex(payload.subarray(1, 1 + SESSION_BYTES))
  const { protocol, sid, ...frame } = decodeFrame(payload.subarray(FRAME_AT))
  if (protocol === 'control') throw new TypeError('no round of a protocol')
  const message = { ...frame, protocol, sid: toSessionId(sid) } as Message
  return { kind: 'round', session, signed: { message, signature: payload.slice(1 + SESSION_BYTES, FRAME_AT) } }
}
