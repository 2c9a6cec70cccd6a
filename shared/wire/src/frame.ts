import { WireError } from './errors.ts'
import { MAX_FRAME_BODY } from './limits.ts'

/** What a frame belongs to, by its wire number: a protocol (numbers as in `rounds`), or the dialogue around them. */
export const FRAME_PROTOCOLS = {
  control: 0,
  keygen: 1,
  sign: 2,
  presign: 3,
  refresh: 4,
  reshare: 5,
  export: 6,
  ecdh: 7,
  recover: 8,
} as const

export type FrameProtocol = keyof typeof FRAME_PROTOCOLS

/** Hash-label prefix of the suite below; bound by the handshake's prologue. */
export const SUITE_NAME = 'MPCW-DKLS23-SECP256K1-V1'

/** Wire number of {@link SUITE_NAME} with k = 4. Another k, curve or hash is another number. */
export const SUITE_NUMBER = 1

export const HEADER_BYTES = 52

/** Party indices are 1..32, as in `rounds`. */
const MAX_PARTY = 32

const MAGIC = Uint8Array.of(0x54, 0x4e, 0x44, 0x4d) // "TNDM"
const NAMES = new Map<number, FrameProtocol>(
  Object.entries(FRAME_PROTOCOLS).map(([name, number]) => [number, name as FrameProtocol]),
)

/**
 * One message of a dialogue. Integers are little-endian.
 *
 *     offset  bytes  field
 *     0       4      magic, "TNDM"
 *     4       2      suite, 1
 *     6       1      protocol, 0 = control
 *     7       1      round, counted from 1; of a control frame: its type
 *     8       2      from, a party index
 *     10      2      to, a party index; 0, everyone, is reserved
 *     12      32     sid, the run; not zero unless protocol is control
 *     44      4      epoch
 *     48      4      bodyLen, exactly the bytes that follow
 *     52      rest   body, at most MAX_FRAME_BODY
 *
 * Source: docs/spec/wire.md, section 2.
 */
export type Frame = {
  readonly protocol: FrameProtocol
  readonly round: number
  readonly from: number
  readonly to: number
  readonly sid: Uint8Array
  readonly epoch: number
  readonly body: Uint8Array
}

/** @throws {RangeError} for a frame that {@link decodeFrame} would refuse: our own mistake, never a peer's */
export function encodeFrame(frame: Frame): Uint8Array {
  const { protocol, round, from, to, sid, epoch, body } = frame
  if (body.length > MAX_FRAME_BODY) throw new RangeError(`a frame body of ${body.length} bytes`)
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > 0xffffffff) throw new RangeError('an epoch is a u32')
  if (sid.length !== 32 || !isSound(frame)) throw new RangeError('a frame header out of range')

  const bytes = new Uint8Array(HEADER_BYTES + body.length)
  const view = new DataView(bytes.buffer)
  bytes.set(MAGIC)
  view.setUint16(4, SUITE_NUMBER, true)
  view.setUint8(6, FRAME_PROTOCOLS[protocol])
  view.setUint8(7, round)
  view.setUint16(8, from, true)
  view.setUint16(10, to, true)
  bytes.set(sid, 12)
  view.setUint32(44, epoch, true)
  view.setUint32(48, body.length, true)
  bytes.set(body, HEADER_BYTES)
  return bytes
}

/**
 * The one frame these bytes encode; `sid` and `body` are copies. Whether it belongs to the run is not judged here.
 *
 * @throws {WireError} `FRAME_TOO_LARGE` before anything is copied, `FRAME_INVALID` for every other fault
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length > HEADER_BYTES + MAX_FRAME_BODY) throw new WireError('FRAME_TOO_LARGE')
  if (bytes.length < HEADER_BYTES) throw new WireError('FRAME_INVALID', 'header')

  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const protocol = NAMES.get(view.getUint8(6))
  if (!MAGIC.every((b, i) => b === bytes[i])) throw new WireError('FRAME_INVALID', 'magic')
  if (view.getUint16(4, true) !== SUITE_NUMBER) throw new WireError('FRAME_INVALID', 'suite')
  if (protocol === undefined) throw new WireError('FRAME_INVALID', 'protocol')
  if (view.getUint32(48, true) !== bytes.length - HEADER_BYTES) throw new WireError('FRAME_INVALID', 'bodyLen')

  const frame = {
    protocol,
    round: view.getUint8(7),
    from: view.getUint16(8, true),
    to: view.getUint16(10, true),
    sid: bytes.slice(12, 44),
    epoch: view.getUint32(44, true),
    body: bytes.slice(HEADER_BYTES),
  }
  if (!isSound(frame)) throw new WireError('FRAME_INVALID', 'header')
  return frame
}

/** What a run could not even compare: round 0, a party that does not exist, a run without a name. */
function isSound({ protocol, round, from, to, sid }: Frame): boolean {
  const named = protocol === 'control' || sid.some((b) => b !== 0)
  return named && isBetween(round, 1, 255) && isBetween(from, 1, MAX_PARTY) && isBetween(to, 1, MAX_PARTY)
}

function isBetween(n: number, low: number, high: number): boolean {
  return Number.isInteger(n) && n >= low && n <= high
}
