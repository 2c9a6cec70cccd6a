import { type Message, type PartyIndex, partyIndex, sessionId } from '@tandem/rounds'
import {
  CONTROL,
  canonicalJson,
  type Done,
  decodeFrame,
  encodeFrame,
  type Frame,
  type SecureChannel,
  utf8,
  WireError,
} from '@tandem/wire'
import type { DeviceSocket } from './channel-ws.ts'
import { DEVICE, type Places, SIGPAIR } from '../parties.ts'

/** What a device says once both sides know each other. */
export type Heard =
  | { readonly said: 'message'; readonly message: Message }
  /** it has stored its result */
  | { readonly said: 'stored' }
  /** what its owner has opened, 32 bytes; whoever reads it overwrites it */
  | { readonly said: 'share'; readonly opened: Uint8Array }

/** An established dialogue: sealed frames over one socket. */
export type Link = {
  /** the device's index */
  readonly device: PartyIndex
  /**
   * The device's next frame.
   *
   * @throws {WireError} `FRAME_INVALID`, `FRAME_TOO_LARGE`
   * @throws {SocketLost} when the device has left
   */
  readonly hear: () => Promise<Heard>
  /** After `hear` has failed nothing is sent any more. */
  readonly send: (message: Message) => void
  /** The new backup of Sigpair's share, for the device to verify. */
  readonly sayBackup: (ciphertext: Uint8Array) => void
  /** Sigpair's last word: its result is stored too. */
  readonly sayDone: (done: Done) => void
  /** Erases the keys. */
  readonly end: () => void
}

const NO_RUN = new Uint8Array(32)

const IN_A_PAIR: Places = { self: SIGPAIR, device: DEVICE }

export function link(socket: DeviceSocket, channel: SecureChannel, { self, device }: Places = IN_A_PAIR): Link {
  let broken = false
  const sendFrame = (frame: Frame) => {
    if (!broken) socket.send(channel.seal(encodeFrame(frame)))
  }
  const hear = async () => {
    try {
      const plain = channel.open(await socket.next())
      const said = heard(decodeFrame(plain))
      if (said.said === 'share') plain.fill(0)
      return said
    } catch (cause) {
      broken = true
      throw cause
    }
  }
  const say = (round: number, body: Uint8Array) =>
    sendFrame({ protocol: 'control', round, from: self, to: device, sid: NO_RUN, epoch: 0, body })
  return {
    device,
    hear,
    send: sendFrame,
    sayBackup: (ciphertext) => say(CONTROL.backup, ciphertext),
    sayDone: (done) => say(CONTROL.done, utf8(canonicalJson(done))),
    end: () => {
      broken = true
      channel.close()
    },
  }
}

/** Header fields are compared with the run's by the run; here they only become typed. */
function heard(frame: Frame): Heard {
  if (frame.protocol !== 'control') {
    const { protocol, round, epoch, body } = frame
    const sid = sessionId(frame.sid)
    return {
      said: 'message',
      message: { protocol, round, epoch, sid, from: partyIndex(frame.from), to: partyIndex(frame.to), body },
    }
  }
  if (frame.round === CONTROL.stored) return { said: 'stored' }
  if (frame.round === CONTROL.share && frame.body.length === 32) return { said: 'share', opened: frame.body }
  throw new WireError('FRAME_INVALID', 'control')
}
