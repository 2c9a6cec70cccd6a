import { PeerUnreachable } from '../../sigpair/src/committee/network.ts'
import { memoryNetworks } from '../helpers/memory-network.ts'
import { broadcastsOf, messagesOf, networkContract, text, until } from './network-contract.ts'

const NAMES = [1, 2, 3].map((n) => `0x${String(n).repeat(64)}`)
const [A, B, C] = NAMES as [string, string, string]

networkContract('in memory', async () => {
  const all = memoryNetworks(NAMES)
  return {
    networks: [all.node(A), all.node(B), all.node(C)],
    killLast: async () => all.kill(C),
    restartLast: async () => all.restart(C),
    close: all.close,
  }
})

describe('with faults', () => {
  test('broadcasts are lost, repeated and reordered, the same way for the same seed', async () => {
    const heardWith = async (seed: number) => {
      const all = memoryNetworks(NAMES, { seed, faults: { loss: 0.3, repetition: 0.3, reordering: 0.5 } })
      const heard = broadcastsOf(all.node(B))
      await Promise.all(Array.from({ length: 100 }, (_, i) => all.node(A).broadcast(text(`${i}`))))
      await all.quiet()
      await all.close()
      return heard.map((one) => Number(one.text))
    }
    const heard = await heardWith(1)
    expect(new Set(heard).size).toBeLessThan(90)
    expect(heard.length).toBeGreaterThan(new Set(heard).size)
    expect(heard).not.toEqual(heard.toSorted((a, b) => a - b))
    expect(await heardWith(1)).toEqual(heard)
    expect(await heardWith(2)).not.toEqual(heard)
  })

  test('messages keep their order whatever overtakes them, and a lost one leaves a gap', async () => {
    const all = memoryNetworks(NAMES, { faults: { reordering: 0.9, messageLoss: 0.2, delayMs: 2 } })
    const heard = messagesOf(all.node(B))
    await Promise.all(Array.from({ length: 100 }, (_, i) => all.node(A).send(B, text(`${i}`))))
    await all.quiet()
    const numbers = heard.map((one) => Number(one.text))
    expect(numbers.length).toBeGreaterThan(50)
    expect(numbers.length).toBeLessThan(100)
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    await all.close()
  })

  test('a partition keeps its sides apart until it heals', async () => {
    const all = memoryNetworks(NAMES)
    const heard = messagesOf(all.node(C))
    all.partition([A, B], [C])
    await expect(all.node(A).send(C, text('no'))).rejects.toThrow(PeerUnreachable)
    expect(all.node(A).links().get(C)!.connected).toBe(false)
    await all.node(A).send(B, text('yes'))
    all.heal()
    await all.node(A).send(C, text('again'))
    await until(() => heard.length > 0)
    expect(heard.map((one) => one.text)).toEqual(['again'])
    await all.close()
  })

  test('a deaf node hears nothing, and nobody is told', async () => {
    const all = memoryNetworks(NAMES)
    const heard = messagesOf(all.node(C))
    all.deafen(C)
    await all.node(A).send(C, text('lost'))
    await all.quiet()
    all.undeafen(C)
    await all.node(A).send(C, text('heard'))
    await until(() => heard.length > 0)
    expect(heard.map((one) => one.text)).toEqual(['heard'])
    await all.close()
  })
})
