import { setTimeout as sleep } from 'node:timers/promises'
import {
  MAX_BROADCAST_BYTES,
  MAX_MESSAGE_BYTES,
  type Network,
  PeerUnreachable,
} from '../../sigpair/src/committee/network.ts'

/** Three nodes that know each other. */
export type Trio = {
  readonly networks: readonly [Network, Network, Network]
  /** ends the process of the last node, without a word to the others */
  readonly killLast: () => Promise<void>
  /** a new process of the last node */
  readonly restartLast: () => Promise<Network>
  readonly close: () => Promise<void>
}

type Heard = { readonly from: string; readonly text: string; readonly bytes: number }

/** What every {@link Network} keeps. A broadcast may be lost, so whoever wants it heard repeats it. */
export function networkContract(
  name: string,
  open: () => Promise<Trio>,
  extent: 'all' | 'what a transport can break' = 'all',
): void {
  describe(name, () => {
    let trio: Trio
    beforeEach(async () => {
      trio = await open()
    })
    afterEach(async () => trio.close())

    test('a broadcast is heard by all others with its sender, and not by the sender', async () => {
      const [a, b, c] = trio.networks
      const [own, atB, atC] = [broadcastsOf(a), broadcastsOf(b), broadcastsOf(c)]
      await repeatUntil(a, 'keyGenPrepare', () => atB.length > 0 && atC.length > 0)

      expect([...atB, ...atC].every(({ from, text }) => from === a.self && text.startsWith('keyGenPrepare'))).toBe(true)
      expect(own).toEqual([])
    })

    test('a message is heard by its receiver only, once, as it was sent', async () => {
      const [a, b, c] = trio.networks
      const [atB, atC] = [messagesOf(b), messagesOf(c)]
      await a.send(b.self, text('round 1'))
      await until(() => atB.length > 0)
      await sleep(50)

      expect(atB).toEqual([{ from: a.self, text: 'round 1', bytes: 7 }])
      expect(atC).toEqual([])
    })

    test('the longest message arrives; a longer one is refused where it is sent', async () => {
      const [a, b] = trio.networks
      const atB = messagesOf(b)
      await a.send(b.self, new Uint8Array(MAX_MESSAGE_BYTES))
      await until(() => atB.length > 0)

      expect(atB[0]!.bytes).toBe(MAX_MESSAGE_BYTES)
      await expect(a.send(b.self, new Uint8Array(MAX_MESSAGE_BYTES + 1))).rejects.toThrow(RangeError)
      await expect(a.broadcast(new Uint8Array(MAX_BROADCAST_BYTES + 1))).rejects.toThrow(RangeError)
    })

    test('a peer that is gone cannot be reached, and is reached again when it is back', async () => {
      const [a, b, c] = trio.networks
      const atFirst = messagesOf(c)
      await a.send(c.self, text('before'))
      await until(() => atFirst.length > 0)

      await trio.killLast()
      await until(() => !a.links().get(c.self)!.connected)
      await expect(a.send(c.self, text('while gone'))).rejects.toThrow(PeerUnreachable)
      const atB = messagesOf(b)
      await a.send(b.self, text('to others'))
      await until(() => atB.length > 0)

      const back = await trio.restartLast()
      const [messages, broadcasts] = [messagesOf(back), broadcastsOf(back)]
      await until(() => a.links().get(c.self)!.connected)
      await a.send(c.self, text('after'))
      await until(() => messages.length > 0)
      expect(messages.map((heard) => heard.text)).toEqual(['after'])
      await repeatUntil(a, 'news', () => broadcasts.length > 0)
      const fromBack = broadcastsOf(b)
      await repeatUntil(back, 'I am back', () => fromBack.length > 0)
      expect(fromBack[0]!.from).toBe(c.self)
    })

    if (extent === 'what a transport can break') return

    test('messages of one peer to another arrive in the order of the calls, nobody waiting in between', async () => {
      const [a, b] = trio.networks
      const atB = messagesOf(b)
      const wanted = Array.from({ length: 200 }, (_, i) => `${i}`.padEnd(1 + (i % 7) * 5_000, '.'))
      await Promise.all(wanted.map((line) => a.send(b.self, text(line))))
      await until(() => atB.length === wanted.length)

      expect(atB.map((heard) => Number(heard.text.split('.')[0]))).toEqual(wanted.map((_, i) => i))
    })

    test('everybody talks to everybody at once', async () => {
      const heard = trio.networks.map(messagesOf)
      const sends = trio.networks.flatMap((from) =>
        from.peers.flatMap(({ name: to }) => Array.from({ length: 20 }, async (_, i) => from.send(to, text(`${i}`)))),
      )
      await Promise.all(sends)
      await until(() => heard.every((all) => all.length === 40))

      for (const [i, all] of heard.entries()) {
        for (const { name: from } of trio.networks[i]!.peers) {
          expect(all.filter((one) => one.from === from).map((one) => Number(one.text))).toEqual([...Array(20).keys()])
        }
      }
    })

    test('the longest broadcast arrives', async () => {
      const [a, b] = trio.networks
      const atB = broadcastsOf(b)
      await repeatUntil(a, 'x'.repeat(MAX_BROADCAST_BYTES - 8), () => atB.length > 0)
      expect(atB[0]!.bytes).toBeGreaterThan(MAX_BROADCAST_BYTES - 16)
    })

    test('nothing is sent to whoever is not pinned, nor to oneself', async () => {
      const [a] = trio.networks
      await expect(a.send(`0x${'77'.repeat(32)}`, text('hello'))).rejects.toThrow(PeerUnreachable)
      await expect(a.send(a.self, text('hello'))).rejects.toThrow(PeerUnreachable)
    })

    test('who stops hearing hears nothing more', async () => {
      const [a, b] = trio.networks
      const all = messagesOf(b)
      const some: string[] = []
      const stop = b.onMessage((_from, payload) => some.push(decode(payload)))
      await a.send(b.self, text('one'))
      await until(() => all.length === 1)
      stop()
      await a.send(b.self, text('two'))
      await until(() => all.length === 2)
      expect(some).toEqual(['one'])
    })

    test('links tell who is connected, and when each was heard last', async () => {
      const [a, b, c] = trio.networks
      await until(() => [...a.links().values()].every(({ connected }) => connected))
      expect([...a.links().keys()].toSorted()).toEqual([b.self, c.self].toSorted())
      expect(a.links().get(b.self)!.heard).toBe(0)

      const atA = messagesOf(a)
      await b.send(a.self, text('here'))
      await until(() => atA.length > 0)
      expect(a.links().get(b.self)!.heard).toBeGreaterThan(0)
      expect(a.links().get(c.self)!.heard).toBe(0)
    })
  })
}

export function messagesOf(network: Network): Heard[] {
  const all: Heard[] = []
  network.onMessage((from, payload) => all.push({ from, text: decode(payload), bytes: payload.length }))
  return all
}

export function broadcastsOf(network: Network): Heard[] {
  const all: Heard[] = []
  network.onBroadcast((from, payload) => all.push({ from, text: decode(payload), bytes: payload.length }))
  return all
}

/** @throws {Error} when it does not come true in half a minute */
export async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 30_000; !holds(); await sleep(10)) {
    if (performance.now() > deadline) throw new Error('it did not come true')
  }
}

/** Broadcasts `line` and a number every 100 ms until it was heard. */
export async function repeatUntil(network: Network, line: string, holds: () => boolean): Promise<void> {
  for (let n = 0; n < 300 && !holds(); n++) {
    await network.broadcast(text(`${line} ${n}`))
    await sleep(100)
  }
  if (!holds()) throw new Error('no broadcast was heard')
}

export function text(line: string): Uint8Array {
  return new TextEncoder().encode(line)
}

function decode(payload: Uint8Array): string {
  return new TextDecoder().decode(payload)
}
