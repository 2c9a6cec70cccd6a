/** In order; whoever takes first waits. Once it has ended, whoever waits hears so. */
export type Queue<T> = {
  readonly put: (value: T) => void
  readonly take: () => Promise<T>
  readonly end: () => void
}

export function queue<T>(): Queue<T> {
  const waiting: T[] = []
  const readers: { readonly resolve: (value: T) => void; readonly reject: (error: Error) => void }[] = []
  const over = new Error('the other end is gone')
  let ended = false
  return {
    put: (value) => {
      const reader = readers.shift()
      if (reader) reader.resolve(value)
      else waiting.push(value)
    },
    take: async () => {
      const first = waiting.shift()
      if (first !== undefined) return first
      if (ended) throw over
      return new Promise<T>((resolve, reject) => readers.push({ resolve, reject }))
    },
    end: () => {
      ended = true
      for (const { reject } of readers.splice(0)) reject(over)
    },
  }
}
