import { setImmediate } from 'node:timers/promises'
import {
  backupStatement,
  type KeygenResult,
  type KeyShare,
  openPair,
  presign,
  pveEncrypt,
  refresh,
} from '@tandem/ecdsa'
import { type Message, partyIndex, type Protocol, run, runAlone, type RunHost, sessionId } from '@tandem/rounds'
import { toHex } from '@tandem/wire'
import type { Dialogue } from '../../shared/client/src/dialogue/dialogue.ts'
import { type Legs, legsOf } from '../../shared/client/src/dialogue/legs.ts'
import { fast } from './backends.ts'
import { identityOf, signAs } from './keygen.ts'
import { queue, type Queue } from './queue.ts'
import { seeded } from './rng.ts'

const [DEVICE, SIGPAIR] = [partyIndex(1), partyIndex(2)]

/** A refresh dialogue without a socket: an honest Sigpair's rounds behind it, and a diary of what the device says. */
export type PaperDialogue = {
  readonly dialogue: Dialogue
  /** the one leg of a pair */
  readonly legs: Legs
  /** `round 1` … of the refresh, `presign 1` …, `stored`, in order; tests add their own */
  readonly diary: string[]
  /** Sigpair's side, once it is through */
  readonly sigpair: Promise<KeygenResult>
}

/**
 * @param sigpair its share of the epoch in force
 * @param device  identity of the new party 1
 * @param ek      the enrolled recovery key
 * @param tamper  what becomes of the backup on its way
 */
export function paperDialogue(
  sigpair: KeyShare,
  device: Uint8Array,
  ek: Uint8Array | undefined,
  tamper: (backup: Uint8Array) => Uint8Array = (backup) => backup,
): PaperDialogue {
  const stageId = seeded('paper stage')(32)
  const diary: string[] = []
  const [toSigpair, toDevice] = [queue<Message>(), queue<Message>()]
  const host = hostBetween(toSigpair, toDevice)
  const play = async <Out>(protocol: Protocol<Out>) => run(protocol, host)
  const side = sigpairSide({ ...sigpair, identities: [device, identityOf(2)] }, stageId, play)
  side.catch(() => undefined)
  const backup = async () => {
    const { share } = await side
    const statement = backupStatement(share, { party: SIGPAIR, purpose: 'recovery', ek: ek ?? new Uint8Array() })
    return tamper(await runAlone(pveEncrypt(fast, statement, share.secret, seeded('paper backup')), host.breathe))
  }
  const dialogue: Dialogue = {
    answer: {
      identity: toHex(identityOf(2)),
      stageId: toHex(stageId),
      ...(ek === undefined ? {} : { recoveryKey: toHex(ek) }),
    },
    channel: {
      send: async (message) => {
        diary.push(`${message.protocol} ${message.round}`)
        toSigpair.put(message)
      },
      receive: async () => toDevice.take(),
    },
    sendControl: (name) => void diary.push(name),
    receiveControl: async () => ({}),
    sendBytes: (name) => void diary.push(name),
    receiveBytes: backup,
    close: () => undefined,
  }
  const legs = legsOf(DEVICE, new Map([[SIGPAIR, dialogue]]), toHex(stageId))
  return { dialogue, legs, diary, sigpair: side }
}

/** Nothing is stored and nobody is late: the device's side is what is tested. */
function hostBetween(from: Queue<Message>, to: Queue<Message>): RunHost {
  return {
    channel: { send: async (message) => to.put(message), receive: async () => from.take() },
    record: async () => undefined,
    breathe: async () => setImmediate(),
    after: () => () => undefined,
    roundMs: 0,
    signal: new AbortController().signal,
  }
}

async function sigpairSide(
  share: KeyShare,
  stageId: Uint8Array,
  play: <Out>(protocol: Protocol<Out>) => Promise<Out>,
): Promise<KeygenResult> {
  const deps = { backend: fast, rng: seeded('paper sigpair'), sign: signAs(2) }
  const result = await play(refresh({ share, stageId }, deps))
  const pairs = new Map(result.pairs.map((pair) => [pair.peer, openPair(fast, pair)]))
  const session = { sigid: sessionId(stageId), signers: [DEVICE, SIGPAIR] }
  await play(presign(session, { share: result.share, pairs }, deps))
  return result
}
