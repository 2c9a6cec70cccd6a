import { exchange, journal, partyIndex, type Protocol, pause, runAlone, sessionId, UsageError } from '@tandem/rounds'

function* counting(to: number): Protocol<number> {
  for (let i = 0; i < to; i++) yield* pause()
  return to
}

test('work without a peer runs to its result, and breathes at every pause', async () => {
  let breaths = 0
  const breathe = async () => {
    breaths++
  }
  expect(await runAlone(counting(3), breathe)).toBe(3)
  expect(breaths).toBe(3)
})

test('a protocol that needs a peer or a store is refused', async () => {
  const header = { protocol: 'keygen', round: 1, sid: sessionId(new Uint8Array(32).fill(1)), epoch: 0 } as const
  const talking = exchange(header, partyIndex(1), new Map(), new Map())
  const storing = journal({ entry: 'store', name: 'stage', bytes: new Uint8Array(1) })
  for (const protocol of [talking, storing]) {
    await expect(runAlone<unknown>(protocol, async () => {})).rejects.toThrow(UsageError)
  }
})

test('work that is given up is closed, so that it can erase what it holds', async () => {
  let erased = false
  function* secretive(): Protocol<void> {
    try {
      yield* counting(2)
    } finally {
      erased = true
    }
  }
  const stop = () => Promise.reject(new Error('shutting down'))
  await expect(runAlone(secretive(), stop)).rejects.toThrow('shutting down')
  expect(erased).toBe(true)
})
