/** Every size, count and deadline of the wire, each with its reason. */

/** Largest protocol body: a base-OT or RVOLE message is 40 268 bytes; the next power of two leaves room for growth. */
export const MAX_FRAME_BODY = 65_000

/** One Noise message is at most 65 535 bytes (Noise specification, section 3). */
export const MAX_NOISE_MESSAGE = 65_535

/** `ws` drops the socket above this before buffering: one Noise message and nothing more. */
export const MAX_SOCKET_PAYLOAD = 65_535

/** A ticket is a JWS of about 1 KiB: it names a transaction by its digest. The longest user id fits. */
export const MAX_TICKET_BYTES = 4_096

/** A dialogue, from the first byte to the final acknowledgement. Cloud Run drains for 10 s; phones lose patience first. */
export const DIALOGUE_MS = 30_000

/** The longest dialogue beside a committee: a phone is not held up for longer, whatever there is to compute. */
export const MAX_DIALOGUE_MS = 300_000

/**
 * How much longer than {@link DIALOGUE_MS} a dialogue beside n members may take, of which t sign: on a phone without JIT a further
 * pair takes 4 s (base OT, and the backup that is verified), and a presign with one peer a quarter of a second. Everybody is
 * rehearsed with everybody in at most 3 n(n − 1) / t(t − 1) quorums of t. A signature needs no longer.
 *
 * Source: docs/spec/gateway.md 3.4.
 */
export function dialogueGrowthMs(operation: Operation, { members, threshold }: CommitteeSizes): number {
  const meetings = (members * (members - 1)) / (threshold - 1)
  const staged = 4_000 * (members - 1) + Math.ceil(1_000 * meetings)
  const presigned = 250 * MAX_PRESIGN_BATCH * (threshold - 1)
  const wanted = operation === 'sign' ? 0 : operation === 'presign' ? presigned : staged
  return Math.min(wanted, MAX_DIALOGUE_MS - DIALOGUE_MS)
}

type Operation = 'keygen' | 'presign' | 'sign' | 'refresh' | 'recover'

/** n, and t ≥ 2. */
export type CommitteeSizes = { readonly members: number; readonly threshold: number }

/** One round: a phone without JIT needs about 3 s for its longest computation (base OT). */
export const ROUND_MS = 12_000

/** A socket that has not finished its handshake in this time is closed: it costs us memory and proves nothing. */
export const HANDSHAKE_MS = 5_000

/** Tickets live this long; the dialogue must start within it. */
export const TICKET_SECONDS = 120

/** A prepared transaction may be signed this long; then its nonce is free again. */
export const SESSION_SECONDS = 600

/** Operations of one batch: seed 003's number of one `sign` request, and 50 presignatures fit in a stock of 64. */
export const MAX_BATCH_OPERATIONS = 50

/** JSON bodies: a batch of 50 operations with calldata fits; parsing more would stall the event loop. */
export const MAX_JSON_BYTES = 256 * 1024

/** Calldata of one transaction: EIP-3860 caps init code at 49 152 bytes, and tickets do not carry it, only its digest. */
export const MAX_CALLDATA_BYTES = 49_152

/** Members of a committee beside a device: parties are 1..32, and the device is one of them. */
export const MAX_NODES = 31

/** Presignatures in stock per key: GS21's bound degrades with the pool. Source: docs/spec/sign.md. */
export const MAX_PRESIGNATURES = 64

/** Presignatures made in one dialogue: about 20 ms each on a server, 250 ms on a phone without JIT. */
export const MAX_PRESIGN_BATCH = 32

/** A presignature older than this is destroyed by both sides. */
export const PRESIGNATURE_MS = 24 * 3_600_000

/** OT checks that may be open (begun and not passed) per direction before the pair is STALE. Source: docs/spec/abort.md. */
export const MAX_OPEN_CHECKS = 8

/** Strikes in 24 hours that suspend a key. */
export const MAX_STRIKES = 3
export const STRIKE_WINDOW_MS = 24 * 3_600_000

/** A key that nobody commits is forgotten after this. */
export const PENDING_MS = 24 * 3_600_000

/** Between our services: one call, including the work behind it. */
export const INTERNAL_CALL_MS = 15_000

/** A gateway's answer to duo-node: what it says is the better reason, so it says it before duo-node gives up. */
export const GATEWAY_ANSWER_MS = INTERNAL_CALL_MS - 1_000

/** A share in verifiable encryption, 16 528 bytes as base64url. Source: docs/spec/backup.md 1.5. */
export const PVE_BYTES = 16_528
export const PVE_CHARS = Math.ceil((PVE_BYTES * 4) / 3)

/** Re-pairings a day. Source: docs/spec/abort.md. */
export const MAX_REPAIRS = 3
export const REPAIR_WINDOW_MS = 24 * 3_600_000

/** A prepared export can be confirmed this long once its delay is over; a restore likewise. */
export const CONFIRM_MS = 24 * 3_600_000
